//! Threads that share one client: whether the lock between them costs throughput, and whether it is fair.

use std::hint::black_box;
use std::io;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::calls::{self, AdderClient};
use crate::call::{By, Call};
use crate::cpu;
use crate::figures::Figure;
use crate::task::Task;
use crate::waiting::Waiting;
use crate::work::Work;

/// So many threads.
pub const THREADS: usize = 8;

/// What so many threads did in one go.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Calls of each thread, a second.
    pub rates: Vec<f64>,
    /// The longest call of all, in nanoseconds.
    pub longest: f64,
}

impl Turn {
    fn total(&self) -> f64 {
        self.rates.iter().sum()
    }

    /// The slowest thread's part of what each would have if all had the same.
    fn fairness(&self) -> f64 {
        let slowest = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        slowest * self.rates.len() as f64 / self.total()
    }
}

/// What was seen: medians over turns.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Calls a second of one thread.
    pub alone: f64,
    /// Calls a second of all threads.
    pub total: f64,
    /// The slowest thread's part of the mean.
    pub fairness: f64,
    /// The longest call of one thread alone, in nanoseconds.
    pub longest_alone: f64,
    /// The longest call of all, in nanoseconds.
    pub longest: f64,
}

impl Crowd {
    /// The figures that it answers, wherever the CPUs are.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let threads = format!("{THREADS} threads that share one client, all calls × those of one thread");
        vec![
            Figure::part(&threads, (0.9, 1.0), self.total / self.alone),
            Figure::part("the same, the slowest thread's calls × the mean", (1.0 / 3.0, 1.0), self.fairness),
        ]
    }
}

/// Lets one thread call, then all, and again, each time for `length`.
///
/// # Errors
/// When the peer does not come up.
pub fn measure(turns: usize, length: Duration) -> io::Result<Crowd> {
    let work = Work::Call(Call { by: By::Rapace(Waiting::Default), task: Task::Add });
    let (client, _peer) = work.start(cpu::THERE, |control| calls::connect(control, Waiting::Default))?;
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        alone.push(turn(&client, 1, length));
        together.push(turn(&client, THREADS, length));
    }
    let median = |turns: &[Turn], of: fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(Crowd {
        alone: median(&alone, Turn::total),
        total: median(&together, Turn::total),
        fairness: median(&together, Turn::fairness),
        longest_alone: median(&alone, |turn| turn.longest),
        longest: median(&together, |turn| turn.longest),
    })
}

fn turn(client: &AdderClient, threads: usize, length: Duration) -> Turn {
    let start = Barrier::new(threads);
    let calls = || {
        start.wait();
        let begin = Instant::now();
        let (mut count, mut longest, mut before) = (0_u64, Duration::ZERO, begin);
        while before - begin < length {
            assert_eq!(client.add(black_box(20), black_box(22)).wait().expect("a sum"), 42);
            let now = Instant::now();
            longest = longest.max(now - before);
            before = now;
            count += 1;
        }
        (count as f64 / (before - begin).as_secs_f64(), longest)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(calls)).collect();
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a thread that ends")).collect();
        let longest = done.iter().map(|(_, longest)| *longest).max().unwrap_or_default();
        Turn { rates: done.into_iter().map(|(rate, _)| rate).collect(), longest: longest.as_nanos() as f64 }
    })
}
