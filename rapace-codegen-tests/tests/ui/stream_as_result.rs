#[rapace::service]
trait Service {
    fn plain(&self) -> rapace::Rx<u8>;
    async fn fallible(&self) -> Result<rapace::Tx<u8>, String>;
}

fn main() {}
