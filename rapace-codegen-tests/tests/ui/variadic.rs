#[rapace::service]
trait Service {
    fn print(&self, format: &str, rest: ...);
}

fn main() {}
