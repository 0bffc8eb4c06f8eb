#[rapace::service]
trait Service {
    fn sends(&mut self, limit: &u32, found: rapace::Tx<u32>, more: rapace::Rx<Option<u32>>) -> u32;
    #[rapace(oneway)]
    fn log(&self, mut line: &str);
}

// They are called as they would be without the mistakes: no error below this line.
fn call(client: &ServiceClient) {
    let ((tx, _rx), (_tx, rx)) = (rapace::stream(), rapace::stream());
    let _: Result<rapace::Pending<_>, rapace::RpcError> = client.sends(&1, tx, rx).start();
    let _: Result<(), rapace::RpcError> = client.log("text").send();
}

fn main() {}
