#[rapace::service]
trait Service {
    #[rapace(result)]
    fn measure(&self) -> Option<u32>;
}

fn main() {}
