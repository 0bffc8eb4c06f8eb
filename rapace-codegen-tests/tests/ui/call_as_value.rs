#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
    fn check(&self) -> Result<u8, String>;
}

fn value(client: &ServiceClient) -> u8 {
    client.add(1, "a")
}

fn main() {}
