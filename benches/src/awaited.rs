//! Contenders that are awaited, on a tokio runtime: of one thread, or of threads.
//!
//! The steps of a chunk run in one `block_on`, or in one task of a runtime of threads: what is measured is an `.await` in a
//! task, not the entering of a runtime.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::burst::{Exchange, Serve};

/// The measuring side of an awaited contender; see [`Exchange`].
pub trait Awaited {
    /// How many operations one [`step`](Self::step) stands for.
    const OPERATIONS: u64 = 1;

    /// Does them.
    fn step(&mut self) -> impl Future<Output = ()> + Send;
}

/// The peer's side of an awaited contender; see [`Serve`].
pub trait AwaitedServe {
    /// Does its part of a burst of `steps`.
    fn serve(&mut self, steps: u64) -> impl Future<Output = ()>;
}

/// A kind of runtime.
pub trait Runs {
    /// A contender on a runtime of this kind.
    type With<A: Awaited + Send + 'static>: Exchange + 'static;

    /// A new runtime, and what is made on it.
    ///
    /// # Errors
    /// When either cannot be made.
    fn start<A: Awaited + Send + 'static>(make: impl AsyncFnOnce() -> io::Result<A>) -> io::Result<Self::With<A>>;
}

/// Runtimes of one thread.
#[derive(Clone, Copy, Debug)]
pub struct OneThread;

impl Runs for OneThread {
    type With<A: Awaited + Send + 'static> = OnTokio<A>;

    fn start<A: Awaited + Send + 'static>(make: impl AsyncFnOnce() -> io::Result<A>) -> io::Result<OnTokio<A>> {
        OnTokio::new(make)
    }
}

/// Runtimes of threads.
#[derive(Clone, Copy, Debug)]
pub struct Threads;

impl Runs for Threads {
    type With<A: Awaited + Send + 'static> = OnThreads<A>;

    fn start<A: Awaited + Send + 'static>(make: impl AsyncFnOnce() -> io::Result<A>) -> io::Result<OnThreads<A>> {
        OnThreads::new(make)
    }
}

/// A contender and its runtime of one thread.
#[derive(Debug)]
pub struct OnTokio<A> {
    // Goes before the runtime that its socket is registered with.
    awaited: A,
    runtime: Runtime,
}

impl<A> OnTokio<A> {
    /// A new runtime, and what is made on it.
    ///
    /// # Errors
    /// When either cannot be made.
    pub fn new(make: impl AsyncFnOnce() -> io::Result<A>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let awaited = runtime.block_on(make())?;
        Ok(Self { awaited, runtime })
    }
}

impl<A: Awaited> Exchange for OnTokio<A> {
    const OPERATIONS: u64 = A::OPERATIONS;

    fn step(&mut self) {
        self.runtime.block_on(self.awaited.step());
    }

    fn steps(&mut self, steps: u64) {
        let awaited = &mut self.awaited;
        self.runtime.block_on(async {
            for _ in 0..steps {
                awaited.step().await;
            }
        });
    }

    fn clocked(&mut self, steps: u64, mut each: impl FnMut(Duration)) {
        let awaited = &mut self.awaited;
        self.runtime.block_on(async {
            let mut before = Instant::now();
            for _ in 0..steps {
                awaited.step().await;
                let now = Instant::now();
                each(now - before);
                before = now;
            }
        });
    }

    /// The runtime goes on: products have tasks and timers of their own in it.
    fn stand_still(&mut self, until: impl FnOnce() + Send + 'static) {
        let waiting = self.runtime.spawn_blocking(until);
        self.runtime.block_on(waiting).expect("a wait that ends");
    }
}

impl<A: AwaitedServe> Serve for OnTokio<A> {
    fn serve(&mut self, steps: u64) {
        self.runtime.block_on(self.awaited.serve(steps));
    }
}

/// A contender and its runtime of threads: as many as it makes by itself.
#[derive(Debug)]
pub struct OnThreads<A> {
    /// Away while a task has it.
    awaited: Option<A>,
    runtime: Runtime,
}

impl<A: Awaited + Send + 'static> OnThreads<A> {
    /// A new runtime, and what is made on it.
    ///
    /// # Errors
    /// When either cannot be made.
    pub fn new(make: impl AsyncFnOnce() -> io::Result<A>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let awaited = runtime.block_on(make())?;
        Ok(Self { awaited: Some(awaited), runtime })
    }

    /// Does so many steps in a task, and says when each was over, if that is asked for.
    fn in_a_task(&mut self, steps: u64, is_clocked: bool) -> Vec<Instant> {
        let mut awaited = self.awaited.take().expect("no other task has it");
        let task = self.runtime.spawn(async move {
            let mut over = Vec::with_capacity(if is_clocked { steps as usize + 1 } else { 0 });
            over.push(Instant::now());
            for _ in 0..steps {
                awaited.step().await;
                if is_clocked {
                    over.push(Instant::now());
                }
            }
            (awaited, over)
        });
        let (awaited, over) = self.runtime.block_on(task).expect("a task that ends");
        self.awaited = Some(awaited);
        over
    }
}

impl<A: Awaited + Send + 'static> Exchange for OnThreads<A> {
    const OPERATIONS: u64 = A::OPERATIONS;

    fn step(&mut self) {
        self.in_a_task(1, false);
    }

    fn steps(&mut self, steps: u64) {
        self.in_a_task(steps, false);
    }

    fn clocked(&mut self, steps: u64, mut each: impl FnMut(Duration)) {
        for pair in self.in_a_task(steps, true).windows(2) {
            each(pair[1] - pair[0]);
        }
    }
}

impl<A> Drop for OnThreads<A> {
    fn drop(&mut self) {
        // What is registered with the runtime goes before it.
        self.awaited = None;
    }
}
