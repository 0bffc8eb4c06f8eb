//! Results under other names, and what is only called one.

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    pub inner: u8,
}

pub type Outcome = std::result::Result<u8, String>;
pub type Result<T> = std::result::Result<T, Value>;

mod own {
    pub(super) type Result = super::Value;
}

#[rapace::service]
pub trait Results {
    #[rapace(result)]
    fn outcome(&self) -> Outcome;
    fn alias(&self) -> Result<u8>;
    #[rapace(value)]
    fn value(&self) -> own::Result;
    async fn later(&self) -> std::result::Result<Vec<u8>, (u8, String)>;
}
