//! A trait as most are: `fn` and `async fn`, a result with an error of its own, and docs.

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DivideByZero;

/// Calculates.
#[rapace::service]
pub trait Calculator {
    /// Adds.
    fn add(&self, a: i32, b: i32) -> i32;
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero>;
    async fn lookup(&self, key: String) -> Option<Vec<u8>>;
    async fn forget(&self);
}
