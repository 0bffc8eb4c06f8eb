#[rapace::service]
trait Service {
    fn first(&self) -> u8;
    #[rapace(name = "first")]
    fn second(&self) -> u8;
    fn third(&self) -> u8;
    fn third(&self, again: u8) -> u8;
}

fn main() {}
