//! One thread a process that waits for the deaths of peers, started with the first session.
//!
//! A thread that sleeps on a futex cannot see its peer's socket hang up, and a task cannot see that the peer's process
//! ended while somebody else holds the socket. This thread sleeps in `epoll_wait` on both for all sessions and wakes
//! who sleeps when one is over. It has no timer, and ends never: an idle one costs a stack that is not touched.

use std::io;
use std::sync::Arc;

#[cfg(all(target_os = "linux", not(rapace_portable)))]
pub(crate) use epoll::{forget, start, watch};

#[cfg(any(not(target_os = "linux"), rapace_portable))]
pub(crate) use without::{forget, start, watch};

#[cfg(all(target_os = "linux", not(rapace_portable)))]
mod epoll {
    use super::*;
    use std::collections::HashMap;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, Weak};

    use crate::error::Death;
    use crate::os::{ForkGuard, barrier};
    use crate::session::shared::Shared;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

    /// The process's watcher. A forked child makes its own, as it has no thread of the parent's.
    struct Watcher {
        epoll: OwnedFd,
        sessions: Mutex<HashMap<u64, Weak<Shared>>>,
        fork: ForkGuard,
    }

    static KEYS: AtomicU64 = AtomicU64::new(0);
    static WATCHER: OnceLock<Mutex<Option<Arc<Watcher>>>> = OnceLock::new();

    /// The lowest bit of an event's data says which of a session's two descriptors it is.
    const SOCKET: u64 = 0;
    const PROCESS: u64 = 1;

    /// Makes sure that there is a watcher, which takes a descriptor and a thread.
    pub(crate) fn start() -> io::Result<()> {
        Watcher::get().map(drop)
    }

    /// Watches a session's socket and its peer's process, under the key that is returned.
    pub(crate) fn watch(session: &Arc<Shared>) -> io::Result<u64> {
        let watcher = Watcher::get()?;
        // Relaxed: only has to be a new number. Not the descriptor's number: an event that was fetched before a close
        // would be taken for one of the session that got the number next.
        let key = KEYS.fetch_add(2, Ordering::Relaxed);
        watcher.sessions().insert(key, Arc::downgrade(session));
        let add = |fd: BorrowedFd<'_>, which, flags| {
            epoll::add(&watcher.epoll, fd, EventData::new_u64(key | which), flags | EventFlags::ONESHOT)
        };
        let added = add(session.socket.as_fd(), SOCKET, EventFlags::RDHUP).and_then(|()| match &session.pidfd {
            Some(pidfd) => add(pidfd.as_fd(), PROCESS, EventFlags::IN),
            None => Ok(()),
        });
        if added.is_err() {
            watcher.sessions().remove(&key);
        }
        added?;
        Ok(key)
    }

    /// Watches a session no more. Its descriptors leave the epoll set when they are closed, right after this.
    pub(crate) fn forget(key: u64) {
        if let Ok(watcher) = Watcher::get() {
            watcher.sessions().remove(&key);
        }
    }

    impl Watcher {
        fn get() -> io::Result<Arc<Self>> {
            let mut slot = WATCHER.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
            match &*slot {
                Some(watcher) if !watcher.fork.is_forked() => Ok(Arc::clone(watcher)),
                _ => Ok(Arc::clone(slot.insert(Self::start()?))),
            }
        }

        fn start() -> io::Result<Arc<Self>> {
            let watcher = Arc::new(Self {
                epoll: epoll::create(CreateFlags::CLOEXEC)?,
                sessions: Mutex::default(),
                fork: ForkGuard::new()?,
            });
            let run = Arc::clone(&watcher);
            let thread = std::thread::Builder::new().name("rapace-watcher".into()).stack_size(256 << 10);
            thread.spawn(move || run.run())?;
            Ok(watcher)
        }

        fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Weak<Shared>>> {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn run(&self) {
            // Here, since it takes some time, once, and nobody waits for it.
            barrier::prepare();
            let mut events = [const { std::mem::MaybeUninit::<Event>::uninit() }; 16];
            loop {
                match epoll::wait(&self.epoll, &mut events, None) {
                    Ok((events, _)) => events.iter().for_each(|event| {
                        let data = event.data.u64();
                        // A waker is foreign code; one that panics must not end the watch for all others.
                        let _ = catch_unwind(AssertUnwindSafe(|| self.report(data)));
                    }),
                    Err(rustix::io::Errno::INTR) => {}
                    // The set is ours and open; a kernel that refuses to wait for it leaves nothing to do here.
                    Err(_) => return,
                }
            }
        }

        fn report(&self, data: u64) {
            // Upgraded under the lock and used outside it: dropping the last reference takes the lock again.
            let session = self.sessions().get(&(data & !PROCESS)).and_then(Weak::upgrade);
            if let Some(session) = session {
                session.note_death(if data & PROCESS == 0 { Death::HangUp } else { Death::ProcessEnded });
            }
        }
    }
}

#[cfg(any(not(target_os = "linux"), rapace_portable))]
mod without {
    use super::*;
    use crate::session::shared::Shared;

    /// There is none to be started.
    pub(crate) fn start() -> io::Result<()> {
        Ok(())
    }

    /// There is nothing to watch: whoever sleeps does so on the socket itself.
    pub(crate) fn watch(_session: &Arc<Shared>) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn forget(_key: u64) {}
}
