#[rapace::service]
trait Service {
    fn first(&self, a: u8) -> u8;
    async fn second(&self, a: &str) -> u8;
}

struct Implementation;

impl Service for Implementation {
    fn first(&self, a: u16) -> u8 {
        a as u8
    }
    async fn second(&self, a: &str) -> u16 {
        a.len() as u16
    }
}

fn main() {}
