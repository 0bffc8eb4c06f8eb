#[rapace::service]
trait Service {
    fn measure(&self) -> Result<u32>;
}

fn main() {}
