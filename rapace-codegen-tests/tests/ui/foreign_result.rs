use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Result {
    pub value: u32,
}

#[rapace::service]
trait Service {
    fn measure(&self) -> Result;
}

#[rapace::service]
trait Later {
    async fn measure(&self) -> Result;
}

// With the option it is a type like any other.
#[rapace::service]
trait Value {
    #[rapace(value)]
    fn measure(&self) -> Result;
}

fn main() {}
