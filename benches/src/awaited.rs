//! Contenders that are awaited, on a current-thread tokio runtime.
//!
//! The steps of a chunk run in one `block_on`: what is measured is an `.await` in a task, not the entering of a runtime.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::burst::{Exchange, Serve};

/// The measuring side of an awaited contender; see [`Exchange`].
pub trait Awaited {
    /// How many operations one [`step`](Self::step) stands for.
    const OPERATIONS: u64 = 1;

    /// Does them.
    fn step(&mut self) -> impl Future<Output = ()>;
}

/// The peer's side of an awaited contender; see [`Serve`].
pub trait AwaitedServe {
    /// Does its part of a burst of `steps`.
    fn serve(&mut self, steps: u64) -> impl Future<Output = ()>;
}

/// A contender and its runtime.
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
}

impl<A: AwaitedServe> Serve for OnTokio<A> {
    fn serve(&mut self, steps: u64) {
        self.runtime.block_on(self.awaited.serve(steps));
    }
}
