#[rapace::service]
trait Service {
    fn each(&self, act: fn(&u8) -> u8);
}

fn main() {}
