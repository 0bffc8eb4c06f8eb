//! A session that nobody uses: what it costs in CPU, wake-ups and memory.
//!
//! Both ends are peers of the measuring process, exchange messages, which has them look before they sleep, and then sleep in
//! `recv`; they are watched through `/proc`, so that looking costs them nothing.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rapace::{Config, Head, PeerA, PeerB, Session};
use rustix::process::Pid;

use crate::control::Control;
use crate::cpu::{self, Usage};
use crate::figures::Figure;
use crate::peer::Peer;
use crate::work::Work;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// For how long.
    pub watched: Duration,
    /// What PeerA's process used in that time.
    pub a: Usage,
    /// What PeerB's process used.
    pub b: Usage,
    /// Shared memory that PeerA's process has mapped.
    pub shared: Shared,
}

impl Idle {
    /// The figures that it answers.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let cpu_ns = self.a.cpu_ns + self.b.cpu_ns;
        let slices = self.a.slices + self.b.slices;
        let nothing = cpu_ns == 0 && slices == 0;
        let measured = if nothing { "none".into() } else { format!("{cpu_ns} ns, {slices} wake-ups") };
        vec![
            Figure::nothing("an idle session: CPU and wake-ups of both processes", &measured, nothing),
            Figure::kib("shared memory of a default session", 2048, self.shared.mapped_kib),
        ]
    }
}

/// Shared memory of a process, both halves of its sessions, and the rest of its memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shared {
    /// Address space, in KiB.
    pub mapped_kib: u64,
    /// Memory in use, in KiB.
    pub resident_kib: u64,
    /// All other memory in use, in KiB.
    pub other_kib: u64,
}

impl Shared {
    /// Adds up the mappings of `pid`: those of memfds, and the rest.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let mut sum = Self::default();
        let mut in_memfd = false;
        for line in fs::read_to_string(format!("/proc/{pid}/smaps"))?.lines() {
            let mut words = line.split_ascii_whitespace();
            let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let kib = || second.parse::<u64>().unwrap_or_default();
            match first {
                "Size:" if in_memfd => sum.mapped_kib += kib(),
                "Rss:" if in_memfd => sum.resident_kib += kib(),
                "Rss:" => sum.other_kib += kib(),
                _ if !first.ends_with(':') => in_memfd = line.contains("memfd:"),
                _ => {}
            }
        }
        Ok(sum)
    }
}

/// So many go each way before both fall silent.
const MESSAGES: usize = 1_000;

/// Opens a session between two peers and watches it doing nothing.
///
/// # Errors
/// When a peer does not come up.
pub fn watch(watched: Duration) -> io::Result<Idle> {
    let a = Peer::spawn(&Work::IdleA.to_string(), cpu::HERE)?;
    let b = Peer::spawn(&Work::IdleB.to_string(), cpu::THERE)?;
    let (end_a, end_b) = UnixStream::pair()?;
    a.control.send_fd(end_a.as_fd())?;
    b.control.send_fd(end_b.as_fd())?;
    drop((end_a, end_b));
    a.control.recv()?;
    b.control.recv()?;
    // Both have said that they go to sleep; they need a moment to be there.
    std::thread::sleep(Duration::from_millis(100));

    let before = (Usage::of(a.pid())?, Usage::of(b.pid())?);
    std::thread::sleep(watched);
    let after = (Usage::of(a.pid())?, Usage::of(b.pid())?);
    let shared = Shared::of(a.pid())?;
    Ok(Idle { watched, a: after.0.since(before.0), b: after.1.since(before.1), shared })
}

/// PeerA's life.
///
/// # Errors
/// When the session does not come up.
pub fn serve_a(control: &Control) -> io::Result<()> {
    let socket = UnixStream::from(control.recv_fd()?);
    let mut session = Session::<PeerA>::over(socket, &Config::default()).map_err(io::Error::other)?;
    for _ in 0..MESSAGES {
        session.send(Head::message(1), b"hello").map_err(io::Error::other)?;
        session.recv().map_err(io::Error::other)?;
    }
    control.send(0)?;
    // Ends when the measuring process ends this one or the other.
    let _ = session.recv();
    Ok(())
}

/// PeerB's life.
///
/// # Errors
/// When the session does not come up.
pub fn serve_b(control: &Control) -> io::Result<()> {
    let socket = UnixStream::from(control.recv_fd()?);
    let mut session = Session::<PeerB>::over(socket, &Config::default()).map_err(io::Error::other)?;
    for _ in 0..MESSAGES {
        session.recv().map_err(io::Error::other)?;
        session.send(Head::message(1), b"hello").map_err(io::Error::other)?;
    }
    control.send(0)?;
    let _ = session.recv();
    Ok(())
}
