//! Sleeping on a word that lies in memory shared between processes, possibly mapped read-only (Linux 5.16).
//!
//! A hostile owner of the shared word can do more than change it: it can requeue its sleepers to a word that nobody
//! will ever wake. So no sleep depends on the shared word alone: it waits for a word of this process at the same time,
//! which only this process can name. That costs a sixth of a wake-up where both peers share a CPU; a plain `FUTEX_WAIT`
//! that ends by itself after 10 ms was tried, and costs the same for its timer.

use std::io;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

pub(crate) use variant::{is_supported, sleep, sleep_own, wake_own, wake_shared};

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(any(not(target_os = "linux"), rapace_portable), expect(dead_code, reason = "made by Linux's variant only"))]
pub(crate) enum Woken {
    /// The shared word had moved, or somebody woke us there.
    Shared,
    /// The deadline, a signal, or a change of our own word: look again.
    Otherwise,
}

#[cfg(all(target_os = "linux", not(rapace_portable)))]
mod variant {
    use super::*;
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering;

    use rustix::io::Errno;
    use rustix::thread::ClockId;
    use rustix::thread::futex::{self, Flags, Wait, WaitFlags, WaitPtr, WaitvFlags};
    use rustix::time::{Timespec, clock_gettime};

    /// Whether the kernel can wait for two words at once; asked once.
    pub(crate) fn is_supported() -> bool {
        static SUPPORTED: OnceLock<bool> = OnceLock::new();
        *SUPPORTED.get_or_init(|| {
            let word = AtomicU32::new(0);
            // The word does not hold 1, so a kernel that knows the call answers at once.
            let answer = futex::waitv(&[waiter(&word, 1, true)], WaitvFlags::empty(), None, ClockId::Monotonic);
            answer == Err(Errno::AGAIN)
        })
    }

    fn waiter(word: &AtomicU32, value: u32, is_private: bool) -> Wait {
        let mut wait = Wait::new();
        wait.val = value.into();
        wait.uaddr = WaitPtr::new(std::ptr::from_ref(word).cast_mut().cast());
        wait.flags = if is_private { WaitFlags::SIZE_U32 | WaitFlags::PRIVATE } else { WaitFlags::SIZE_U32 };
        wait
    }

    /// Sleeps while `shared` and `own` hold these values, until the deadline.
    pub(crate) fn sleep(
        shared: (&AtomicU32, u32),
        own: (&AtomicU32, u32),
        deadline: Option<Instant>,
    ) -> io::Result<Woken> {
        let until = match deadline.map(|deadline| deadline.checked_duration_since(Instant::now())) {
            None => None,
            Some(None) => return Ok(Woken::Otherwise),
            // A deadline beyond what the clock can say is none.
            Some(Some(left)) => {
                Timespec::try_from(left).ok().and_then(|left| clock_gettime(ClockId::Monotonic).checked_add(left))
            }
        };
        let waiters = [waiter(shared.0, shared.1, false), waiter(own.0, own.1, true)];
        match futex::waitv(&waiters, WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic) {
            Ok(0) => Ok(Woken::Shared),
            // Relaxed: only says which of the two words was the reason.
            Err(Errno::AGAIN) if shared.0.load(Ordering::Relaxed) != shared.1 => Ok(Woken::Shared),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => Ok(Woken::Otherwise),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sleeps while `word`, of this process, holds this value, or for a shorter time.
    pub(crate) fn sleep_own(word: &AtomicU32, value: u32) {
        // Whatever the reason of the return, the caller looks again.
        let _ = futex::wait(word, Flags::PRIVATE, value, None);
    }

    /// Wakes all who sleep on `word`, in whatever process.
    pub(crate) fn wake_shared(word: &AtomicU32) {
        // Cannot fail for a valid address.
        let _ = futex::wake(word, Flags::empty(), i32::MAX as u32);
    }

    /// Wakes all of this process who sleep on `word`.
    pub(crate) fn wake_own(word: &AtomicU32) {
        let _ = futex::wake(word, Flags::PRIVATE, i32::MAX as u32);
    }
}

/// Elsewhere threads sleep on the session's socket, and nothing of this is called.
#[cfg(any(not(target_os = "linux"), rapace_portable))]
mod variant {
    use super::*;

    pub(crate) fn is_supported() -> bool {
        false
    }

    pub(crate) fn sleep(_: (&AtomicU32, u32), _: (&AtomicU32, u32), _: Option<Instant>) -> io::Result<Woken> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn sleep_own(_: &AtomicU32, _: u32) {
        std::thread::yield_now();
    }

    pub(crate) fn wake_shared(_: &AtomicU32) {}

    pub(crate) fn wake_own(_: &AtomicU32) {}
}
