#[rapace::service]
trait Service {
    fn sound(&self) -> u8;
    fn half(&self, a: u8) -> u8 {
        a.
    }
}

fn call(client: &ServiceClient) {
    let _ = client.half(1).wait();
}

fn main() {}
