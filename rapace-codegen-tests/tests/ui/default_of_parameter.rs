#[rapace::service]
trait Store<T = u8> {
    fn put(&self, value: T);
}

#[rapace::service]
trait Blocks<const N: usize = 8> {
    fn put(&self, value: [u8; N]);
}

fn main() {}
