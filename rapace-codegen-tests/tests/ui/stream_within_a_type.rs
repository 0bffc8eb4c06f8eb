use rapace::{Rx, Tx};

#[rapace::service]
trait Service {
    fn optional(&self, a: Option<Tx<u8>>);
    fn lent(&self, a: &mut rapace::Rx<u8>);
    fn several(&self, a: Vec<Rx<u8>>, b: u8);
    fn of_streams(&self, a: Tx<Rx<u8>>);
    fn sound(&self, a: Tx<u8>, b: Rx<u8>);
}

fn main() {}
