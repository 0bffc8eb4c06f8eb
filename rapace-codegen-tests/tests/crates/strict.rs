//! A library with every lint on that looks at single items: what is generated in it is as clean as what is written.

#![deny(missing_docs, warnings)]
#![deny(keyword_idents, let_underscore, nonstandard_style, refining_impl_trait, rust_2018_idioms)]
#![deny(unused, ambiguous_negative_literals, unit_bindings)]
#![deny(explicit_outlives_requirements, macro_use_extern_crate, meta_variable_misuse, missing_debug_implementations)]
#![deny(redundant_imports, redundant_lifetimes, single_use_lifetimes, trivial_casts)]
#![deny(trivial_numeric_casts, unreachable_pub, unused_import_braces, unused_lifetimes, unused_qualifications)]
#![deny(unused_results, variant_size_differences)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![deny(clippy::absolute_paths, clippy::allow_attributes_without_reason, clippy::missing_docs_in_private_items)]
#![deny(clippy::arithmetic_side_effects, clippy::shadow_reuse, clippy::shadow_same, clippy::shadow_unrelated)]
#![allow(clippy::multiple_crate_versions, clippy::cargo_common_metadata, reason = "not about this file")]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Debug;

use rapace::Context;
use serde::{Deserialize, Serialize};

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// From the left.
    pub x: i32,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person<'p> {
    /// How they are called.
    pub name: &'p str,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// Because of this.
    Because(String),
}

/// A result under another name.
pub type Outcome<T> = Result<T, Refused>;

/// Every shape that a method can have.
#[rapace::service(name = "strict.Shapes")]
pub trait Shapes {
    /// Nothing there, nothing back.
    fn nothing(&self);
    /// Adds.
    #[must_use]
    fn add(&self, a: i32, b: i32) -> i32;
    /// Borrows what a message has.
    fn texts(&self, text: &str, bytes: &[u8], maybe: Option<&str>, cow: Cow<'_, str>) -> (usize, usize);
    /// Borrows what is made of a message.
    fn values(&self, point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> Vec<Point>;
    /// Borrows within.
    fn person(&self, person: Person<'_>) -> String;
    /// Has an error of its own.
    ///
    /// # Errors
    /// When it wants to.
    fn fallible(&self, a: Option<u8>) -> Result<u8, Refused>;
    /// The same under another name.
    ///
    /// # Errors
    /// When it wants to.
    #[rapace(result, idempotent, timeout = "10s")]
    fn outcome(&self) -> Outcome<Vec<u8>>;
    /// Knows who calls.
    fn caller(&self, a: u8, cx: &Context, _b: u8) -> u32;
    /// Waits.
    #[rapace(blocking, name = "sleep")]
    fn waits(&self);
    /// Was there before.
    #[deprecated(since = "0.1.0", note = "use `add`")]
    fn old(&self) -> u8;
    /// Is not there.
    #[cfg(any())]
    fn never(&self, missing: Missing) -> Missing;
    /// Takes much.
    #[allow(clippy::too_many_arguments, reason = "to see whether it reaches the client")]
    fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> [u8; 8];
    /// Has a name that is a word of the language.
    fn r#type(&self, r#fn: u8) -> u8;
    /// Sends.
    ///
    /// # Errors
    /// When it wants to.
    fn sends(&self, from: &Point, points: rapace::Tx<Point>) -> Result<u8, Refused>;
    /// Sends what it receives, and knows who calls.
    #[rapace(timeout = "10s")]
    fn both(&self, _texts: rapace::Rx<String>, cx: &Context, lengths: rapace::Tx<usize>);
    /// Is not answered.
    #[rapace(oneway)]
    fn one_way(&self, person: Person<'_>, point: Option<&Point>);
    /// Is not there.
    #[cfg(any())]
    fn never_a_stream(&self, missing: rapace::Tx<Missing>);
    /// Takes two flags.
    #[expect(clippy::fn_params_excessive_bools, reason = "fulfilled in the trait, and not elsewhere")]
    fn flags(&self, a: bool, b: bool, c: bool, d: bool) -> bool;
    /// Has a body.
    fn body(&self, mut a: u8) -> u8 {
        a = a.wrapping_add(1);
        a
    }
}

/// The same, awaited.
#[rapace::service]
pub trait Awaited {
    /// Nothing there, nothing back.
    async fn nothing(&self);
    /// Borrows across an await.
    async fn texts(&self, text: &str, bytes: &[u8], cx: &Context, person: Person<'_>) -> String;
    /// Has an error of its own.
    async fn fallible(&self, points: &[Point]) -> Result<Point, Refused>;
    /// Must be used.
    #[must_use]
    async fn used(&self) -> u8;
    /// Has a body.
    async fn body(&self, a: u8) -> u8 {
        a
    }
    /// Does not wait.
    fn plain(&self) -> u8;
    /// Receives, and lends meanwhile.
    async fn receives(&self, words: rapace::Rx<Vec<String>>, between: &str) -> String;
    /// Is not answered.
    #[rapace(oneway)]
    async fn one_way(&self, text: &str);
}

/// With parameters.
#[rapace::service]
pub trait Store<K: Ord, V, const N: usize>: Send + Sync
where
    V: Debug,
{
    /// Puts.
    fn put(&self, key: K, value: &V) -> Option<V>;
    /// Gets.
    async fn get(&self, keys: &[K]) -> [u8; N];
    /// All of them.
    fn all(&self, from: &K, pairs: rapace::Tx<(K, V)>);
    /// Takes out.
    #[rapace(oneway)]
    fn remove(&self, key: K);
}

/// Nothing to call.
#[rapace::service]
pub trait Empty {}

/// Not for everybody.
mod inner {
    /// Can be seen one level up.
    #[rapace::service]
    pub(super) trait Hidden {
        /// Answers.
        fn answer(&self) -> u8;
    }
}

/// Uses what cannot be seen outside.
///
/// # Errors
/// Why there is no session.
pub fn hidden() -> Result<bool, rapace::ConnectError> {
    /// Answers.
    #[derive(Debug)]
    struct Answers;
    impl inner::Hidden for Answers {
        fn answer(&self) -> u8 {
            7
        }
    }
    Ok(inner::HiddenClient::local(Answers)?.answer().wait() == Ok(7))
}
