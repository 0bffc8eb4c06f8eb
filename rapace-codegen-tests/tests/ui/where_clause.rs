#[rapace::service]
trait Service {
    fn bounded(&self) -> u8
    where
        Self: Sized;
}

fn main() {}
