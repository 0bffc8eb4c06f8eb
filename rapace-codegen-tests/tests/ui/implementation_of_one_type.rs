#[rapace::service]
trait Store<K> {
    fn put(&self, key: K);
}

struct Texts;

impl Store<String> for Texts {
    fn put(&self, _: String) {}
}

fn main() {
    let _ = StoreClient::<u32>::local(Texts);
}
