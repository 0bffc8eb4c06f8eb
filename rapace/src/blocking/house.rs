//! Who is in a server, on either face, and how they all leave: nobody is let in any more, the sessions say goodbye, and who
//! waits for it learns when the last guest has gone.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Guests, Left};
use crate::doorbell::Notify;
use crate::error::OpenError;
use crate::rpc::farewell::Farewell;
use crate::rpc::link::Link;
use crate::session::Control;
use crate::session::waiting::Waker;

/// How long handlers that were cancelled have for their last word.
pub(crate) const LAST_WORD: Duration = Duration::from_millis(500);

/// How long a client waits for its handshake, if there are as many as may be and none of them ends.
const TURN: Duration = Duration::from_millis(500);

/// How far a server has come with its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    #[default]
    Open,
    /// Nobody is let in, and sessions end when their calls are answered.
    Leaving,
    /// No session is kept.
    Closed,
}

/// A sign for those who wait in the kernel: a stream that ends when the server shuts down.
#[derive(Debug)]
pub(crate) struct Sign {
    ours: UnixStream,
    shown: UnixStream,
    /// A forked child shares the stream, and its copy of the server is not the server.
    pid: u32,
}

impl Sign {
    pub(crate) fn new() -> Result<Self, OpenError> {
        let (ours, shown) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
        Ok(Self { ours, shown, pid: std::process::id() })
    }

    fn show(&self) {
        if self.pid == std::process::id() {
            let _ = self.ours.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl AsFd for Sign {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shown.as_fd()
    }
}

/// Who is served, for all threads or tasks of a server.
pub(crate) struct House {
    guests: Mutex<Guests>,
    pub(crate) sign: Sign,
}

impl House {
    pub(crate) fn new() -> Result<Self, OpenError> {
        Ok(Self { guests: Mutex::default(), sign: Sign::new()? })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Guests> {
        // No foreign code runs under this lock, so a poisoned one is whole.
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is let in any more. The sessions that are open.
    fn enter(&self, stage: Stage) -> Vec<Arc<Link>> {
        let mut guests = self.lock();
        guests.stage = guests.stage.max(stage);
        let (open, mut woken) = (guests.sessions(), std::mem::take(&mut guests.watchers));
        woken.extend(guests.accepting.take());
        drop(guests);
        self.sign.show();
        woken.iter().for_each(Notify::notify);
        open
    }

    /// Closes every session, at once and without a lock of theirs.
    pub(crate) fn close(&self) {
        for link in self.enter(Stage::Closed) {
            Control { shared: Arc::clone(&link.shared) }.shut_down();
        }
    }

    /// Lets nobody in, and has every session end when the calls that have come are answered.
    pub(crate) fn say_goodbye(&self) {
        self.enter(Stage::Leaving).iter().for_each(|link| link.lock().say_goodbye());
    }

    /// Whether nobody is let in any more; if not, the accepting task is told when that is so.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_closing_or_tells(&self, accepting: Waker) -> bool {
        let mut guests = self.lock();
        let before = guests.accepting.replace(accepting);
        let is_closing = guests.stage != Stage::Open;
        drop(guests);
        drop(before);
        is_closing
    }

    /// The handshake of one that was [let in](Guests::enter) is over. A session that comes late is told goodbye; when none
    /// is kept any more, there is no key.
    pub(crate) fn shook_hands(&self, link: Option<&Arc<Link>>) -> Option<u64> {
        let (key, stage) = self.change(|guests| (guests.shook_hands(link), guests.stage));
        if let (Some(link), Stage::Leaving) = (link, stage) {
            link.lock().say_goodbye();
        }
        key
    }

    /// Whether a client that has knocked is to be [let in](Guests::enter) or turned away now: others shake hands, so many that it may not
    /// yet. If not, `waker` is told when one of them is done.
    pub(crate) fn is_turn_or_tells(&self, handshakes_max: usize, waker: Waker) -> bool {
        let mut guests = self.lock();
        let is_turn =
            guests.stage != Stage::Open || guests.handshakes < handshakes_max || guests.stuck == Some(guests.shaken);
        if !is_turn {
            guests.watchers.push(waker);
        }
        is_turn
    }

    /// Until when to wait for that. Then it [is said](Self::gives_up) that none is done.
    pub(crate) fn end_of_turn() -> Option<Instant> {
        Instant::now().checked_add(TURN)
    }

    /// Nobody was done in time: those who do not go on shaking hands are not to hold up the others one after the other, so they are turned
    /// away at once until somebody is done.
    pub(crate) fn gives_up(&self) {
        let mut guests = self.lock();
        guests.stuck = Some(guests.shaken);
    }

    /// Waits until it is the turn of a client that has knocked.
    pub(crate) fn wait_for_turn(&self, handshakes_max: usize) {
        if !Self::wait(Self::end_of_turn(), |waker| self.is_turn_or_tells(handshakes_max, waker)) {
            self.gives_up();
        }
    }

    /// Cancels the calls that are not answered yet.
    pub(crate) fn cut_short(&self) {
        let open = self.lock().sessions();
        open.iter().for_each(|link| link.lock().cut_short());
    }

    /// Whether everybody has left; if not, `waker` is told when somebody does.
    pub(crate) fn is_empty_or_tells(&self, waker: Waker) -> bool {
        let mut guests = self.lock();
        let is_empty = !guests.is_accepting && guests.by_uid.is_empty();
        if !is_empty {
            guests.watchers.push(waker);
        }
        is_empty
    }

    /// Waits until everybody has left; false when that takes too long.
    pub(crate) fn wait_until_empty(&self, patience: Duration) -> bool {
        // Beyond the clock is never.
        Self::wait(Instant::now().checked_add(patience), |waker| self.is_empty_or_tells(waker))
    }

    /// Waits until something is so, or else tells this thread; false when that takes too long.
    fn wait(end: Option<Instant>, is_so_or_tells: impl Fn(Waker) -> bool) -> bool {
        loop {
            if is_so_or_tells(Waker::Thread(std::thread::current())) {
                return true;
            }
            match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => std::thread::park(),
                Some(Duration::ZERO) => return false,
                Some(left) => std::thread::park_timeout(left),
            }
        }
    }

    /// What became of all calls, after the last session was closed.
    pub(crate) fn farewell(&self) -> Farewell {
        let guests = self.lock();
        let (mut farewell, stay) = (guests.left, guests.sessions());
        drop(guests);
        for link in stay {
            let mut core = link.lock();
            core.check_end();
            farewell.add(core.farewell());
        }
        farewell
    }

    /// One that was [let in](Guests::enter) is gone, with its session if it had one. That is counted before it is dropped, which may
    /// take its time.
    pub(crate) fn leave(&self, uid: u32, session: Option<(u64, Arc<Link>)>) {
        if let Some((key, link)) = session {
            let left = Left::new(key, &link);
            self.lock().count(left);
        }
        self.change(|guests| guests.leave(uid));
    }

    fn change<X>(&self, change: impl FnOnce(&mut Guests) -> X) -> X {
        let mut guests = self.lock();
        let changed = change(&mut guests);
        let woken = std::mem::take(&mut guests.watchers);
        drop(guests);
        woken.iter().for_each(Notify::notify);
        changed
    }
}

/// Lives as long as clients are accepted: to be dropped after the listener, so that its path is gone by then.
pub(crate) struct Accepting(Arc<House>);

impl Accepting {
    pub(crate) fn new(house: &Arc<House>) -> Self {
        house.lock().is_accepting = true;
        Self(Arc::clone(house))
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.change(|guests| guests.is_accepting = false);
    }
}
