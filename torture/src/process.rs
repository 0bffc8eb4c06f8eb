//! The other processes: this program again, in a role.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::serving::{NARROW, is_narrow};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What a process in a role does, by its arguments.
pub(crate) type Role = fn(&[String]) -> Result<(), String>;

/// Does what this process was started for.
pub(crate) fn play(roles: &[(&str, Role)], name: &str, arguments: &[String]) -> Result<(), String> {
    // Whoever started it has gone wrong, or was killed: nothing stays.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let role = roles.iter().find(|(role, _)| *role == name).ok_or_else(|| format!("there is no role {name}"))?;
    role.1(arguments)
}

/// A process in a role. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pidfd: Arc<OwnedFd>,
    ears: Option<ChildStdin>,
    mouth: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it. The thread that does must outlive it: the process dies with it.
    pub(crate) fn start(role: &str, arguments: &[&dyn Display]) -> Self {
        Self::start_with(role, arguments, Stdio::piped())
    }

    /// Starts it with this as its standard input.
    pub(crate) fn start_over(role: &str, arguments: &[&dyn Display], socket: UnixStream) -> Self {
        Self::start_with(role, arguments, Stdio::from(OwnedFd::from(socket)))
    }

    fn start_with(role: &str, arguments: &[&dyn Display], input: Stdio) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command.arg("role").arg(role).args(arguments.iter().map(ToString::to_string));
        if is_narrow() {
            command.env(NARROW, "");
        }
        let mut child = command.stdin(input).stdout(Stdio::piped()).spawn().expect("another process");
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("its pidfd");
        let mouth = BufReader::new(child.stdout.take().expect("its standard output"));
        Self { ears: child.stdin.take(), mouth, child, pidfd: Arc::new(pidfd) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // An error is that it is gone.
        let _ = pidfd_send_signal(&*self.pidfd, signal);
    }

    /// Stops it, and waits until all its threads have stopped.
    pub(crate) fn stop(&self) -> Result<(), String> {
        self.signal(Signal::STOP);
        let has_stopped = || {
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
            tasks.into_iter().all(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
            })
        };
        if until(Duration::from_secs(10), has_stopped) { Ok(()) } else { Err("a process does not stop".into()) }
    }

    /// Something that kills it and says when, for another thread.
    pub(crate) fn killer(&self) -> impl FnOnce() -> Instant + Send + use<> {
        let pidfd = Arc::clone(&self.pidfd);
        move || {
            let now = Instant::now();
            let _ = pidfd_send_signal(&*pidfd, Signal::KILL);
            now
        }
    }

    /// Waits for its end, of all its threads.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the end of a child")
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the end of a child")
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: impl Display) -> Result<(), String> {
        let ears = self.ears.as_mut().ok_or("it has no ears")?;
        writeln!(ears, "{line}").map_err(|error| format!("a process does not listen: {error}"))
    }

    /// The next line that it says; None at its end.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.mouth.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// Its next line must be this one.
    pub(crate) fn expect(&mut self, wanted: &str) -> Result<(), String> {
        match self.hear() {
            Some(line) if line == wanted => Ok(()),
            other => Err(format!("a process says {other:?} instead of {wanted:?}")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a role: says a line.
pub(crate) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    // Whoever does not listen is gone.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// In a role: the next line that is told; None at the end.
pub(crate) fn told() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end().to_owned()),
    }
}

/// In a role: an argument.
pub(crate) fn argument<T: std::str::FromStr>(arguments: &[String], index: usize) -> Result<T, String> {
    let text = arguments.get(index).ok_or_else(|| format!("argument {index} is missing"))?;
    text.parse().map_err(|_| format!("argument {index} is {text:?}"))
}

/// Looks until it is so, for so long.
pub(crate) fn until(longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + longest;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    true
}
