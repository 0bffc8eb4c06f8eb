//! The attribute `#[rapace::service]`: a trait becomes a service.
//!
//! This crate is a part of `rapace` and is used through it. Tokens pass through four stages, each in a file of its own:
//! `parse` turns the trait into the `model`, `check` applies the rules to it, `generate` writes the code. Every mistake
//! is reported at once and where it stands, and the trait is emitted all the same, so that one mistake is one error.
//!
//! Generated code consists of names and types. What it does is written in `rapace::__private`.

use proc_macro::TokenStream;

mod args;
mod check;
mod errors;
mod expand;
#[cfg(test)]
mod fuzz;
mod generate;
mod model;
mod names;
mod parse;
mod spelling;
#[cfg(test)]
mod tests;

/// Makes a service of a trait: a client to call it with, and a server that calls an implementation of it.
///
/// ```ignore
/// #[rapace::service]
/// pub trait Calculator {
///     /// Adds.
///     fn add(&self, a: i32, b: i32) -> i32;
///     fn divide(&self, dividend: i32, divisor: i32) -> Result<i32, DivideByZero>;
///     async fn lookup(&self, key: &str) -> Option<Entry>;
///     fn whoami(&self, cx: &rapace::Context) -> u32;
///     fn primes(&self, limit: u64, found: rapace::Tx<u64>) -> u32;
///     fn sum(&self, numbers: rapace::Rx<i64>) -> i64;
///     #[rapace(oneway)]
///     fn log(&self, line: &str);
/// }
/// ```
///
/// generates `CalculatorClient`, `CalculatorServer<T>`, with the feature `mock` of rapace `CalculatorMock`, and nothing
/// else that has a name. The trait itself stays, with each `async fn` written as a `fn` that returns a `Send` future;
/// implementations write `async fn`.
///
/// # What a method can be
///
/// `fn` or `async fn` with `&self` and any number of arguments of types that implement serde's traits. Arguments may
/// borrow (`&str`, `&[u8]`, `&T`, `&[T]`, `Cow<'_, str>`, `Option<&str>`, `Person<'_>`), results are owned. A parameter
/// of type `&rapace::Context`, at any place, is not an argument: it tells the method who calls. A return type whose name
/// is `Result` becomes the result of the call. Docs, `#[cfg]`, `#[deprecated]`, `#[must_use]` and `#[allow]` reach what
/// is generated. A trait may have type parameters and supertraits, and a method may have a body.
///
/// # Streams
///
/// A parameter whose type is called `Tx` or `Rx` and has one type argument is a stream, by value and by itself: with `Tx<T>`
/// the method sends items to its caller, with `Rx<T>` it receives them. Items are owned and implement serde's traits. A
/// method has at most 8 streams, beside any other arguments. The caller makes a pair with `rapace::stream()` and gives one
/// end to the call; the call object is a `StreamCall`, which is started and not waited for at once.
///
/// # Options
///
/// | `#[rapace::service(…)]` | |
/// |---|---|
/// | `name = "acme.Calculator"` | the name under which both sides know the service; the trait's own name otherwise |
/// | `crate = path` | where rapace is found, when it is not `::rapace` |
///
/// | `#[rapace(…)]` on a method | |
/// |---|---|
/// | `name = "…"` | the name under which both sides know the method |
/// | `idempotent` | it may be executed twice: a call that was cut off can be repeated. Not with streams |
/// | `timeout = "50ms"` | deadline of a call that sets none itself; units are `ns`, `us`, `ms`, `s`, `min` |
/// | `blocking` | it may take long or sleep: it runs on a thread that is there for that |
/// | `oneway` | it is not answered: no result, no streams, no `timeout`, not `idempotent`. The call object is a `OneWay` |
/// | `result` | the return type is a `Result` under another name |
/// | `value` | the return type is called `Result` and is a value like any other |
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), item.into()).into()
}
