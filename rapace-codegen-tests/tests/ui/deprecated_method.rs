#![deny(deprecated)]

#[rapace::service]
trait Service {
    #[deprecated(note = "use `new_way`")]
    fn old_way(&self) -> u8;
}

fn call(client: &ServiceClient) {
    let _ = client.old_way().wait();
}

fn main() {}
