//! A trait that cannot be a service: its client and server are there all the same, so that naming them is no second error.

#[rapace::service]
pub trait Shell<'a> {
    fn borrow(&self, text: &'a str) -> u32;
}
