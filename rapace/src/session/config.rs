//! What a side of a session may choose.

use crate::layout::geometry::Geometry;
use crate::limits::Limits;
use crate::slots::bytes::Trust;

/// The choices of one side of a session. Both sides have one; only PeerA's geometry counts.
///
/// ```
/// use rapace::{Config, PeerA, Session, Spin};
///
/// let mut config = Config::default();
/// config.spin = Spin::Never;
/// let (a, b) = rapace::session::pair_with(&config)?;
/// # let _: (Session<PeerA>, _) = (a, b);
/// # Ok::<(), rapace::OpenError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The shape of the segment, if this side is PeerA.
    pub geometry: Geometry,
    /// What the other side may make this process hold.
    pub limits: Limits,
    /// What waiting threads do before they sleep.
    pub spin: Spin,
    /// Effective user ids that the other process may have. Empty, as by default, means this process's own.
    pub allow_uids: Vec<u32>,
    /// The user's word for the peer, if it is given: what the arguments of a request lend to its handler, they lend where they lie
    /// in the peer's memory, instead of from a copy. That holds for arguments that came in one slot, which has 64 KiB at most
    /// by default ([`Geometry::classes`]); it is held until the handler has returned.
    pub trust: Option<Trust>,
}

/// What a waiting thread does before it sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spin {
    /// Sleeps at once. Least CPU, and a wake-up of some microseconds for each message that was waited for.
    Never,
    /// Looks for some microseconds first, as long as that pays off; sleeps at once when it does not, when there is
    /// one CPU, when the peer last ran on this one, or when too many threads of the process look already. A task
    /// that waits for the outcome of a call, or serves, comes back to its runtime after each microsecond, and sleeps when that
    /// has other work.
    #[default]
    Adaptive,
    /// Never sleeps: a core each for the lowest latency. The other side then need not look for sleepers. A task
    /// that waits is polled again and again.
    Forever,
}
