//! Methods with bodies, which stay as they are written.

#[rapace::service]
pub trait Bodies {
    fn name(&self) -> String;
    fn twice(&self, mut a: u32) -> u32 {
        a *= 2;
        a
    }
    async fn greeting(&self, word: &str) -> String {
        format!("{word}, {}", self.name())
    }
}
