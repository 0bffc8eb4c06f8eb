#[rapace::service]
trait Store<K> {
    fn put(&self, key: K);
}

struct Opaque;

fn main() {
    let _ = StoreClient::<Opaque>::connect("/tmp/nowhere");
}
