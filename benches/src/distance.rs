//! How far apart the two CPUs are just now: a burst's class.

use std::io;

use crate::burst::{Running, Sampling};
use crate::cpu;
use crate::floor::line::Line;
use crate::work::Work;

/// Where the other CPU is, seen from the measuring one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A cache line goes there and back quickly: one L3 for both.
    Near,
    /// It takes long.
    Far,
    /// There is no other CPU: both processes are on one.
    OneCpu,
}

/// Where near ends and far begins, in nanoseconds; what lies between is neither.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundaries {
    /// A round trip that takes less is near.
    pub near_below: f64,
    /// One that takes more is far.
    pub far_above: f64,
}

impl Default for Boundaries {
    fn default() -> Self {
        Self { near_below: 170.0, far_above: 250.0 }
    }
}

impl Boundaries {
    /// Others, for a machine whose nearest CPUs are further apart than most.
    #[must_use]
    pub fn near_below(nanoseconds: f64) -> Self {
        Self { near_below: nanoseconds, far_above: Self::default().far_above.max(nanoseconds) }
    }

    fn class(self, nanoseconds: f64) -> Option<Class> {
        if nanoseconds < self.near_below {
            Some(Class::Near)
        } else if nanoseconds > self.far_above {
            Some(Class::Far)
        } else {
            None
        }
    }
}

/// A cache line of its own that goes there and back when asked.
#[derive(Debug)]
pub struct Probe {
    line: Running<Line>,
    boundaries: Boundaries,
    /// What it found so far, in nanoseconds.
    found: Vec<f64>,
}

impl Probe {
    /// Starts the probe's peer.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(boundaries: Boundaries) -> io::Result<Self> {
        let (line, peer) = Work::Line.start(cpu::THERE, Line::measuring)?;
        Ok(Self { line: Running::start(line, peer, Sampling::MeanOnly)?, boundaries, found: Vec::new() })
    }

    /// The class now; `None` in between. The median of five short bursts: an interrupt in one of
    /// them does not count.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn class(&mut self) -> io::Result<Option<Class>> {
        let mut means = [0.0; 5];
        for mean in &mut means {
            *mean = self.line.mean_of(320)?;
        }
        means.sort_by(f64::total_cmp);
        self.found.push(means[2]);
        Ok(self.boundaries.class(means[2]))
    }

    /// A tenth of what it found was below the first of these, half below the second, a tenth above the third.
    #[must_use]
    pub fn found(&mut self) -> [f64; 3] {
        self.found.sort_by(f64::total_cmp);
        let last = self.found.len().saturating_sub(1);
        [1, 5, 9].map(|tenths| self.found.get(last * tenths / 10).copied().unwrap_or(f64::NAN))
    }
}
