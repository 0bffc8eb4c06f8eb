//! The two roles of a session, as types: what one may do, the other's type does not have.

use std::cell::Cell;
use std::fmt::Debug;
use std::marker::PhantomData;

/// A role in a session: [`PeerA`] or [`PeerB`]. There are no others.
pub trait Role: sealed::Sealed + Debug + Send + Sync + 'static {
    /// The role of the other side.
    type Other: Role<Other = Self>;
}

/// Opens the session: the server. It writes the A→B ring and reads the B→A ring.
#[derive(Debug)]
pub enum PeerA {}

/// Connects to the session: the client. It writes the B→A ring and reads the A→B ring.
#[derive(Debug)]
pub enum PeerB {}

impl Role for PeerA {
    type Other = PeerB;
}

impl Role for PeerB {
    type Other = PeerA;
}

/// Marks what has a role and goes to another thread, but is used by one at a time: `Send`, not `Sync`.
pub(crate) type OneAtATime<R> = PhantomData<(fn() -> R, Cell<()>)>;

pub(crate) mod sealed {
    pub trait Sealed {
        /// For `Debug`.
        const NAME: &'static str;
        /// Which of the two it is.
        const IS_A: bool;
    }

    impl Sealed for super::PeerA {
        const NAME: &'static str = "PeerA";
        const IS_A: bool = true;
    }

    impl Sealed for super::PeerB {
        const NAME: &'static str = "PeerB";
        const IS_A: bool = false;
    }
}
