#[rapace::service]
trait Service {
    fn print(&self, format: &str, ...);
}

fn main() {}
