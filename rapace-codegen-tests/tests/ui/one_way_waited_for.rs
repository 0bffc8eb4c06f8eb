#[rapace::service]
trait Service {
    #[rapace(oneway)]
    fn log(&self, line: &str);
}

fn call(client: &ServiceClient) {
    let _ = client.log("there is nothing to be pending").start();
}

fn main() {}
