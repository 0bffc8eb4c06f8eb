#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
    fn check(&self) -> Result<u8, String>;
}

fn wrong(client: &ServiceClient) {
    let _ = client.add("one", 1).wait();
}

fn main() {}
