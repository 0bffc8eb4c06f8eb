#[rapace::service]
unsafe trait Service {
    fn sound(&self) -> u8;
}

fn main() {}
