#[rapace::service(crate = ::nowhere)]
trait Service {
    fn sound(&self) -> u8;
}

fn main() {}
