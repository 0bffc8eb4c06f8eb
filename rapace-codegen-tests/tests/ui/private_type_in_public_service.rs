#![deny(private_interfaces)]

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Secret(u8);

#[rapace::service]
pub trait Service {
    fn put(&self, a: Secret) -> Secret;
}

fn main() {}
