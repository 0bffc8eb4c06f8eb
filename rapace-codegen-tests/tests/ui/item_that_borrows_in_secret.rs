#[derive(serde::Serialize, serde::Deserialize)]
pub struct Person<'p> {
    name: &'p str,
}

#[rapace::service]
trait Service {
    fn people(&self, a: rapace::Tx<Person>);
}

fn main() {}
