#[rapace::service]
trait Service {
    #[rapace(blocking)]
    async fn sleep(&self);
}

fn main() {}
