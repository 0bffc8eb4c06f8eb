#[rapace::service(version = "1", name = "fine")]
trait Service {
    #[rapace(oneway)]
    fn one(&self);
    #[rapace(retry = 3, idempotent)]
    fn two(&self);
}

fn main() {}
