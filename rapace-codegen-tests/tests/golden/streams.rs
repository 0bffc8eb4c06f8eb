//! Streams to the caller and to the server, beside a context, borrowed arguments and a result that can fail.

#[rapace::service]
pub trait Streams {
    fn primes(&self, limit: u32, found: rapace::Tx<u32>) -> u32;
    async fn join(&self, cx: &rapace::Context, words: rapace::Rx<String>, between: &str) -> Result<String, u8>;
    fn each(&self, texts: rapace::Rx<Vec<Option<u8>>>, points: &[u16], lengths: rapace::Tx<(usize, u16)>);
}
