#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
}

fn later(client: &ServiceClient) {
    let call = {
        let text = String::from("short");
        client.add(1, &text)
    };
    let _ = call.wait();
}

fn main() {}
