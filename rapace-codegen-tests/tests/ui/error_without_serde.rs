pub struct Refused;

#[rapace::service]
trait Service {
    fn place(&self) -> Result<u8, Refused>;
}

fn main() {}
