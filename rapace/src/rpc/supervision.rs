//! What a program sees of sessions that are made again when they end: how often that is tried, what happened, and how
//! things are now.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::ConnectError;
use crate::error::RecvError;
use crate::os::Credentials;

/// How a session is made again when it has ended: how long the pauses between tries are, and when nobody tries any more.
///
/// ```
/// use std::time::Duration;
/// use rapace::Retry;
///
/// let mut retry = Retry::default();
/// retry.max = Duration::from_secs(5);
/// retry.limit = Some(20);
/// assert_eq!(Retry::limited(20).limit, retry.limit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The pause before the first try is at most this long; each further one may be twice as long as the one before. All
    /// are between nothing and that, by chance, so that many who lost the same server do not come back all at once. 10 ms
    /// by default.
    pub first: Duration,
    /// No pause is longer. 1 s by default.
    pub max: Duration,
    /// After so many tries in a row that brought no session, or none that lasted as long as `steady`, nobody tries any
    /// more. No limit by default.
    pub limit: Option<u32>,
    /// When a session has lasted so long, the count of tries begins anew. 10 s by default.
    pub steady: Duration,
    /// How long a call waits for a session, unless its own time is over before. 10 s by default.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(10),
            max: Duration::from_secs(1),
            limit: None,
            steady: Duration::from_secs(10),
            patience: Duration::from_secs(10),
        }
    }
}

impl Retry {
    /// The defaults, with so many tries in a row at most.
    pub fn limited(limit: u32) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// The pause before the try that follows so many others.
    pub(crate) fn pause(&self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries).and_then(|factor| self.first.checked_mul(factor));
        let longest = doubled.unwrap_or(self.max).min(self.max);
        // The standard library's way to a random number; as a part of one it is below one, so no pause is too long for its type.
        let chance = RandomState::new().build_hasher().finish() >> 32;
        longest.mul_f64(chance as f64 / (f64::from(u32::MAX) + 1.0))
    }

    /// Whether so many tries are enough.
    pub(crate) fn is_enough(&self, tries: u32) -> bool {
        self.limit.is_some_and(|limit| tries >= limit)
    }
}

/// Something that happened to a client that connects again, or to a plugin. Told in order, by a thread that is there for that:
/// what is not told yet when the client or the plugin is dropped is told after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// There is a session.
    Connected {
        /// Who is at its other side.
        peer: Credentials,
        /// How many sessions there were before: none when it is the first.
        restarts: u32,
    },
    /// The other side has made no step for as long as [`Limits::hang_after`](crate::Limits::hang_after), though something
    /// waits for it; see [`PeerState::Unresponsive`](crate::PeerState::Unresponsive).
    Unresponsive {
        /// When it was last seen to move.
        since: Instant,
    },
    /// It moves again.
    Responsive,
    /// The session is over.
    Ended(End),
    /// A try to make another one failed.
    Failed {
        /// Why.
        error: Arc<ConnectError>,
        /// How many have failed in a row.
        tries: u32,
    },
    /// Nobody tries any more: the limit of tries is reached. Calls fail from now on.
    GaveUp {
        /// How many tries there were.
        tries: u32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { peer, restarts: 0 } => write!(f, "connected to process {}", peer.pid),
            Self::Connected { peer, restarts } => {
                write!(f, "connected again, to process {} (session {})", peer.pid, restarts.saturating_add(1))
            }
            Self::Unresponsive { since } => {
                write!(f, "unresponsive for {:.1} s, though something waits for it", since.elapsed().as_secs_f64())
            }
            Self::Responsive => f.write_str("responsive again"),
            Self::Ended(end) => end.fmt(f),
            Self::Failed { error, tries } => write!(f, "try {tries} to connect again failed: {error}"),
            Self::GaveUp { tries } => write!(f, "given up after {tries} tries"),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct End {
    /// As a receiver sees it.
    pub how: RecvError,
    /// Of a plugin: how its process ended.
    pub exit: Option<Exit>,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exit {
            Some(exit) => exit.fmt(f),
            None => self.how.fmt(f),
        }
    }
}

/// How the process of a plugin ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// What it returned, or the signal that killed it.
    pub status: ExitStatus,
    /// The host killed it: it was told to end and did not, or broke the protocol, or was stuck.
    pub was_killed: bool,
    /// The last lines that it wrote to its standard error, if that was [kept](crate::PluginBuilder::stderr).
    pub stderr: String,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed = if self.was_killed { ", killed by its host" } else { "" };
        write!(f, "the plugin ended ({}{killed})", self.status)?;
        match self.stderr.trim_end() {
            "" => Ok(()),
            last => write!(f, "; its last words: {last}"),
        }
    }
}

/// How things are with a client that connects again, or with a plugin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Supervision {
    /// Whether there is a session.
    pub state: SupervisionState,
    /// Since when.
    pub since: Instant,
    /// How many sessions there were, with the one that is there now.
    pub sessions: u32,
    /// How many tries in a row brought no session, or none that lasted.
    pub tries: u32,
    /// How the last session ended.
    pub last_end: Option<End>,
    /// Why the last try failed, if it did.
    pub last_error: Option<Arc<ConnectError>>,
}

/// Whether there is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SupervisionState {
    /// There is one.
    Connected,
    /// There is one, but its other side stands still; see [`PeerState::Unresponsive`](crate::PeerState::Unresponsive).
    Unresponsive,
    /// Another one is being made.
    Connecting,
    /// There is none, and none will be made: the limit of tries is reached.
    GaveUp,
    /// There is none, and none will be made: this side closed it.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ() {
        let retry = Retry::default();
        let mut seen = std::collections::BTreeSet::new();
        for tries in 0..100 {
            let pause = retry.pause(tries);
            let doubled = retry.first * 2_u32.saturating_pow(tries.min(10));
            assert!(pause <= doubled.min(retry.max), "{pause:?} before try {tries}");
            seen.insert(pause);
        }
        assert!(seen.len() > 90, "many who lost the same server would come back at once");
        assert!(seen.last().is_some_and(|longest| *longest > retry.max / 2));
    }

    #[test]
    fn a_limit_is_reached_by_the_tries_that_it_says() {
        assert!(!Retry::default().is_enough(u32::MAX));
        assert!(!Retry::limited(3).is_enough(2) && Retry::limited(3).is_enough(3));
        assert!(Retry::limited(0).is_enough(0));
    }
}
