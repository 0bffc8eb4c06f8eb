#[rapace::service]
trait Service {
    fn sum(&self, numbers: rapace::Rx<u32>) -> u32;
}

async fn call(client: &ServiceClient) {
    let (tx, rx) = rapace::stream();
    let _ = client.sum(rx).await;
    drop(tx);
}

fn main() {}
