#[rapace::service]
trait Service {
    fn first(&self, a: u8) -> u8;
    async fn second(&self, a: &str) -> u8;
}

struct Implementation;

impl Service for Implementation {
    fn first(&self, a: u8) -> u8 {
        a
    }
    async fn second(&self, a: &str) -> u8 {
        let kept = std::rc::Rc::new(a.len() as u8);
        std::future::ready(()).await;
        *kept
    }
}

fn main() {}
