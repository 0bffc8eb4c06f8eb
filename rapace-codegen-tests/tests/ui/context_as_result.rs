#[rapace::service]
trait Service {
    fn context(&self) -> rapace::Context;
}

fn main() {}
