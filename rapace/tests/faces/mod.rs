//! The two ways to wait: what a test does is written once, for threads and for tasks.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses a part of it")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rapace::{Rx, StreamError, Tx};
use tokio::runtime::{Builder, Runtime};

/// How somebody waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Face {
    /// The thread is blocked.
    Blocking,
    /// In a task.
    Awaiting,
}

pub(crate) use Face::{Awaiting, Blocking};

impl Face {
    pub(crate) async fn send<T>(self, tx: &mut Tx<T>, item: T) -> Result<(), StreamError> {
        match self {
            Blocking => tx.send(item).wait(),
            Awaiting => tx.send(item).await,
        }
    }

    pub(crate) async fn send_all<T: Send>(
        self,
        tx: &mut Tx<T>,
        items: impl Iterator<Item = T> + Send,
    ) -> Result<(), StreamError> {
        match self {
            Blocking => tx.send_all(items).wait(),
            Awaiting => tx.send_all(items).await,
        }
    }

    pub(crate) async fn recv<T>(self, rx: &mut Rx<T>) -> Result<Option<T>, StreamError> {
        match self {
            Blocking => rx.recv().wait(),
            Awaiting => rx.recv().await,
        }
    }

    /// All that comes, which must end well.
    pub(crate) async fn all<T>(self, mut rx: Rx<T>) -> Vec<T> {
        let mut items = Vec::new();
        while let Some(item) = self.recv(&mut rx).await.unwrap() {
            items.push(item);
        }
        items
    }

    /// Does both at the same time.
    pub(crate) async fn both<A: Future<Output: Send> + Send, B: Future>(self, a: A, b: B) -> (A::Output, B::Output) {
        match self {
            Blocking => std::thread::scope(|scope| {
                let a = scope.spawn(|| now(a));
                let b = now(b);
                (a.join().unwrap(), b)
            }),
            Awaiting => tokio::join!(a, b),
        }
    }

    /// Lets others go on.
    pub(crate) async fn rest(self) {
        match self {
            Blocking => std::thread::sleep(Duration::from_millis(1)),
            Awaiting => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Runs a future that never waits in a task.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for a task"),
    }
}

/// Begins a call with streams.
macro_rules! start {
    ($face:expr, $call:expr) => {
        match $face {
            $crate::faces::Blocking => $call.start(),
            $crate::faces::Awaiting => $call.start_async().await,
        }
    };
}

/// The outcome of a call, begun or not.
macro_rules! end {
    ($face:expr, $call:expr) => {
        match $face {
            $crate::faces::Blocking => $call.wait(),
            $crate::faces::Awaiting => $call.await,
        }
    };
}

pub(crate) use {end, start};

/// One thread, which polls nothing unless it is told to.
pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
