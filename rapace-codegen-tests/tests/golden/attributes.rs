//! Attributes that reach what is generated, and conditions that reach all of it.

/// What it is for.
#[rapace::service]
#[allow(clippy::wrong_self_convention)]
#[cfg_attr(all(), doc = "On every system.")]
pub trait Attributed {
    /// The first way.
    ///
    /// It has been replaced.
    #[deprecated(note = "use `always`")]
    #[must_use]
    fn old(&self) -> u8;
    #[cfg(any())]
    fn never(&self, missing: Missing) -> Missing;
    #[cfg(all())]
    fn either(&self) -> u8;
    #[cfg_attr(all(), cfg(not(all())))]
    fn either(&self, a: u8) -> u8;
}
