//! Calls as work for two processes: a contender and what it is asked to do.

use std::fmt;
use std::io;

use tokio::runtime::Builder;

use crate::awaited::{OneThread, Runs, Threads};
use crate::burst::{Contender, Exchange, Running, Sampling, answer};
use crate::control::Control;
use crate::cpu;
use crate::floor::calls::{self as hand, Answerer, Caller};
use crate::floor::rings::{Class, FRAGMENTS, WHOLE};
use crate::floor::socket::Socket;
#[cfg(feature = "peers")]
use crate::foreign::{iceoryx2, ipc_channel, remoc, shmipc, tarpc, tonic};
#[cfg(feature = "peers")]
use crate::peer::Peer;
use crate::product::calls as rapace;
use crate::task::{Add, AwaitedCalls, Calls, Echo, InFlight, Task};
#[cfg(feature = "peers")]
use crate::task::{AwaitedCounts, Count};
use crate::waiting::Waiting;
use crate::work::Work;

/// Whose calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A hand's, over rings; a message of up to 1 MiB in one slot.
    Hand(Waiting),
    /// The same with default waiting, and messages above 64 KiB in fragments, as rapace's.
    HandFragments,
    /// A hand's, over a blocking Unix socket.
    Socket,
    /// rapace, blocking on both sides.
    Rapace(Waiting),
    /// The same with default waiting, each call begun for itself: where it is made alone there is no difference.
    Begun,
    /// The same as `Rapace` with default waiting, and a server that vouches for its client: its handlers borrow in the slots.
    Trusting,
    /// rapace, awaited on a current-thread runtime, and served on a thread.
    Awaited(Waiting),
    /// The same, and served in a task of another such runtime.
    Tasks(Waiting),
    /// rapace in tasks of runtimes of threads on both sides.
    Threads(Waiting),
    /// iceoryx2, polled by both sides.
    #[cfg(feature = "peers")]
    Iceoryx2,
    /// iceoryx2, each side waiting for the other's event.
    #[cfg(feature = "peers")]
    Iceoryx2Events,
    /// ipc-channel, blocking on both sides.
    #[cfg(feature = "peers")]
    IpcChannel,
    /// shmipc, on current-thread runtimes, as all that follow.
    #[cfg(feature = "peers")]
    Shmipc,
    /// tarpc over a Unix socket.
    #[cfg(feature = "peers")]
    Tarpc,
    /// remoc over a Unix socket.
    #[cfg(feature = "peers")]
    Remoc,
    /// tonic over a Unix socket.
    #[cfg(feature = "peers")]
    Tonic,
}

/// All of them, with the names that a peer is told.
const NAMES: &[(By, &str)] = &[
    (By::Hand(Waiting::Never), "hand-never"),
    (By::Hand(Waiting::Default), "hand-default"),
    (By::Hand(Waiting::Forever), "hand-forever"),
    (By::HandFragments, "hand-fragments"),
    (By::Socket, "socket"),
    (By::Rapace(Waiting::Never), "rapace-never"),
    (By::Rapace(Waiting::Default), "rapace-default"),
    (By::Rapace(Waiting::Forever), "rapace-forever"),
    (By::Begun, "rapace-begun"),
    (By::Trusting, "rapace-trusting"),
    (By::Awaited(Waiting::Never), "awaited-never"),
    (By::Awaited(Waiting::Default), "awaited-default"),
    (By::Tasks(Waiting::Never), "tasks-never"),
    (By::Tasks(Waiting::Default), "tasks-default"),
    (By::Threads(Waiting::Never), "threads-never"),
    (By::Threads(Waiting::Default), "threads-default"),
    #[cfg(feature = "peers")]
    (By::Iceoryx2, "iceoryx2"),
    #[cfg(feature = "peers")]
    (By::Iceoryx2Events, "iceoryx2-events"),
    #[cfg(feature = "peers")]
    (By::IpcChannel, "ipc-channel"),
    #[cfg(feature = "peers")]
    (By::Shmipc, "shmipc"),
    #[cfg(feature = "peers")]
    (By::Tarpc, "tarpc"),
    #[cfg(feature = "peers")]
    (By::Remoc, "remoc"),
    #[cfg(feature = "peers")]
    (By::Tonic, "tonic"),
];

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(by, _)| by == self).map_or("", |(_, name)| name))
    }
}

impl By {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(by, _)| *by)
    }

    /// Whether it is a product of others.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        !matches!(
            self,
            Self::Hand(_)
                | Self::HandFragments
                | Self::Socket
                | Self::Rapace(_)
                | Self::Begun
                | Self::Trusting
                | Self::Awaited(_)
                | Self::Tasks(_)
                | Self::Threads(_)
        )
    }

    /// Whether steps of microseconds are to be expected even of the smallest calls. Those of [`Threads`](Self::Threads) are
    /// clocked one by one in any case: a chunk of them begins with the wake-up of another thread.
    fn sleeps(self) -> bool {
        #[cfg(feature = "peers")]
        if self == Self::Iceoryx2 {
            return false;
        }
        !matches!(
            self,
            Self::Hand(Waiting::Default | Waiting::Forever)
                | Self::HandFragments
                | Self::Rapace(Waiting::Default | Waiting::Forever)
                | Self::Begun
                | Self::Awaited(Waiting::Default)
                | Self::Tasks(Waiting::Default)
        )
    }
}

/// A contender and its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose calls.
    pub by: By,
    /// Which.
    pub task: Task,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.by, self.task)
    }
}

/// What has no such calls.
fn missing(call: Call) -> io::Error {
    io::Error::other(format!("{call} is not made"))
}

impl Call {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, task) = text.split_once(':')?;
        Some(Self { by: By::parse(name)?, task: Task::parse(task)? })
    }

    /// All contenders with this task.
    pub fn all(task: Task) -> impl Iterator<Item = Self> {
        NAMES.iter().map(move |(by, _)| Self { by: *by, task })
    }

    fn sampling(self) -> Sampling {
        match self.task {
            Task::InFlight(_) | Task::Count => Sampling::MeanOnly,
            Task::Echo(len) if len >= 64 << 10 => Sampling::EachStep,
            _ if self.by.sleeps() => Sampling::EachStep,
            _ => Sampling::MeanThenSteps,
        }
    }

    /// Slots for messages of this task.
    fn classes(self) -> &'static [Class] {
        if self.by == By::HandFragments { FRAGMENTS } else { WHOLE }
    }

    fn waiting(self) -> Waiting {
        match self.by {
            By::Hand(waiting) | By::Rapace(waiting) => waiting,
            By::Awaited(waiting) | By::Tasks(waiting) | By::Threads(waiting) => waiting,
            _ => Waiting::Default,
        }
    }

    /// Starts both sides, ready for bursts.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn contender(self, cpu: usize) -> io::Result<Box<dyn Contender>> {
        let (task, waiting, work) = (self.task, self.waiting(), Work::Call(self));
        let path = crate::meeting::path(std::process::id(), work);
        let hand = |c: &Control| Caller::exchange(c, waiting, self.classes());
        let rapace = |c: &Control| rapace::connect(c, waiting);
        match (self.by, task) {
            (By::Hand(_) | By::HandFragments, Task::Length(len)) => {
                Ok(Box::new(self.run(cpu, |c| Ok(hand::Length::new(hand(c)?, len)))?))
            }
            (By::Hand(_) | By::HandFragments, _) => self.blocking(cpu, hand),
            (By::Socket, _) => self.blocking(cpu, Socket::measuring),
            (By::Rapace(_) | By::Trusting, Task::Length(len)) => {
                Ok(Box::new(self.run(cpu, |c| Ok(rapace::Length::new(rapace(c)?, len)))?))
            }
            (By::Rapace(_) | By::Trusting, _) => self.blocking(cpu, rapace),
            (By::Begun, Task::InFlight(_)) => self.blocking(cpu, |c| Ok(rapace::Begun(rapace(c)?))),
            (By::Begun, _) => Err(missing(self)),
            (By::Awaited(_), _) => self.awaited::<OneThread, _>(cpu, async |c| rapace(c)),
            (By::Tasks(_), _) => self.awaited::<OneThread, _>(cpu, async |c| rapace::meet_on_tokio(c, waiting, &path)),
            (By::Threads(_), _) => self.awaited::<Threads, _>(cpu, async |c| rapace::meet_on_tokio(c, waiting, &path)),
            #[cfg(feature = "peers")]
            (By::Iceoryx2 | By::Iceoryx2Events, _) => {
                let waits = self.by == By::Iceoryx2Events;
                iceoryx2::contender(task, waits, Peer::spawn(&work.to_string(), cpu)?, self.sampling())
            }
            #[cfg(feature = "peers")]
            (By::IpcChannel, Task::Count) => Ok(Box::new(self.run(cpu, |c| Ok(Count(ipc_channel::connect(c)?)))?)),
            #[cfg(feature = "peers")]
            (By::Remoc, Task::Count) => self.awaited_count(cpu, remoc::connect),
            #[cfg(feature = "peers")]
            (By::Tonic, Task::Count) => self.awaited_count(cpu, tonic::connect),
            #[cfg(feature = "peers")]
            (By::IpcChannel, _) => self.blocking(cpu, ipc_channel::connect),
            #[cfg(feature = "peers")]
            (By::Shmipc, _) => self.awaited::<OneThread, _>(cpu, async |c| shmipc::connect(c, task, &path).await),
            #[cfg(feature = "peers")]
            (By::Tarpc, _) => self.awaited::<OneThread, _>(cpu, async |c| tarpc::connect(c)),
            #[cfg(feature = "peers")]
            (By::Remoc, _) => self.awaited::<OneThread, _>(cpu, remoc::connect),
            #[cfg(feature = "peers")]
            (By::Tonic, _) => self.awaited::<OneThread, _>(cpu, tonic::connect),
        }
    }

    /// The life of a client that is a peer itself: it makes some calls, tells the number of its server's process, and stands
    /// still.
    ///
    /// # Errors
    /// When it or its server does not come up.
    pub fn stand_still(self) -> io::Result<()> {
        let mut contender = self.contender(cpu::THERE)?;
        let control = Control::inherited()?;
        control.send(contender.pid().as_raw_nonzero().get() as u64)?;
        // Ends with the measuring process's hanging up.
        contender.stand_still(Box::new(move || drop(control.recv())));
        Ok(())
    }

    fn run<E: Exchange>(self, cpu: usize, measuring: impl FnOnce(&Control) -> io::Result<E>) -> io::Result<Running<E>> {
        let (exchange, peer) = Work::Call(self).start(cpu, measuring)?;
        let running = Running::start(exchange, peer, self.sampling())?;
        // A thread that never sleeps would take the CPU from the others' bursts.
        if self.by == By::Rapace(Waiting::Forever) { running.stopped_between_bursts() } else { Ok(running) }
    }

    fn blocking<C: Calls + 'static>(
        self,
        cpu: usize,
        connect: impl FnOnce(&Control) -> io::Result<C>,
    ) -> io::Result<Box<dyn Contender>> {
        Ok(match self.task {
            Task::Add => Box::new(self.run(cpu, |c| Ok(Add(connect(c)?)))?),
            Task::Echo(len) => Box::new(self.run(cpu, |c| Ok(Echo::new(connect(c)?, len)))?),
            Task::InFlight(8) => Box::new(self.run(cpu, |c| Ok(InFlight::<_, 8>(connect(c)?)))?),
            Task::InFlight(64) => Box::new(self.run(cpu, |c| Ok(InFlight::<_, 64>(connect(c)?)))?),
            Task::InFlight(1000) => Box::new(self.run(cpu, |c| Ok(InFlight::<_, 1000>(connect(c)?)))?),
            Task::InFlight(_) | Task::Length(_) | Task::Count => return Err(missing(self)),
        })
    }

    fn awaited<R: Runs, C: AwaitedCalls + Send + 'static>(
        self,
        cpu: usize,
        connect: impl AsyncFnOnce(&Control) -> io::Result<C>,
    ) -> io::Result<Box<dyn Contender>> {
        macro_rules! run {
            ($make:expr) => {
                Box::new(self.run(cpu, |c| R::start(async || Ok($make(connect(c).await?))))?)
            };
        }
        Ok(match self.task {
            Task::Add => run!(Add),
            Task::Echo(len) => run!(|client| Echo::new(client, len)),
            Task::InFlight(8) => run!(InFlight::<_, 8>),
            Task::InFlight(64) => run!(InFlight::<_, 64>),
            Task::InFlight(1000) => run!(InFlight::<_, 1000>),
            Task::InFlight(_) | Task::Length(_) | Task::Count => return Err(missing(self)),
        })
    }

    #[cfg(feature = "peers")]
    fn awaited_count<C: AwaitedCounts + Send + 'static>(
        self,
        cpu: usize,
        connect: impl AsyncFnOnce(&Control) -> io::Result<C>,
    ) -> io::Result<Box<dyn Contender>> {
        Ok(Box::new(self.run(cpu, |c| OneThread::start(async || Ok(Count(connect(c).await?))))?))
    }

    /// The peer's whole life.
    ///
    /// # Errors
    /// When the measuring process is gone in the middle of something.
    pub fn serve(self, control: &Control) -> io::Result<()> {
        let (task, waiting) = (self.task, self.waiting());
        let path = Work::Call(self).path();
        match self.by {
            By::Hand(_) | By::HandFragments => {
                answer(control, Answerer::exchange(control, waiting, self.classes(), task.calls())?)
            }
            By::Socket => answer(control, Socket::serving(control, task.calls())?),
            By::Rapace(_) | By::Begun | By::Awaited(_) => {
                answer(control, rapace::serve(control, crate::product::config(waiting))?)
            }
            By::Trusting => answer(control, rapace::serve(control, crate::product::trusting())?),
            By::Tasks(_) => {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                answer(control, rapace::serve_on_tokio(control, waiting, runtime, &path)?)
            }
            By::Threads(_) => {
                let runtime = Builder::new_multi_thread().enable_all().build()?;
                answer(control, rapace::serve_on_tokio(control, waiting, runtime, &path)?)
            }
            #[cfg(feature = "peers")]
            By::Iceoryx2 | By::Iceoryx2Events => iceoryx2::serve(control, task, self.by == By::Iceoryx2Events),
            #[cfg(feature = "peers")]
            By::IpcChannel => answer(control, ipc_channel::serve(control)?),
            #[cfg(feature = "peers")]
            By::Shmipc => answer(control, shmipc::serve(control, task, &path)?),
            #[cfg(feature = "peers")]
            By::Tarpc => answer(control, tarpc::serve(control)?),
            #[cfg(feature = "peers")]
            By::Remoc => answer(control, remoc::serve(control)?),
            #[cfg(feature = "peers")]
            By::Tonic => answer(control, tonic::serve(control)?),
        }
    }
}
