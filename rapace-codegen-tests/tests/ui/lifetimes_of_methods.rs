#[rapace::service]
trait Service {
    fn named<'a>(&self, a: &'a str) -> u32;
    fn of_self<'a>(&'a self, a: &str) -> u32;
    fn returned<'a>(&'a self) -> &'a str;
}

fn main() {}
