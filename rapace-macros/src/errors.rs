//! Mistakes, collected: parsing and checking go on after each, and all are shown together.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::Error;

/// The mistakes found so far. Whoever makes one has to [`finish`](Self::finish) it: forgetting to would turn a wrong
/// trait into a wrong service, so that dropping one panics.
pub(crate) struct Errors {
    /// `None` once somebody has looked.
    found: Option<Vec<Error>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { found: Some(Vec::new()) }
    }

    /// Notes that `tokens` are wrong, and why.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, text: impl std::fmt::Display) {
        self.push(Error::new_spanned(tokens, text));
    }

    pub(crate) fn push(&mut self, error: Error) {
        if let Some(found) = &mut self.found {
            found.push(error);
        }
    }

    /// How many so far: what raised it is not sound.
    pub(crate) fn count(&self) -> usize {
        self.found.as_ref().map_or(0, Vec::len)
    }

    /// All of them as `compile_error!`s; empty when there were none.
    pub(crate) fn finish(mut self) -> TokenStream {
        let found = self.found.take().unwrap_or_default();
        found.iter().map(Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if self.found.is_some() && !std::thread::panicking() {
            panic!("mistakes were collected and nobody looked");
        }
    }
}
