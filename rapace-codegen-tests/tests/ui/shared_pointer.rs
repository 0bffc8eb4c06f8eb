#[rapace::service]
trait Service {
    fn share(&self, text: std::sync::Arc<str>);
}

fn main() {}
