//! What a process has: descriptors, threads, mappings, memory.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::process::until;

/// How long what a session leaves behind may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// How long a worker stays.
const IDLE: Duration = Duration::from_secs(10);

/// What a process has of what can be counted exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Belongings {
    pub(crate) fds: usize,
    /// Workers of a server not among them, which stay for a while when they have nothing to do.
    pub(crate) threads: usize,
    /// Mappings of halves.
    pub(crate) halves: usize,
}

impl fmt::Display for Belongings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fds, {} threads, {} mapped halves", self.fds, self.threads, self.halves)
    }
}

impl Belongings {
    pub(crate) fn of(pid: u32) -> Self {
        let names = threads(pid);
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let halves = maps.lines().filter(|line| line.contains("/memfd:rapace")).count();
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self { fds, threads: names.iter().filter(|name| !is_worker(name)).count(), halves }
    }

    pub(crate) fn own() -> Self {
        Self::of(std::process::id())
    }

    fn is_within(&self, base: &Self) -> bool {
        self.fds <= base.fds && self.threads <= base.threads && self.halves <= base.halves
    }

    /// Waits until a process has no more than this again.
    pub(crate) fn come_back(&self, pid: u32) -> Result<(), String> {
        if until(GONE_WITHIN, || Self::of(pid).is_within(self)) {
            return Ok(());
        }
        let now = Self::of(pid);
        let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let fds: Vec<_> = links.filter_map(|link| fs::read_link(link.path()).ok()).collect();
        Err(format!("process {pid} had {self} and keeps {now}: {fds:?}, threads {:?}", threads(pid)))
    }
}

fn is_worker(name: &str) -> bool {
    name.trim() == "rapace-worker"
}

/// Waits until a process has no more workers than a server without calls keeps.
pub(crate) fn workers_come_back(pid: u32) -> Result<(), String> {
    let workers = || threads(pid).iter().filter(|name| is_worker(name)).count();
    if until(IDLE + GONE_WITHIN, || workers() <= 8) { Ok(()) } else { Err(format!("{} workers are left", workers())) }
}

/// The names of a process's threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
}

/// Resident bytes of a process that no file stands behind; None when it is gone.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    status(pid, "RssAnon:")
}

fn status(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

/// Mebibytes, to be read.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
