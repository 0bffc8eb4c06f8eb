#[rapace::service]
trait Service {
    fn owned(&self, cx: rapace::Context) -> u32;
}

fn main() {}
