#[derive(serde::Serialize, serde::Deserialize)]
pub struct Person<'p> {
    name: &'p str,
}

#[rapace::service]
trait Service {
    fn texts(&self, a: rapace::Tx<&str>);
    fn constant(&self, a: rapace::Rx<&'static str>);
    fn within(&self, a: rapace::Rx<Vec<Person<'_>>>);
    fn without_size(&self, a: rapace::Tx<[u8]>);
}

fn main() {}
