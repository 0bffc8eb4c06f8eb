//! Options, and rapace under another path.

pub use ::rapace as somewhere;

#[rapace::service(name = "acme.Options", crate = self::somewhere)]
pub trait Options {
    #[rapace(idempotent)]
    fn again(&self, a: u8) -> u8;
    #[rapace(timeout = "50s")]
    fn in_time(&self) -> u8;
    #[rapace(name = "another")]
    fn renamed(&self) -> u8;
    #[rapace(blocking)]
    fn slow(&self) -> u8;
}
