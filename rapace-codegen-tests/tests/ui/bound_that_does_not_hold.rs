#[rapace::service]
trait Store<K: Ord> {
    fn put(&self, key: K);
}

fn main() {
    let _ = StoreClient::<f32>::connect("/tmp/nowhere");
}
