//! The atomics, fences and locks that ring, slots and doorbell are written with: the standard library's, or loom's
//! when the models run (`RUSTFLAGS="--cfg loom"`).
//!
//! The models also plant faults, to show that they would see one: [`planted`] is `false` in every other build, so
//! the branch is not there.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(loom)]
pub(crate) use std::sync::PoisonError;

/// A rule of the protocol that a model can leave out, to see the search fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(loom), expect(dead_code, reason = "named by the planting sites, built only by the models"))]
pub(crate) enum Fault {
    /// The publisher's fence between its publication and its look at `wants`.
    NoPublisherFence,
    /// The waiter's fence between raising `wants` and its second look.
    NoWaiterFence,
    /// `consumed` stored without Release.
    ConsumedRelaxed,
    /// The lines of entries are taken that still hold messages.
    LinesNotFree,
    /// A slot's release word stored without Release.
    ReleasedRelaxed,
    /// The waiter registers after its second look instead of before.
    LateRegistration,
    /// Who looked in a sleeper's place leaves, and the sleeper is not rung for again.
    KeptHush,
    /// `wants` is overwritten instead of only growing.
    ShrinkingWants,
    /// Who steps ahead of a sleeper's wish leaves out one message more than it takes out itself.
    LongStep,
    /// Who stepped ahead and took nothing out leaves the wish where it is.
    KeptStep,
    /// The close word is stored before the last message is published.
    EarlyClose,
    /// Who takes a lock from the thread that it is kept for does not have that thread execute a fence.
    NoFenceAtOthers,
    /// All threads that a lock is kept for say in the same word that they are inside.
    OnePlace,
    /// Who leaves a lock does not look whether somebody waits for it to leave.
    SilentLeave,
}

/// Whether the running model has planted `fault`.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn planted(_fault: Fault) -> bool {
    false
}

#[cfg(loom)]
pub(crate) use planting::planted;
#[cfg(all(loom, test))]
pub(crate) use planting::with_fault;

#[cfg(loom)]
mod planting {
    use super::Fault;
    use std::cell::Cell;

    std::thread_local! {
        // loom runs a model's threads as coroutines of the one thread that called it.
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.with(|cell| cell.get() == Some(fault))
    }

    /// Runs `model` with `fault` planted; true when the model failed, as it must.
    #[cfg(test)]
    pub(crate) fn with_fault(fault: Fault, model: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        PLANTED.with(|cell| cell.set(Some(fault)));
        let outcome = std::panic::catch_unwind(model);
        PLANTED.with(|cell| cell.set(None));
        outcome.is_err()
    }
}
