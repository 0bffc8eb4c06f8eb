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
use std::sync::mpsc::{RecvError as RecvClosed, SyncSender, sync_channel};
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

    /// Sleeps until something may have happened to the session, until the standing's tug, or for so long.
    fn attend(&mut self, link: &Link, tug: BorrowedFd<'_>, longest: Option<Duration>) {
        sleep_beside(link, tug, &[], longest);
    }

    /// The session is over, or to end; so is what there is behind it.
    fn close(&mut self, link: &Arc<Link>, standing: &Standing) -> Option<Exit> {
        let _ = (link, standing);
        None
    }
}

/// Who is told of what happens.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Listener>);

type Listener = Box<dyn Fn(&Event) + Send>;

impl Listeners {
    pub(crate) fn add(&mut self, listener: impl Fn(&Event) + Send + 'static) {
        self.0.push(Box::new(listener));
    }

    fn tell(&self, event: &Event) {
        for listener in &self.0 {
            // The user's code; if it panics, the session is watched over all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(event)));
        }
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
    orders: Orders,
    /// Who waits for the first session, until it is there.
    first: Option<SyncSender<ConnectError>>,
}

/// Starts a supervisor, and waits for the first session.
pub(crate) fn supervise(source: impl Source, orders: Orders) -> Result<Arc<Keeper>, ConnectError> {
    let standing = Standing::new(orders.retry)?;
    let (first, is_there) = sync_channel(1);
    let supervisor = Supervisor { source, standing: Arc::clone(&standing), orders, first: Some(first) };
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
        loop {
            let (opened_at, is_first) = (Instant::now(), self.first.is_some());
            let opened = self.source.open(&self.standing);
            match opened.and_then(|link| self.live_through(&link)) {
                Ok(()) => {
                    failed = 0;
                    // One that had to be waited for: what counts against the limit comes after it.
                    if is_first || opened_at.elapsed() >= self.orders.retry.steady {
                        tries = 0;
                    }
                }
                Err(error) => {
                    let is_late = began.elapsed() >= self.orders.wait_for_first || !error.is_retryable();
                    if let Some(first) = self.first.take_if(|_| is_late) {
                        // Who waits for it is told, and nobody else.
                        let _ = first.send(error);
                        return;
                    }
                    let error = Arc::new(error);
                    self.standing.failed(&error);
                    failed = failed.saturating_add(1);
                    self.orders.listeners.tell(&Event::Failed { error, tries: failed });
                }
            }
            if self.standing.stop().is_some() {
                return self.standing.give_up();
            }
            if self.first.is_none() && self.orders.retry.is_enough(tries) {
                // Before anybody is told.
                self.standing.give_up();
                return self.orders.listeners.tell(&Event::GaveUp { tries });
            }
            let pause = self.orders.retry.pause(tries);
            let left = self.orders.wait_for_first.saturating_sub(began.elapsed());
            self.pause(if self.first.is_some() { pause.min(left) } else { pause });
            tries = tries.saturating_add(1);
            self.standing.tried(tries);
        }
    }

    /// From a session's beginning to its end, unless it ends before it is known what the other side serves.
    fn live_through(&mut self, link: &Arc<Link>) -> Result<(), ConnectError> {
        // It is closed with the last who has it: this one among them, until it is over.
        let owner = Owner::new(Arc::clone(link));
        let compared = self.standing.compare(link);
        let published = compared.map(|()| self.standing.publish(Arc::clone(&owner)));
        let Ok(Some(restarts)) = published else {
            // Nobody has seen it.
            self.source.close(link, &self.standing);
            return published.map(drop);
        };
        self.first = None;
        self.orders.listeners.tell(&Event::Connected { peer: link.shared.credentials, restarts });
        let how = self.attend(link);
        let exit = self.source.close(link, &self.standing);
        let end = End { how: how.unwrap_or(RecvError::Closed), exit };
        self.standing.ended(end.clone());
        self.orders.listeners.tell(&Event::Ended(end));
        Ok(())
    }

    /// Until the session is over, or to be left; how it ended, if it did.
    fn attend(&mut self, link: &Arc<Link>) -> Option<RecvError> {
        let hang_after = link.shared.limits.hang_after;
        let wants_hangs = !self.orders.listeners.0.is_empty() || self.orders.hang_max.is_some();
        let longest = wants_hangs.then(|| hang_after.div_f64(2.0).max(Duration::from_millis(1)));
        let mut hangs = false;
        loop {
            self.source.attend(link, self.standing.tug.as_fd(), longest);
            self.standing.tug.relax();
            if let Some(how) = link.look_for_end() {
                return Some(how);
            }
            // Told to stop, or a call was told that this session begins no more.
            if self.standing.stop().is_some() || !self.standing.has_session() {
                return None;
            }
            if !wants_hangs {
                continue;
            }
            match link.peer_state() {
                PeerState::Unresponsive { since } => {
                    if !std::mem::replace(&mut hangs, true) {
                        self.orders.listeners.tell(&Event::Unresponsive { since });
                    }
                    if self.orders.hang_max.is_some_and(|most| since.elapsed() >= most) {
                        return None;
                    }
                }
                _ => {
                    if std::mem::take(&mut hangs) {
                        self.orders.listeners.tell(&Event::Responsive);
                    }
                }
            }
        }
    }

    /// Until it is over, or somebody wants something.
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

/// Sleeps until the other side of a session hangs up or its process ends, the tug is pulled, something comes at one of the
/// others, or for so long.
pub(crate) fn sleep_beside(link: &Link, tug: BorrowedFd<'_>, others: &[BorrowedFd<'_>], longest: Option<Duration>) {
    let shared = &link.shared;
    let mut fds = vec![PollFd::new(&shared.socket, PollFlags::RDHUP), PollFd::from_borrowed_fd(tug, PollFlags::IN)];
    fds.extend(shared.pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
    fds.extend(others.iter().map(|other| PollFd::from_borrowed_fd(*other, PollFlags::IN)));
    // A signal, or anything else that ends the sleep, makes this look once more.
    let _ = poll(&mut fds, longest.map(timespec).as_ref());
}

/// As the kernel takes it; what is too long for it is long enough.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: i64::from(u32::MAX), tv_nsec: 0 })
}
