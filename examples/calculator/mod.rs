//! What both programs of the calculator share.

#![allow(unreachable_pub, dead_code, reason = "as it would stand in a library that both programs depend on")]

use std::fmt;

use serde::{Deserialize, Serialize};

/// Calculates.
#[rapace::service]
pub trait Calculator {
    /// The sum, wrapping around.
    fn add(&self, a: i32, b: i32) -> i32;
    /// The whole part of the quotient.
    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero>;
    /// The mean of some numbers, if there are any.
    fn mean(&self, numbers: &[f64]) -> Option<f64>;
}

/// There is no such quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivideByZero;

impl fmt::Display for DivideByZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("division by zero")
    }
}

impl std::error::Error for DivideByZero {}

/// The implementation.
#[derive(Debug)]
pub struct Calc;

impl Calculator for Calc {
    fn add(&self, a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero> {
        dividend.checked_div(divisor).ok_or(DivideByZero)
    }

    fn mean(&self, numbers: &[f64]) -> Option<f64> {
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
    }
}
