use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Person<'a>(&'a str);

#[rapace::service]
trait Service {
    fn greet(&self, person: Person) -> u8;
}

fn main() {}
