#[rapace::service]
#[rapace(name = "acme.Service")]
trait Service {
    fn sound(&self) -> u8;
}

fn main() {}
