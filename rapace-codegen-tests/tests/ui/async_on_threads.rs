#[rapace::service]
trait Service {
    fn first(&self, a: u8) -> u8;
    async fn second(&self, a: u8) -> u8;
}

struct Implementation;

impl Service for Implementation {
    fn first(&self, a: u8) -> u8 {
        a
    }
    async fn second(&self, a: u8) -> u8 {
        a
    }
}

fn main() {
    let _ = rapace::serve("/tmp/nowhere", ServiceServer::new(Implementation));
}
