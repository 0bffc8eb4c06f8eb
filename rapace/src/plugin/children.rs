//! The processes of a plugin, one after the other: started with one end of a socket pair, and nothing in the file system.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;

use super::HOST;
use super::stderr::{Out, Tail};
use crate::error::{Lost, OpenError, RecvError};
use crate::os;
use crate::rpc::client::ConnectError;
use crate::rpc::link::Link;
use crate::rpc::opening::Opening;
use crate::rpc::standing::{Standing, Stop};
use crate::rpc::supervision::Exit;
use crate::rpc::supervisor::{Left, Source, sleep_beside, timespec};
use crate::session::{PeerA, Session};

/// How long a plugin whose session is over has to end by itself.
const LEAVE: Duration = Duration::from_secs(2);
/// How long a process that was killed may take to be gone.
const DYING: Duration = Duration::from_secs(2);
/// Between two looks at a process where the system has no descriptor for it.
const TICK: Duration = Duration::from_millis(10);

/// How the processes are started.
pub(super) struct Children {
    command: Command,
    opening: Opening,
    start_time: Duration,
    out: Out,
    /// The number of the descriptor that the next child inherits.
    number: Arc<AtomicI32>,
    running: Option<Running>,
}

/// A process that was started.
struct Running {
    child: Child,
    /// Shows its end, where the system has that.
    pidfd: Option<OwnedFd>,
    stderr: Tail,
}

/// Whether such a stop ends a wait.
type Ends = fn(Stop) -> bool;

/// Why a wait for a process's end is over.
#[derive(PartialEq)]
enum Woken {
    Ended,
    /// There is something to read where it was waited for.
    Ready,
    Late,
    Stopped,
}

impl Children {
    pub(super) fn new(
        mut command: Command,
        opening: Opening,
        start_time: Duration,
        out: Option<Out>,
        die_with_host: bool,
    ) -> Self {
        let number = Arc::new(AtomicI32::new(-1));
        os::inherit(&mut command, Arc::clone(&number), die_with_host);
        if out.is_some() {
            command.stderr(Stdio::piped());
        }
        let out = out.unwrap_or(Out::PassedOn(Vec::new()));
        Self { command, opening, start_time, out, number, running: None }
    }

    /// Starts a process. Our end of its socket.
    fn start(&mut self) -> Result<UnixStream, OpenError> {
        let (ours, childs) = UnixStream::pair().map_err(OpenError::io("creating a socket pair"))?;
        let inode = rustix::fs::fstat(&childs).map_err(OpenError::system("looking at a socket"))?.st_ino;
        let number = childs.as_raw_fd();
        self.command.env(HOST, format!("{number}:{inode}"));
        // Relaxed: read in the child, which is forked by this thread.
        self.number.store(number, Ordering::Relaxed);
        let spawned = self.command.spawn();
        let mut child = spawned.map_err(|source| OpenError::Spawn { program: self.program(), source })?;
        let stderr = Tail::new(child.stderr.take());
        self.running = Some(Running { pidfd: os::child_pidfd(&child), child, stderr });
        Ok(ours)
    }

    fn program(&self) -> String {
        OsStr::to_string_lossy(self.command.get_program()).into_owned()
    }

    /// Waits until the child speaks, and opens the session.
    fn greet(&mut self, ours: UnixStream, standing: &Standing) -> Result<Session<PeerA>, OpenError> {
        let Self { running, out, start_time, opening, .. } = self;
        let Some(running) = running else { return Err(OpenError::HungUp) };
        match running.wait(out, Some(ours.as_fd()), Some((standing, |_| true)), *start_time) {
            Woken::Ready => {}
            Woken::Ended => return Err(OpenError::HungUp),
            Woken::Late => return Err(OpenError::PluginSilent(*start_time)),
            Woken::Stopped => return Err(OpenError::ShuttingDown),
        }
        let pidfd = running.pidfd.as_ref().and_then(|pidfd| pidfd.try_clone().ok());
        let (child, sign) = (running.child.id(), Some(standing.tug.as_fd()));
        Session::over_child_with(ours, child, pidfd, &opening.config, opening.catalogue(), sign)
    }

    /// The process ends, by itself within so long or killed; how it did.
    fn end(&mut self, patience: Duration, standing: &Standing) -> Option<Exit> {
        let Self { running, out, .. } = self;
        let mut running = running.take()?;
        let at_once: Ends = |stop| stop == Stop::AtOnce;
        let mut was_killed = false;
        if running.wait(out, None, Some((standing, at_once)), patience) != Woken::Ended {
            was_killed = running.kill();
            if running.wait(out, None, None, DYING) != Woken::Ended {
                // It became another user's, or is stuck in the kernel. Somebody has to wait for it, so that it leaves
                // nothing behind when it ends; if that cannot be, it stays until this process ends.
                let mut child = running.child;
                let _ = std::thread::Builder::new().name("rapace-reaper".into()).spawn(move || child.wait());
                return None;
            }
        }
        let stderr = running.stderr.end(out);
        let status = running.child.wait().ok()?;
        let was_killed = was_killed && status.signal() == Some(Signal::KILL.as_raw());
        Some(Exit { status, was_killed, stderr })
    }
}

impl Running {
    /// By its pidfd: the process of its number may be another one by now.
    fn kill(&mut self) -> bool {
        match &self.pidfd {
            Some(pidfd) => rustix::process::pidfd_send_signal(pidfd, Signal::KILL).is_ok(),
            None => self.child.kill().is_ok(),
        }
    }

    /// Also if it was waited for elsewhere: by the system, where the program ignores SIGCHLD, or by the program. From then on its
    /// number may be another process's.
    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the process ends, something comes at `other`, or the standing is told to stop in such a way; passing on
    /// what is written to standard error.
    fn wait(
        &mut self,
        out: &mut Out,
        other: Option<BorrowedFd<'_>>,
        standing: Option<(&Standing, Ends)>,
        longest: Duration,
    ) -> Woken {
        // Beyond the clock is never.
        let end = Instant::now().checked_add(longest);
        loop {
            self.stderr.read(out);
            if self.has_ended() {
                return Woken::Ended;
            }
            if let Some((standing, is_it)) = standing {
                standing.tug.relax();
                if standing.stop().is_some_and(is_it) {
                    return Woken::Stopped;
                }
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Woken::Late;
            }
            let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let (stderr, tick) = self.stderr.awaits(out);
            let tick = if self.pidfd.is_none() { Some(TICK) } else { tick };
            let others = [other, standing.as_ref().map(|(standing, _)| standing.tug.as_fd())];
            let mut fds: Vec<_> = others.into_iter().flatten().map(readable).collect();
            fds.extend(self.pidfd.as_ref().map(|pidfd| readable(pidfd.as_fd())));
            fds.extend(stderr);
            let _ = poll(&mut fds, left.into_iter().chain(tick).min().map(timespec).as_ref());
            if other.is_some() && fds.first().is_some_and(|fd| !fd.revents().is_empty()) {
                return Woken::Ready;
            }
        }
    }
}

impl Source for Children {
    fn open(&mut self, standing: &Standing) -> Result<Arc<Link>, ConnectError> {
        let opened = self.start().and_then(|ours| self.greet(ours, standing)).and_then(|session| {
            let link = self.opening.link(session);
            self.opening.serve_over(&link).map(|()| link)
        });
        let error = match opened {
            Ok(link) => return Ok(link),
            Err(error) => error,
        };
        // One that hung up is about to end, and says why.
        let patience = if matches!(error, OpenError::HungUp) { LEAVE } else { Duration::ZERO };
        let exit = self.end(patience, standing);
        let is_its_own = matches!(error, OpenError::HungUp | OpenError::Timeout(_));
        Err(match exit.filter(|exit| is_its_own && !exit.was_killed) {
            Some(exit) => OpenError::PluginEnded { exit: exit.to_string() }.into(),
            None => error.into(),
        })
    }

    fn attend(&mut self, link: &Link, tug: BorrowedFd<'_>, longest: Option<Duration>) -> bool {
        let Self { running: Some(running), out, .. } = self else { return false };
        let (stderr, tick) = running.stderr.awaits(out);
        let tick = if running.pidfd.is_none() { Some(TICK) } else { tick };
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        // Of a program that started another one it is not the session's.
        let pidfd = running.pidfd.as_ref().map(|pidfd| readable(pidfd.as_fd()));
        let others = [Some(readable(tug)), pidfd, stderr].into_iter().flatten();
        sleep_beside(link, others, longest.into_iter().chain(tick).min());
        running.stderr.read(out);
        !running.has_ended()
    }

    fn close(&mut self, link: &Arc<Link>, left: Left, standing: &Standing) -> Option<Exit> {
        let patience = match (left, standing.stop()) {
            (Left::Stopped, Some(Stop::Within(grace))) => {
                link.close();
                grace
            }
            (Left::Stopped, _) => Duration::ZERO,
            // It ended, or is about to.
            (Left::Over(RecvError::Closed | RecvError::Lost(Lost::PeerDied(_))) | Left::Gone, _) => LEAVE,
            // It takes its leave, and may still answer what it began.
            (Left::Leaving, _) => LEAVE,
            // It broke the protocol, or hangs.
            (Left::Over(_) | Left::Stuck, _) => Duration::ZERO,
        };
        let exit = self.end(patience, standing);
        // Whoever waits for an answer learns of the death, if that is the end.
        if link.look_for_end().is_none() {
            link.close();
        }
        exit
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        // Only if the supervisor panicked.
        if let Some(mut running) = self.running.take() {
            running.kill();
            let _ = running.child.wait();
        }
    }
}
