#[rapace::service]
#[rapace::service]
trait Service {
    fn sound(&self) -> u8;
}

fn main() {}
