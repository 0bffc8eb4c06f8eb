//! The processes of a plugin, one after the other: started with one end of a socket pair, and nothing in the file system.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::HOST;
use super::stderr::{Lines, Tail};
use crate::error::{Lost, OpenError, RecvError};
use crate::os;
use crate::rpc::client::ConnectError;
use crate::rpc::link::Link;
use crate::rpc::opening::Opening;
use crate::rpc::standing::{Standing, Stop};
use crate::rpc::supervision::Exit;
use crate::rpc::supervisor::{Source, sleep_beside, timespec};
use crate::session::{PeerA, Session};

/// How long a plugin whose session is over has to end by itself.
const LEAVE: Duration = Duration::from_secs(2);

/// How the processes are started.
pub(super) struct Children {
    command: Command,
    pub(super) opening: Opening,
    start_time: Duration,
    lines: Lines,
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
        lines: Option<Lines>,
        die_with_host: bool,
    ) -> Self {
        let number = Arc::new(AtomicI32::new(-1));
        os::inherit(&mut command, Arc::clone(&number), die_with_host);
        if lines.is_some() {
            command.stderr(Stdio::piped());
        }
        Self { command, opening, start_time, lines: lines.unwrap_or(Lines::PassedOn), number, running: None }
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
        let Self { running, lines, start_time, opening, .. } = self;
        let Some(running) = running else { return Err(OpenError::HungUp) };
        match running.wait(lines, Some(ours.as_fd()), Some(standing), *start_time) {
            Woken::Late => return Err(OpenError::PluginSilent(*start_time)),
            Woken::Stopped => return Err(OpenError::ShuttingDown),
            // If it ended, that is what the handshake meets.
            Woken::Ended | Woken::Ready => {}
        }
        let tug = Some(standing.tug.as_fd());
        Session::over_child_with(ours, &running.child, &opening.config, opening.catalogue(), tug)
    }

    /// The process ends, by itself within so long or killed; how it did.
    fn end(&mut self, patience: Duration, standing: &Standing) -> Option<Exit> {
        let Self { running, lines, .. } = self;
        let mut running = running.take()?;
        // Told to stop at once, it is not waited for.
        let standing = (standing.stop() != Some(Stop::AtOnce)).then_some(standing);
        let patience = if standing.is_some() { patience } else { Duration::ZERO };
        let has_ended = running.wait(lines, None, standing, patience) == Woken::Ended;
        let mut was_killed = false;
        if !has_ended && !matches!(running.child.try_wait(), Ok(Some(_))) {
            was_killed = running.child.kill().is_ok();
        }
        // It has ended or was killed, so this does not block for long.
        let status = running.child.wait().ok()?;
        Some(Exit { status, was_killed, stderr: running.stderr.end(lines) })
    }
}

impl Running {
    /// Waits until the process ends, something comes at `other`, or the standing is told to stop at once; passing on what is
    /// written to standard error.
    fn wait(
        &mut self,
        lines: &Lines,
        other: Option<BorrowedFd<'_>>,
        standing: Option<&Standing>,
        longest: Duration,
    ) -> Woken {
        let end = Instant::now().checked_add(longest);
        loop {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return Woken::Ended;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Woken::Late;
            }
            // Without a descriptor of the process, it is looked at now and then.
            let left = if self.pidfd.is_none() { Some(left.unwrap_or(TICK).min(TICK)) } else { left };
            let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let others = [other, standing.map(|standing| standing.tug.as_fd()), self.stderr.as_fd()];
            let mut fds: Vec<_> = others.into_iter().flatten().map(readable).collect();
            fds.extend(self.pidfd.as_ref().map(|pidfd| readable(pidfd.as_fd())));
            let _ = poll(&mut fds, left.map(timespec).as_ref());
            let is_ready = other.is_some() && fds.first().is_some_and(|fd| !fd.revents().is_empty());
            self.stderr.read(lines);
            if is_ready {
                return Woken::Ready;
            }
            if let Some(standing) = standing {
                standing.tug.relax();
                if standing.stop() == Some(Stop::AtOnce) {
                    return Woken::Stopped;
                }
            }
        }
    }
}

/// Between two looks at a process where the system has no descriptor for it.
const TICK: Duration = Duration::from_millis(10);

impl Source for Children {
    fn open(&mut self, standing: &Standing) -> Result<Arc<Link>, ConnectError> {
        let opened = self.start().and_then(|ours| self.greet(ours, standing));
        let error = match opened {
            Ok(session) => {
                let link = self.opening.link(session);
                match self.opening.serve_over(&link) {
                    Ok(()) => return Ok(link),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        // One that hung up is about to end, and says why; all others are no use.
        let is_leaving = matches!(error, OpenError::HungUp | OpenError::System { .. });
        let exit = self.end(if is_leaving { LEAVE } else { Duration::ZERO }, standing);
        Err(match exit {
            Some(exit) if is_leaving && !exit.was_killed => OpenError::PluginEnded { exit: exit.to_string() }.into(),
            _ => error.into(),
        })
    }

    fn attend(&mut self, link: &Link, tug: BorrowedFd<'_>, longest: Option<Duration>) {
        let Some(Running { stderr, .. }) = &mut self.running else { return };
        sleep_beside(link, [Some(tug), stderr.as_fd()].into_iter().flatten(), longest);
        stderr.read(&self.lines);
    }

    fn close(&mut self, link: &Arc<Link>, standing: &Standing) -> Option<Exit> {
        let patience = match (standing.stop(), link.look_for_end()) {
            (Some(Stop::AtOnce), _) => Duration::ZERO,
            (Some(Stop::Within(grace)), _) => {
                link.close();
                grace
            }
            // It ended, or is about to.
            (None, Some(RecvError::Closed | RecvError::Lost(Lost::PeerDied(_)))) => LEAVE,
            // It takes its leave, and may still answer what it began.
            (None, None) if !standing.has_session() => LEAVE,
            // It broke the protocol, or hangs.
            (None, _) => Duration::ZERO,
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
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}
