//! What a mode says: lines of progress, a table, or a failure with the command that repeats it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What a mode ends with: its figures, or what went wrong.
pub(crate) type Outcome = Result<Table, String>;

/// Figures by their names, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<(String, String)>);

impl Table {
    pub(crate) fn row(&mut self, name: impl Display, value: impl Display) {
        self.0.push((name.to_string(), value.to_string()));
    }

    /// Each of them a row.
    pub(crate) fn counts(&mut self, what: &str, counts: &BTreeMap<String, u64>) {
        for (name, count) in counts {
            self.row(format_args!("{what}: {name}"), count);
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "  {name:width$}  {value}"))
    }
}

/// Durations, in buckets a sixteenth wide: as much memory for many as for few.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    buckets: Vec<u64>,
    max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { buckets: vec![0; 64 * 16], max: Duration::ZERO }
    }
}

impl Times {
    pub(crate) fn note(&mut self, time: Duration) {
        let nanos = (time.as_nanos() as u64).max(16);
        let bits = nanos.ilog2();
        let index = bits as usize * 16 + ((nanos >> (bits - 4)) & 15) as usize;
        self.buckets[index] += 1;
        self.max = self.max.max(time);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(crate) fn max(&self) -> Duration {
        self.max
    }

    /// What so many of a thousand do not exceed, but for the width of a bucket.
    pub(crate) fn permille(&self, part: u64) -> Duration {
        let wanted = (self.count() * part).div_ceil(1_000);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                let bits = index / 16;
                let nanos = (1_u128 << bits) + (((index as u128 % 16) + 1) << bits) / 16;
                return Duration::from_nanos(nanos as u64).min(self.max);
            }
        }
        self.max
    }

    pub(crate) fn above(&self, bound: Duration) -> u64 {
        let nanos = (bound.as_nanos() as u64).max(16);
        let bits = nanos.ilog2();
        let index = bits as usize * 16 + ((nanos >> (bits - 4)) & 15) as usize;
        self.buckets[index + 1..].iter().sum()
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [500, 990].map(|part| self.permille(part));
        write!(f, "p50 {p50:.1?}  p99 {p99:.1?}  max {:.1?}  of {}", self.max, self.count())
    }
}

/// Counts by name.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<String, u64>>);

impl Counters {
    pub(crate) fn count(&self, name: &str) {
        self.add(name, 1);
    }

    pub(crate) fn add(&self, name: &str, more: u64) {
        *lock(&self.0).entry(name.to_owned()).or_default() += more;
    }

    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        lock(&self.0).clone()
    }

    pub(crate) fn of(&self, name: &str) -> u64 {
        lock(&self.0).get(name).copied().unwrap_or(0)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says how far a mode is, at most twice a second.
pub(crate) struct Progress {
    last: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { last: Instant::now() }
    }

    pub(crate) fn say(&mut self, line: impl Display) {
        if self.last.elapsed() > Duration::from_millis(500) {
            self.last = Instant::now();
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K{line}");
            let _ = out.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

/// What is done now, how it is repeated, and until when it must be done.
static WATCHED: OnceLock<Mutex<Watched>> = OnceLock::new();

#[derive(Default)]
struct Watched {
    what: String,
    replay: String,
    until: Option<Instant>,
}

/// Ends the process as a failure if the next call of it, or of [`done`], does not come within the time.
pub(crate) fn watch(what: impl Display, replay: impl Display, within: Duration) {
    let watched = WATCHED.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_millis(250));
                let Some(watched) = WATCHED.get() else { continue };
                let watched = lock(watched);
                if watched.until.is_some_and(|until| Instant::now() > until) {
                    fail(&format!("stuck: {}", watched.what), &watched.replay);
                }
            }
        });
        Mutex::default()
    });
    let until = Instant::now().checked_add(within);
    *lock(watched) = Watched { what: what.to_string(), replay: replay.to_string(), until };
}

/// Nothing is watched any more.
pub(crate) fn done() {
    if let Some(watched) = WATCHED.get() {
        lock(watched).until = None;
    }
}

/// How what is done now is repeated.
pub(crate) fn replay() -> String {
    WATCHED.get().map_or_else(String::new, |watched| lock(watched).replay.clone())
}

/// Says what went wrong and how it is repeated, and ends the process. Its children die with it.
pub(crate) fn fail(what: &str, replay: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "\nFAILED: {what}\nagain: torture {replay}");
    std::process::exit(1);
}
