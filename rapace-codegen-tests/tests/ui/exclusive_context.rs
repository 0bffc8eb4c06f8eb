#[rapace::service]
trait Service {
    fn exclusive(&self, cx: &mut rapace::Context) -> u32;
}

fn main() {}
