//! One burst of one contender: the two traits a contender implements, and the clockwork around it.

use std::any::Any;
use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::process::Pid;

use crate::control::Control;
use crate::cpu;
use crate::peer::Peer;

/// The measuring side of a contender.
pub trait Exchange {
    /// How many operations one [`step`](Self::step) stands for.
    const OPERATIONS: u64 = 1;

    /// Does them.
    fn step(&mut self);

    /// Does so many steps.
    #[inline]
    fn steps(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Does so many steps and says how long each took.
    #[inline]
    fn clocked(&mut self, steps: u64, mut each: impl FnMut(Duration)) {
        let mut before = Instant::now();
        for _ in 0..steps {
            self.step();
            let now = Instant::now();
            each(now - before);
            before = now;
        }
    }

    /// Ends the burst: whatever the steps left under way has arrived when this returns.
    fn finish(&mut self) {}

    /// Does nothing until `until` returns, but what a program that waits for something else lets go on.
    fn stand_still(&mut self, until: impl FnOnce() + Send + 'static) {
        until();
    }
}

/// The peer's side of a contender.
pub trait Serve {
    /// Does its part of a burst of `steps`, or returns at once when threads of its own do it.
    fn serve(&mut self, steps: u64);
}

/// Which clock a contender can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Every step is clocked; reading the clock (22 ns) is small beside it. The mean is made of the same steps.
    EachStep,
    /// The mean comes from clocking the burst in a few chunks, the percentiles from a second, shorter
    /// burst with every step clocked.
    MeanThenSteps,
    /// Steps overlap: only chunks of a burst can be clocked.
    MeanOnly,
}

/// What one burst showed, in nanoseconds an operation.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// Of the whole burst, see [`Sampling`].
    pub mean: f64,
    /// Of single steps.
    pub p50: f64,
    /// Of single steps.
    pub p99: f64,
    /// CPU time of both processes.
    pub cpu: f64,
}

/// What steps at a pace took.
#[derive(Clone, Copy, Debug)]
pub struct Paced {
    /// CPU time of both processes.
    pub cpu: Duration,
    /// From the first wait for a step to the end of the last step.
    pub elapsed: Duration,
}

/// A contender, its peer running, ready for a burst at any time.
pub trait Contender {
    /// Runs a burst of about `length`.
    ///
    /// # Errors
    /// When the peer is gone.
    fn burst(&mut self, length: Duration) -> io::Result<Burst>;

    /// Does so many steps, one every `period`; CPU time of waiting for the next is not counted.
    ///
    /// # Errors
    /// When the peer is gone.
    fn paced(&mut self, steps: u64, period: Duration) -> io::Result<Paced>;

    /// Does nothing until `until` returns; see [`Exchange::stand_still`].
    fn stand_still(&mut self, until: Box<dyn FnOnce() + Send>);

    /// Nanoseconds of the steps that the last burst clocked one by one; empty when it did not.
    fn steps(&self) -> &Histogram<u64>;

    /// How many operations each of them stands for.
    fn operations(&self) -> u64;

    /// The peer's process.
    fn pid(&self) -> Pid;
}

/// An empty histogram of nanoseconds, up to a minute.
///
/// # Errors
/// When there is no memory.
pub fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(io::Error::other)
}

/// An [`Exchange`] and the process that [`Serve`]s it.
#[derive(Debug)]
pub struct Running<E> {
    exchange: E,
    peer: Peer,
    /// Goes after both.
    last: Option<Box<dyn Any>>,
    sampling: Sampling,
    clocked: Histogram<u64>,
    /// Whether the peer is stopped between bursts.
    is_stopped: bool,
    /// Nanoseconds a step took last time, from which the next burst's length follows.
    step_ns: f64,
}

impl<E: Exchange> Running<E> {
    /// Puts the two together and warms them up.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn start(exchange: E, peer: Peer, sampling: Sampling) -> io::Result<Self> {
        let clocked = histogram()?;
        let mut running = Self { exchange, peer, last: None, sampling, clocked, is_stopped: false, step_ns: 0.0 };
        let mut steps = 20;
        for _ in 0..2 {
            running.step_ns = running.run(steps, false)?.step_ns;
            steps = (WARM_UP_NS / running.step_ns).clamp(1.0, 200.0) as u64;
        }
        Ok(running)
    }

    /// The same, and `last` is dropped when exchange and peer are gone.
    #[must_use]
    pub fn keeping(mut self, last: impl Any) -> Self {
        self.last = Some(Box::new(last));
        self
    }

    /// The same, and between its bursts the peer is stopped: for one with a thread of its own that never sleeps.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn stopped_between_bursts(mut self) -> io::Result<Self> {
        self.is_stopped = true;
        self.peer.stop()?;
        Ok(self)
    }

    /// The mean of a burst of `steps` with nothing clocked in between.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn mean_of(&mut self, steps: u64) -> io::Result<f64> {
        Ok(self.run(steps, false)?.step_ns / E::OPERATIONS as f64)
    }

    fn run(&mut self, steps: u64, is_clocked: bool) -> io::Result<Whole> {
        let ((step_ns, own_cpu), peer_cpu) = self.served(steps, |exchange, histogram| {
            let cpu = cpu::used();
            let step_ns =
                if is_clocked { step_by_step(exchange, steps, histogram) } else { in_chunks(exchange, steps) };
            (step_ns, cpu::used() - cpu)
        })?;
        Ok(Whole { step_ns, cpu: own_cpu + peer_cpu })
    }

    /// What `measure` gives while the peer serves so many steps, and the CPU time of the peer.
    fn served<T>(
        &mut self,
        steps: u64,
        measure: impl FnOnce(&mut E, &mut Histogram<u64>) -> T,
    ) -> io::Result<(T, Duration)> {
        if self.is_stopped {
            self.peer.go_on()?;
        }
        let control = &self.peer.control;
        control.send(steps)?;
        control.recv()?;
        let measured = measure(&mut self.exchange, &mut self.clocked);
        control.send(OVER)?;
        let peer_cpu = Duration::from_nanos(control.recv()?);
        if self.is_stopped {
            self.peer.stop()?;
        }
        Ok((measured, peer_cpu))
    }
}

/// So long an exchange is warmed up, after its first steps.
const WARM_UP_NS: f64 = 20e6;

/// Tells the peer that the measuring side has all its answers.
const OVER: u64 = 0;

/// So many parts of a burst are clocked on their own when its steps are not.
const CHUNKS: u64 = 32;

/// Nanoseconds a step: the median of the chunks' means, so that a chunk in which something else had the CPU does not
/// count.
fn in_chunks<E: Exchange>(exchange: &mut E, steps: u64) -> f64 {
    let chunk = steps.div_ceil(CHUNKS);
    let mut means = Vec::with_capacity(CHUNKS as usize);
    let mut left = steps;
    while left > 0 {
        let now = chunk.min(left);
        left -= now;
        let begin = Instant::now();
        exchange.steps(now);
        if left == 0 {
            exchange.finish();
        }
        means.push(begin.elapsed().as_nanos() as f64 / now as f64);
    }
    median(means)
}

/// The same, and each step goes into the histogram.
fn step_by_step<E: Exchange>(exchange: &mut E, steps: u64, histogram: &mut Histogram<u64>) -> f64 {
    let chunk = steps.div_ceil(CHUNKS);
    let mut means = Vec::with_capacity(CHUNKS as usize);
    let (mut in_chunk, mut sum) = (0, 0);
    exchange.clocked(steps, |time| {
        let ns = time.as_nanos() as u64;
        histogram.saturating_record(ns);
        sum += ns;
        in_chunk += 1;
        if in_chunk == chunk {
            means.push(sum as f64 / chunk as f64);
            (in_chunk, sum) = (0, 0);
        }
    });
    exchange.finish();
    median(means)
}

/// A sleep may end so much too late, so before the end of a wait the clock is looked at instead.
const OVERSLEPT: Duration = Duration::from_micros(300);

fn wait_until(instant: Instant) {
    if let Some(sleep) = instant.saturating_duration_since(Instant::now()).checked_sub(OVERSLEPT) {
        std::thread::sleep(sleep);
    }
    while Instant::now() < instant {
        std::hint::spin_loop();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl<E: Exchange> Contender for Running<E> {
    fn burst(&mut self, length: Duration) -> io::Result<Burst> {
        let length = length.as_nanos() as f64;
        // Steps of milliseconds would make a burst of seconds, in which the CPUs do not stay where they are.
        let least = (2.0 * length / self.step_ns).clamp(2.0, 20.0);
        let steps = (length / self.step_ns).clamp(least, 4e6) as u64;
        self.clocked.reset();
        let whole = match self.sampling {
            Sampling::EachStep => self.run(steps, true)?,
            Sampling::MeanOnly => self.run(steps, false)?,
            Sampling::MeanThenSteps => {
                let whole = self.run(steps, false)?;
                self.run((steps / 2).max(least as u64), true)?;
                whole
            }
        };
        self.step_ns = whole.step_ns;
        let quantile = |q| match self.sampling {
            Sampling::MeanOnly => f64::NAN,
            _ => self.clocked.value_at_quantile(q) as f64 / E::OPERATIONS as f64,
        };
        Ok(Burst {
            mean: whole.step_ns / E::OPERATIONS as f64,
            p50: quantile(0.5),
            p99: quantile(0.99),
            cpu: whole.cpu.as_nanos() as f64 / (steps * E::OPERATIONS) as f64,
        })
    }

    fn paced(&mut self, steps: u64, period: Duration) -> io::Result<Paced> {
        let ((own_cpu, elapsed), peer_cpu) = self.served(steps, |exchange, _| {
            let (begin, mut next, mut cpu) = (Instant::now(), Instant::now(), Duration::ZERO);
            for _ in 0..steps {
                next += period;
                wait_until(next);
                let before = cpu::used();
                exchange.step();
                cpu += cpu::used() - before;
            }
            exchange.finish();
            (cpu, begin.elapsed())
        })?;
        Ok(Paced { cpu: own_cpu + peer_cpu, elapsed })
    }

    fn stand_still(&mut self, until: Box<dyn FnOnce() + Send>) {
        self.exchange.stand_still(until);
    }

    fn steps(&self) -> &Histogram<u64> {
        &self.clocked
    }

    fn operations(&self) -> u64 {
        E::OPERATIONS
    }

    fn pid(&self) -> Pid {
        self.peer.pid()
    }
}

/// A burst before it is divided by its operations.
#[derive(Debug)]
struct Whole {
    step_ns: f64,
    cpu: Duration,
}

/// The peer's life: serves bursts until the measuring process hangs up.
///
/// # Errors
/// When the control socket fails in another way than by its end.
pub fn answer(control: &Control, mut serve: impl Serve) -> io::Result<()> {
    loop {
        let steps = match control.recv() {
            Ok(steps) => steps,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let cpu = cpu::used();
        control.send(0)?;
        serve.serve(steps);
        // Threads of its own may serve still.
        control.recv()?;
        let cpu = cpu::used() - cpu;
        control.send(cpu.as_nanos() as u64)?;
    }
}
