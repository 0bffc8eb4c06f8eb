//! What generated mocks keep of each method.

use std::fmt;

/// What a mocked method answers with, once that was set.
pub struct Answer<F: ?Sized> {
    mock: &'static str,
    method: &'static str,
    function: Option<Box<F>>,
}

impl<F: ?Sized> Answer<F> {
    /// Of the method of a mock, by their names.
    pub const fn unset(mock: &'static str, method: &'static str) -> Self {
        Self { mock, method, function: None }
    }

    /// From now on it answers with this.
    pub fn set(&mut self, function: Box<F>) {
        self.function = Some(function);
    }

    /// What it answers with.
    ///
    /// # Panics
    /// When nothing was set: the test that uses the mock did not expect the call.
    #[track_caller]
    pub fn get(&self) -> &F {
        let Self { mock, method, function } = self;
        match function {
            Some(function) => function,
            None => panic!("{mock}::{method} was called, but no answer was set with on_{method}"),
        }
    }
}

impl<F: ?Sized> fmt::Debug for Answer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("method", &self.method).field("is_set", &self.function.is_some()).finish()
    }
}
