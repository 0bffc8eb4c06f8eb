#[rapace::service]
trait Service {
    fn lookup(&self) -> impl Future<Output = u8>;
    fn sent(&self) -> impl ::core::future::Future<Output = u8> + Send;
}

fn main() {}
