#[rapace::service]
trait Service {
    fn put(&self, a: Pont, b: u8) -> Resul;
}

fn main() {}
