#[rapace::service]
trait Store<T: ?Sized> {
    fn put(&self, value: &T);
}

#[rapace::service]
trait Other<T>
where
    T: ?Sized,
{
    fn put(&self, value: &T);
}

fn main() {}
