#[rapace::service]
trait Service {
    fn sum(&self, numbers: rapace::Rx<u32>) -> Result<u32, String>;
}

fn call(client: &ServiceClient) -> u32 {
    let (tx, rx) = rapace::stream();
    let sum = client.sum(rx).wait().unwrap();
    drop(tx);
    sum
}

fn main() {}
