#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
    fn check(&self) -> Result<u8, String>;
}

fn other(client: &ServiceClient) -> Result<u8, rapace::RpcError> {
    Ok(client.check().wait()?)
}

fn main() {}
