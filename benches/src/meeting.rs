//! From `connect` to the answer to the first message, or call: a server process on a path, met many times.

pub mod kinds;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::{Builder, Runtime};

use crate::burst::histogram;
use crate::cpu;
use crate::distance::{Boundaries, Class, Probe};
use crate::figures::Figure;
use crate::meeting::kinds::Kind;
use crate::peer::Peer;
use crate::work::Work;

/// Times of one kind of meeting.
#[derive(Debug)]
pub struct Times {
    /// What it is called in the table.
    pub label: &'static str,
    /// Nanoseconds, by the class they were taken in.
    pub classes: Vec<(Class, Histogram<u64>)>,
}

impl Times {
    fn new(label: &'static str) -> io::Result<Self> {
        let mut classes = Vec::new();
        for class in [Class::Near, Class::Far] {
            classes.push((class, histogram()?));
        }
        Ok(Self { label, classes })
    }

    /// The times of one class, if there are any.
    #[must_use]
    pub fn of(&self, class: Class) -> Option<&Histogram<u64>> {
        let (_, times) = self.classes.iter().find(|(of, _)| *of == class)?;
        (!times.is_empty()).then_some(times)
    }
}

/// The figures that the meetings of this name answer.
#[must_use]
pub fn figures(meetings: &[Times], label: &str, what: &str) -> Vec<Figure> {
    let of = |quantile: f64| {
        let times = meetings.iter().find(|times| times.label == label);
        let of = |class| Some(times?.of(class)?.value_at_quantile(quantile) as f64);
        (of(Class::Near), of(Class::Far))
    };
    vec![
        Figure::nanoseconds(&format!("{what}, p50"), (250e3, 150e3), of(0.5)),
        Figure::nanoseconds("the same, p99", (2e6, 2e6), of(0.99)),
    ]
}

/// How often at a time between two probes.
const GROUP: usize = 10;

/// For both sides to clear their ends of a session away.
const MOMENT: Duration = Duration::from_millis(1);

/// Passes in the runtime, where what a client left behind comes to its end.
async fn moment() {
    tokio::time::sleep(MOMENT).await;
}

/// Meets the servers of these kinds in turn, `count` times each. Besides the times it gives those of others that did not come
/// up, and why.
///
/// # Errors
/// When a server of our own or a session does not come up.
pub fn measure(kinds: &[Kind], count: usize, boundaries: Boundaries) -> io::Result<(Vec<Times>, Vec<String>)> {
    let mut probe = Probe::start(boundaries)?;
    // A program whose calls are awaited has its runtime before it connects.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut servers, mut left_out) = (Vec::new(), Vec::new());
    for kind in kinds {
        match Server::start(kind.work) {
            Ok(server) => servers.push((server, kind, Times::new(kind.label)?)),
            Err(error) if kind.work.is_foreign() => left_out.push(format!("{}: {error}", kind.label)),
            Err(error) => return Err(error),
        }
    }
    for _ in 0..count.div_ceil(GROUP) {
        for (server, kind, times) in &mut servers {
            let before = probe.class()?;
            let mut taken = Vec::with_capacity(GROUP);
            for _ in 0..GROUP {
                taken.push(server.meet(kind, &runtime)?);
            }
            let after = probe.class()?;
            let class = before.filter(|_| before == after);
            for (_, times) in times.classes.iter_mut().filter(|(of, _)| Some(*of) == class) {
                taken.iter().for_each(|time| times.saturating_record(*time));
            }
        }
    }
    Ok((servers.into_iter().map(|(_, _, times)| times).collect(), left_out))
}

/// A server process on a path, and the path's directory, which goes with it.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub peer: Peer,
    /// Where it listens.
    pub path: PathBuf,
}

impl Server {
    /// Starts it, and returns when it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(work: Work) -> io::Result<Self> {
        let path = path(std::process::id(), work);
        if let Some(directory) = path.parent() {
            DirBuilder::new().mode(0o700).create(directory)?;
        }
        let server = Self { peer: Peer::spawn(&work.to_string(), cpu::THERE)?, path };
        server.peer.control.recv()?;
        Ok(server)
    }

    fn meet(&self, kind: &Kind, runtime: &Runtime) -> io::Result<u64> {
        let begin = Instant::now();
        let session = (kind.meet)(self, runtime)?;
        let time = begin.elapsed().as_nanos() as u64;
        drop(session);
        // The next meeting does not pay for this one.
        if kind.tells {
            self.peer.control.recv()?;
        } else {
            runtime.block_on(moment());
        }
        Ok(time)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(directory) = self.path.parent() {
            // Only a directory in the place for temporary files would stay behind.
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Where the server of this work listens; both processes work it out from the measuring one's number.
#[must_use]
pub fn path(measuring: u32, work: Work) -> PathBuf {
    std::env::temp_dir().join(format!("rapace-bench-{measuring}-{work}")).join("socket")
}
