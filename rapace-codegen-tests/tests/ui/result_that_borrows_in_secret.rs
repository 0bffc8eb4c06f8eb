use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Person<'a>(&'a str);

#[rapace::service]
trait Service {
    fn first(&self) -> Person;
}

fn main() {}
