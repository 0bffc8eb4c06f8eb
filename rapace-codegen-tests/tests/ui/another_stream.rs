#[derive(serde::Serialize, serde::Deserialize)]
pub struct Tx<T>(T);

/// Without an argument of its own it is not taken for a stream.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Rx;

#[rapace::service]
trait Service {
    fn sends(&self, a: u8, to: Tx<u8>) -> u32;
    fn value(&self, from: Rx) -> Rx;
}

fn main() {}
