//! A link's lock while it is held, and what must wait until it is released.

use std::sync::Arc;
use std::thread::Thread;

use super::beside::Beside;
use super::link::Core;
use super::tickets::Dropped;
use crate::doorbell::Notify;
use crate::lock::Guard;
use crate::session::shared::Shared;
use crate::session::waiting::Waker;

/// Something that may run foreign code or enter the kernel, and so waits until the lock is released.
#[derive(Debug)]
pub(crate) enum After {
    Wake(Waker),
    Unpark(Thread),
    /// The leader is to look again.
    Nudge(Arc<Shared>),
    Drop(#[expect(dead_code, reason = "kept only to be dropped")] Dropped),
    DropWaker(#[expect(dead_code, reason = "kept only to be dropped")] Waker),
    #[cfg(feature = "tokio")]
    Abort(tokio::task::AbortHandle),
}

impl After {
    fn run(self) {
        match self {
            Self::Wake(waker) => waker.notify(),
            Self::Unpark(thread) => thread.unpark(),
            Self::Nudge(shared) => shared.nudge(),
            Self::Drop(_) | Self::DropWaker(_) => {}
            #[cfg(feature = "tokio")]
            Self::Abort(handler) => handler.abort(),
        }
    }
}

/// The lock, held. When it is released, what must follow is done, and if nobody leads, a parked thread is told to.
pub(crate) struct Locked<'a> {
    /// Always there; taken out by the drop.
    guard: Option<Guard<'a, Core>>,
}

impl<'a> Locked<'a> {
    #[inline(always)]
    pub(super) fn new(guard: Guard<'a, Core>) -> Self {
        Self { guard: Some(guard) }
    }
}

impl std::ops::Deref for Locked<'_> {
    type Target = Core;

    #[inline(always)]
    #[expect(clippy::expect_used, reason = "taken out by the drop only")]
    fn deref(&self) -> &Core {
        self.guard.as_deref().expect("the lock is held")
    }
}

impl std::ops::DerefMut for Locked<'_> {
    #[inline(always)]
    #[expect(clippy::expect_used, reason = "taken out by the drop only")]
    fn deref_mut(&mut self) -> &mut Core {
        self.guard.as_deref_mut().expect("the lock is held")
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.note_ordinary();
        if self.has_chores {
            self.do_chores();
        }
    }
}

impl Locked<'_> {
    #[cold]
    #[inline(never)]
    fn do_chores(&mut self) {
        if self.leave.is_said() {
            self.see_off();
        }
        if self.beside == Beside::Done {
            self.end_beside();
        }
        if !self.is_led() && !self.standby.is_empty() {
            let next = self.standby.swap_remove(0);
            self.after.push(After::Unpark(next));
        }
        self.has_chores = !self.standby.is_empty() || self.leave.is_said();
        let after = std::mem::take(&mut self.after);
        self.guard = None;
        after.into_iter().for_each(After::run);
    }
}
