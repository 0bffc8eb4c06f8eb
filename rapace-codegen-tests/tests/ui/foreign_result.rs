use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Result {
    pub value: u32,
}

#[rapace::service]
trait Service {
    fn measure(&self) -> Result;
}

fn main() {}
