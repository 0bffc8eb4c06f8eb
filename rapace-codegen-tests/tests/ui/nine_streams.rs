use rapace::{Rx, Tx};

#[rapace::service]
trait Service {
    fn eight(&self, a: Tx<u8>, b: Rx<u8>, c: Tx<u8>, d: Rx<u8>, e: Tx<u8>, f: Rx<u8>, g: Tx<u8>, h: Rx<u8>, i: u8);
    fn nine(&self, a: Tx<u8>, b: Rx<u8>, c: Tx<u8>, d: Rx<u8>, e: Tx<u8>, f: Rx<u8>, g: Tx<u8>, h: Rx<u8>, i: Tx<u8>);
}

fn main() {}
