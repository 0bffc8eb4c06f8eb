#[rapace::service]
trait Service {
    #[rapace(oneway)]
    fn result(&self, a: u8) -> u8;
    #[rapace(oneway)]
    fn stream(&self, a: rapace::Tx<u8>);
    #[rapace(oneway, timeout = "5s")]
    fn late(&self);
    #[rapace(idempotent, oneway)]
    async fn repeated(&self);
    #[rapace(oneway)]
    fn sound(&self, a: &str);
}

fn main() {}
