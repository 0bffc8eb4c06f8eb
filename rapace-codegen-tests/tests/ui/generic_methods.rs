#[rapace::service]
trait Service {
    fn by_type<T>(&self, value: T) -> T;
    fn by_constant<const N: usize>(&self, value: [u8; N]);
    fn by_impl(&self, value: impl Copy);
}

fn main() {}
