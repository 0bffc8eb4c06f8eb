#[rapace::service]
trait Service {
    fn whoami(&self, cx: &rapace::Context, again: &rapace::Context) -> u32;
}

fn main() {}
