//! Mistakes in methods: the errors, the trait, and all of the service that they leave.

#[rapace::service(nme = "x")]
pub trait Mistakes {
    fn sound(&self, a: u8) -> u8;
    fn borrowing(&self) -> &str;
    fn exclusive(&mut self, a: u8) -> u8;
}
