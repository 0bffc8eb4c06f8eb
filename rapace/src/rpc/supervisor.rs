//! The thread that watches over a session and makes another one when it ends. It sleeps in the kernel, on what tells the end
//! of the session, and has no timer unless somebody wants to know whether the other side hangs.
//!
//! ```text
//! open ─failed─► pause ─► open
//!   └─► Connected: attend ─over, or lost─► close ─► pause ─► open
//!                    └─stop─► close, end          └─enough tries─► give up, end
//! ```

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvError as RecvClosed, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::ConnectError;
use super::direct::Owner;
use super::link::Link;
use super::standing::{Keeper, Standing};
use super::supervision::{End, Event, Exit, Retry};
use crate::error::{OpenError, RecvError};
use crate::session::PeerState;

/// Where sessions come from.
pub(crate) trait Source: Send + 'static {
    /// Makes one. When the standing is told to stop it may break off.
    fn open(&mut self, standing: &Standing) -> Result<Arc<Link>, ConnectError>;

    /// Sleeps until something may have happened to the session, until the standing's tug, or for so long. Whether what is
    /// behind the session is still there.
    fn attend(&mut self, link: &Link, tug: BorrowedFd<'_>, longest: Option<Duration>) -> bool {
        sleep_beside(link, [PollFd::from_borrowed_fd(tug, PollFlags::IN)], longest);
        true
    }

    /// The session was left; so is what there is behind it.
    fn close(&mut self, link: &Arc<Link>, left: Left, standing: &Standing) -> Option<Exit> {
        let _ = (link, left, standing);
        None
    }
}

/// Why a session is attended no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is over.
    Over(RecvError),
    /// What was behind it is gone, though it is not over.
    Gone,
    /// The other side begins nothing any more, and answers what it has begun.
    Leaving,
    /// The other side has stood still for too long.
    Stuck,
    /// The supervisor is told to stop.
    Stopped,
}

/// Who is told of what happens: by a thread of their own, so that the supervisor waits for none of them.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Listener>);

type Listener = Box<dyn Fn(&Event) + Send>;

impl Listeners {
    pub(crate) fn add(&mut self, listener: impl Fn(&Event) + Send + 'static) {
        self.0.push(Box::new(listener));
    }

    /// Tells them what comes, until nothing does any more.
    fn listen(self) -> Result<Option<Sender<Event>>, OpenError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (sender, events) = channel();
        let telling = move || {
            for event in events {
                for listener in &self.0 {
                    // The user's code; if it panics, the others are told all the same.
                    let _ = catch_unwind(AssertUnwindSafe(|| listener(&event)));
                }
            }
        };
        let thread = std::thread::Builder::new().name("rapace-events".into()).spawn(telling);
        thread.map_err(OpenError::io("starting a thread"))?;
        Ok(Some(sender))
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listeners", self.0.len())
    }
}

/// How a supervisor does its work.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) retry: Retry,
    pub(crate) listeners: Listeners,
    /// How long the first session is waited for, trying again and again.
    pub(crate) wait_for_first: Duration,
    /// After how long an other side that stands still is given up.
    pub(crate) hang_max: Option<Duration>,
}

struct Supervisor<S> {
    source: S,
    standing: Arc<Standing>,
    retry: Retry,
    wait_for_first: Duration,
    hang_max: Option<Duration>,
    /// Who is told of what happens.
    events: Option<Sender<Event>>,
    /// Who waits for the first session, until it is there.
    first: Option<SyncSender<ConnectError>>,
}

/// Starts a supervisor, and waits for the first session.
pub(crate) fn supervise(source: impl Source, orders: Orders) -> Result<Arc<Keeper>, ConnectError> {
    let Orders { retry, listeners, wait_for_first, hang_max } = orders;
    let standing = Standing::new(retry)?;
    let (first, is_there) = sync_channel(1);
    let (events, first) = (listeners.listen()?, Some(first));
    let supervisor =
        Supervisor { source, standing: Arc::clone(&standing), retry, wait_for_first, hang_max, events, first };
    // What it starts runs where the client was made.
    #[cfg(feature = "tokio")]
    let runtime = tokio::runtime::Handle::try_current().ok();
    let run = move || {
        #[cfg(feature = "tokio")]
        let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
        supervisor.run();
    };
    let thread = std::thread::Builder::new().name("rapace-supervisor".into()).spawn(run);
    let keeper = Keeper::new(standing, thread.map_err(OpenError::io("starting a thread"))?);
    match is_there.recv() {
        Ok(error) => Err(error),
        // It is there.
        Err(RecvClosed) => Ok(Arc::new(keeper)),
    }
}

impl<S: Source> Supervisor<S> {
    fn run(mut self) {
        let began = Instant::now();
        // Tries since a session lasted, and those of them that failed in a row.
        let (mut tries, mut failed) = (0_u32, 0_u32);
        while self.standing.stop().is_none() {
            let is_first = self.first.is_some();
            let opened = self.source.open(&self.standing);
            match opened.and_then(|link| self.live_through(&link)) {
                Ok(lasted) => {
                    failed = 0;
                    // One that had to be waited for: what counts against the limit comes after it.
                    if is_first || lasted >= self.retry.steady {
                        tries = 0;
                    }
                }
                Err(error) => {
                    let is_late = began.elapsed() >= self.wait_for_first || !error.is_retryable();
                    if let Some(first) = self.first.take_if(|_| is_late) {
                        // Who waits for it is told, and nobody else.
                        let _ = first.send(error);
                        return;
                    }
                    let error = Arc::new(error);
                    self.standing.failed(&error);
                    failed = failed.saturating_add(1);
                    self.tell(Event::Failed { error, tries: failed });
                }
            }
            if self.first.is_none() && self.retry.is_enough(tries) {
                break;
            }
            let pause = self.retry.pause(tries);
            let left = self.wait_for_first.saturating_sub(began.elapsed());
            self.pause(if self.first.is_some() { pause.min(left) } else { pause });
            tries = tries.saturating_add(1);
            self.standing.tried(tries);
        }
        // Before anybody is told.
        if self.standing.give_up() {
            self.tell(Event::GaveUp { tries });
        }
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.events {
            // They listen as long as this may tell.
            let _ = events.send(event);
        }
    }

    /// From a session's beginning to its end, unless it ends before it is known what the other side serves. How long it was
    /// there.
    fn live_through(&mut self, link: &Arc<Link>) -> Result<Duration, ConnectError> {
        // It is closed with the last who has it: this one among them, until it is over.
        let owner = Owner::new(Arc::clone(link));
        let compared = self.standing.compare(link);
        let published = compared.map(|()| self.standing.publish(Arc::clone(&owner)));
        let began = Instant::now();
        let Ok(Some(restarts)) = published else {
            // Nobody has seen it.
            self.source.close(link, Left::Stopped, &self.standing);
            return published.map(|_| Duration::ZERO);
        };
        self.first = None;
        self.tell(Event::Connected { peer: link.shared.credentials, restarts });
        let left = self.attend(link);
        let lasted = began.elapsed();
        self.standing.leave();
        let exit = self.source.close(link, left, &self.standing);
        let how = match left {
            Left::Over(how) => Some(how),
            _ => link.look_for_end(),
        };
        let end = End { how: how.unwrap_or(RecvError::Closed), exit };
        self.standing.ended(end.clone());
        self.tell(Event::Ended(end));
        Ok(lasted)
    }

    /// Until the session is over, or to be left.
    fn attend(&mut self, link: &Arc<Link>) -> Left {
        let hang_after = link.shared.limits.hang_after;
        let wants_hangs = self.events.is_some() || self.hang_max.is_some();
        let longest = wants_hangs.then(|| (hang_after / 2).max(Duration::from_millis(1)));
        let mut hangs = false;
        loop {
            let slept = Instant::now();
            let is_there = self.source.attend(link, self.standing.tug.as_fd(), longest);
            self.standing.tug.relax();
            if let Some(how) = link.look_for_end() {
                return Left::Over(how);
            }
            if self.standing.stop().is_some() {
                return Left::Stopped;
            }
            // A call was told that this session begins no more.
            if !self.standing.has_session() {
                return Left::Leaving;
            }
            if !is_there {
                return Left::Gone;
            }
            let Some(longest) = longest else { continue };
            if slept.elapsed() > longest.saturating_add(hang_after) {
                // This process stood still itself, and so perhaps did the other side.
                link.shared.forget_pulse();
            }
            match link.peer_state() {
                PeerState::Unresponsive { since } => {
                    if !std::mem::replace(&mut hangs, true) {
                        self.tell(Event::Unresponsive { since });
                    }
                    if self.hang_max.is_some_and(|most| since.elapsed() >= most) {
                        return Left::Stuck;
                    }
                }
                _ => {
                    if std::mem::take(&mut hangs) {
                        self.tell(Event::Responsive);
                    }
                }
            }
        }
    }

    /// Until it is over, or the supervisor is told to stop.
    fn pause(&self, pause: Duration) {
        // Beyond the clock is never.
        let end = Instant::now().checked_add(pause);
        while self.standing.stop().is_none() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return;
            }
            let _ = poll(&mut [PollFd::new(&self.standing.tug, PollFlags::IN)], left.map(timespec).as_ref());
            self.standing.tug.relax();
        }
    }
}

impl<S> Drop for Supervisor<S> {
    fn drop(&mut self) {
        // Also if it panicked: then nobody makes another session.
        self.standing.give_up();
    }
}

/// Sleeps until the other side of a session hangs up or its process ends, something comes at one of the others, or for so
/// long.
pub(crate) fn sleep_beside<'f>(
    link: &'f Link,
    others: impl IntoIterator<Item = PollFd<'f>>,
    longest: Option<Duration>,
) {
    let shared = &link.shared;
    let mut fds = vec![PollFd::new(&shared.socket, PollFlags::RDHUP)];
    fds.extend(shared.pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
    fds.extend(others);
    // A signal, or anything else that ends the sleep, makes this look once more.
    let _ = poll(&mut fds, longest.map(timespec).as_ref());
}

/// Blocks this thread until a session is over; how it ended.
pub(crate) fn sleep_while_open(link: &Link) -> RecvError {
    loop {
        if let Some(how) = link.look_for_end() {
            return how;
        }
        sleep_beside(link, [], None);
    }
}

/// As the kernel takes it; what is too long for it is long enough.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: i64::from(u32::MAX), tv_nsec: 0 })
}
