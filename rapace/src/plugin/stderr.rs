//! What a plugin writes to its standard error: passed on, and the last lines of it kept.
//!
//! Nothing here waits for whoever takes it. As long as that one has no room, no more is read, so that it is the plugin that
//! waits, as one does that writes there itself.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ChildStderr;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use crate::error::OpenError;

/// Lines that are kept.
const LINES: usize = 20;
/// Bytes of a line that are kept; what follows is a line of its own.
const LINE_BYTES: usize = 1 << 10;
/// Bytes that are read at once: as many as a pipe takes that says it has room.
const READ: usize = 4 << 10;
/// Reads of one look, so that a plugin that never stops writing outlasts nobody.
const READS: u32 = 16;
/// Reads after the end of the process, of what lies in the pipe: somebody else may go on writing there.
const LAST_READS: u32 = 256;
/// Lines that wait to be told.
const UNTOLD: usize = 1 << 10;
/// Between two looks whether they were.
const TICK: Duration = Duration::from_millis(10);

/// Where it goes.
pub(super) enum Out {
    /// To this process's own standard error: what was not written yet.
    PassedOn(Vec<u8>),
    /// Line by line to the program, by a thread of its own: what that has not taken yet.
    Told(SyncSender<String>, VecDeque<String>),
}

impl Out {
    pub(super) fn told(tell: Box<dyn Fn(&str) + Send>) -> Result<Self, OpenError> {
        let (sender, lines) = sync_channel::<String>(UNTOLD);
        let telling = move || {
            for line in lines {
                // The user's code; if it panics, the plugin runs on.
                let _ = catch_unwind(AssertUnwindSafe(|| tell(&line)));
            }
        };
        let thread = std::thread::Builder::new().name("rapace-stderr".into()).spawn(telling);
        thread.map_err(OpenError::io("starting a thread"))?;
        Ok(Self::Told(sender, VecDeque::new()))
    }

    /// Passes on what waits; true when nothing does any more.
    fn flush(&mut self) -> bool {
        match self {
            Self::PassedOn(rest) => {
                let own = std::io::stderr();
                // A terminal that says it has room may have less than this; as one of our own it is not waited for.
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let is_terminal = !rest.is_empty() && own.is_terminal();
                let apart =
                    is_terminal.then(|| rustix::fs::open("/proc/self/fd/2", flags, Mode::empty()).ok()).flatten();
                let own = apart.as_ref().map_or(own.as_fd(), |apart| apart.as_fd());
                while !rest.is_empty() {
                    let mut fds = [PollFd::from_borrowed_fd(own, PollFlags::OUT)];
                    let ready = poll(&mut fds, Some(&Timespec::default()));
                    let [own_fd] = &fds;
                    if ready == Ok(0) || !own_fd.revents().intersects(PollFlags::OUT) && !is_gone(own_fd) {
                        return false;
                    }
                    // Not through its lock, which somebody may hold who waits for this thread.
                    match rustix::io::write(own, rest) {
                        Ok(written) => drop(rest.drain(..written)),
                        Err(rustix::io::Errno::INTR) => {}
                        Err(rustix::io::Errno::AGAIN) => return false,
                        // Nobody can be told that it failed.
                        Err(_) => rest.clear(),
                    }
                }
                true
            }
            Self::Told(sender, waiting) => {
                while let Some(line) = waiting.pop_front() {
                    if let Err(TrySendError::Full(line)) = sender.try_send(line) {
                        waiting.push_front(line);
                        return false;
                    }
                }
                true
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Self::PassedOn(rest) = self {
            rest.extend_from_slice(bytes);
        }
    }

    fn line(&mut self, line: &str) {
        if let Self::Told(_, waiting) = self {
            waiting.push_back(line.to_owned());
        }
    }

    fn is_blocked(&self) -> bool {
        match self {
            Self::PassedOn(rest) => !rest.is_empty(),
            Self::Told(_, waiting) => !waiting.is_empty(),
        }
    }
}

fn is_gone(fd: &PollFd<'_>) -> bool {
    fd.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

/// The standard error of a process that runs.
pub(super) struct Tail {
    from: Option<ChildStderr>,
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl Tail {
    pub(super) fn new(from: Option<ChildStderr>) -> Self {
        // One that cannot be read without waiting is not read.
        let from = from.filter(|from| rustix::io::ioctl_fionbio(from, true).is_ok());
        Self { from, line: Vec::new(), last: VecDeque::new() }
    }

    /// To be waited for, as long as something may come; at most so long, if there is nothing that tells.
    pub(super) fn awaits(&self, out: &Out) -> (Option<PollFd<'_>>, Option<Duration>) {
        match (&self.from, out) {
            (None, _) => (None, None),
            (Some(_), _) if out.is_blocked() => (None, Some(TICK)),
            (Some(from), _) => (Some(PollFd::new(from, PollFlags::IN)), None),
        }
    }

    /// Takes out what is there and there is room for.
    pub(super) fn read(&mut self, out: &mut Out) {
        for _ in 0..READS {
            if !out.flush() || !self.read_once(out) {
                return;
            }
        }
        out.flush();
    }

    /// Whether something was there.
    fn read_once(&mut self, out: &mut Out) -> bool {
        let mut bytes = [0; READ];
        let Some(from) = &mut self.from else { return false };
        match from.read(&mut bytes) {
            Ok(read @ 1..) => {
                let read = bytes.get(..read).unwrap_or(&[]);
                out.bytes(read);
                for byte in read {
                    if *byte != b'\n' {
                        self.line.push(*byte);
                    }
                    if *byte == b'\n' || self.line.len() >= LINE_BYTES {
                        self.end_line(out);
                    }
                }
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Ok(_) | Err(_) => {
                self.from = None;
                false
            }
        }
    }

    fn end_line(&mut self, out: &mut Out) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        out.line(&line);
        if self.last.len() >= LINES {
            self.last.pop_front();
        }
        // What could change how a terminal shows it becomes one harmless character.
        self.last.push_back(line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect());
    }

    /// The last lines, when the process has ended. What there is no room for any more is not passed on.
    pub(super) fn end(mut self, out: &mut Out) -> String {
        for _ in 0..LAST_READS {
            out.flush();
            if !self.read_once(out) {
                break;
            }
        }
        if !self.line.is_empty() {
            self.end_line(out);
        }
        out.flush();
        Vec::from(self.last).join("\n")
    }
}
