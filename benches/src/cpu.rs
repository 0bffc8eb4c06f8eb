//! Processors and their time: pinning, CPU clocks, what a process has used.

use std::io;
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::CpuSet;
use rustix::time::ClockId;

/// Where the measuring process runs.
pub const HERE: usize = 0;
/// Where the peer runs, but for the rows on one CPU.
pub const THERE: usize = 1;

/// Binds this process to one CPU. Must be called before it has a second thread.
///
/// # Errors
/// When there is no such CPU for us.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// The CPU time that all threads of this process have used.
#[must_use]
pub fn used() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What another process has used so far, over all its threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds on a CPU.
    pub cpu_ns: u64,
    /// How often it went to sleep of its own accord.
    pub voluntary_switches: u64,
    /// How often it was put on a CPU, for whatever reason.
    pub slices: u64,
}

impl Usage {
    /// Reads `/proc` for `pid`.
    ///
    /// # Errors
    /// When the process is gone or `/proc` has no `schedstat`.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let mut sum = Self::default();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            let schedstat = std::fs::read_to_string(task.join("schedstat"))?;
            let mut words = schedstat.split_ascii_whitespace().map(str::parse::<u64>);
            let mut word = || words.next().and_then(Result::ok).unwrap_or_default();
            let (on_cpu_ns, _waited_ns, slices) = (word(), word(), word());
            sum.cpu_ns += on_cpu_ns;
            sum.slices += slices;
            let status = std::fs::read_to_string(task.join("status"))?;
            sum.voluntary_switches += status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
                .and_then(|count| count.trim().parse::<u64>().ok())
                .unwrap_or_default();
        }
        Ok(sum)
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns - earlier.cpu_ns,
            voluntary_switches: self.voluntary_switches - earlier.voluntary_switches,
            slices: self.slices - earlier.slices,
        }
    }
}
