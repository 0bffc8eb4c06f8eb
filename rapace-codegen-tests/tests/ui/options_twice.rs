#[rapace::service(name = "a", name = "b")]
trait Service {
    #[rapace(idempotent)]
    #[rapace(idempotent)]
    fn one(&self);
    #[rapace(result, value)]
    fn two(&self) -> Result<u8, u8>;
    #[rapace(timeout = "1s", timeout = "2s")]
    fn three(&self);
}

fn main() {}
