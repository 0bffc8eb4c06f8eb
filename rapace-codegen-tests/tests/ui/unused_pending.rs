#![deny(unused_must_use)]

#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
    fn check(&self) -> Result<u8, String>;
}

fn unused(client: &ServiceClient) -> Result<(), rapace::RpcError> {
    client.add(1, "a").start()?;
    Ok(())
}

fn main() {}
