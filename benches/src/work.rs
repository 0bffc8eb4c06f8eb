//! What a peer can be told to do, and the starting of either side of it.

use std::fmt;
use std::io;

use crate::burst::{Contender, Running, Sampling, answer};
use crate::call::{By, Call};
use crate::control::Control;
use crate::cpu;
use crate::floor;
use crate::floor::byte::Byte;
use crate::floor::copies::Copies;
use crate::floor::epoll::Epoll;
use crate::floor::futex::Futex;
use crate::floor::handwritten::{Echo, Inline, OneWay};
use crate::floor::line::{Line, Lines};
use crate::floor::tokio::TokioByte;
use crate::meeting;
use crate::peer::{self, Peer};
use crate::product::calls::{self, Elsewhere, OneOfMany};
use crate::product::{self, flows, messages};
use crate::waiting::Waiting;

/// One kind of work; a peer gets it as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A cache line there and back, written by both.
    Line,
    /// A cache line for each way.
    Lines,
    /// A futex there and back in one page.
    Futex,
    /// The same over two halves.
    FutexOverHalves,
    /// The same, sleeping on a private word besides.
    FutexTwoWords,
    /// A byte there and back over a socket.
    Byte,
    /// The same behind epoll.
    Epoll,
    /// The same over a socket of tokio's.
    TokioByte,
    /// The hand-written floor: 24 bytes there and back.
    Inline,
    /// The hand-written floor: so many bytes there and back.
    Echo(usize),
    /// The same over halves that both sides may write.
    EchoWritable(usize),
    /// The hand-written floor: 24 bytes one way.
    OneWay,
    /// The hand-written floor: a server on a path.
    Meeting,
    /// Four copies of so many bytes, in one process.
    Copies(usize),
    /// Anybody's calls.
    Call(Call),
    /// Anybody's client of such calls, which starts its server and makes some, then stands still.
    Client(Call),
    /// rapace: 24 bytes there and back.
    SessionInline(Waiting),
    /// rapace: so many bytes there and back.
    SessionEcho {
        /// How both sides wait.
        waiting: Waiting,
        /// Bytes.
        len: usize,
    },
    /// rapace: 24 bytes one way.
    SessionOneWay {
        /// How both sides wait.
        waiting: Waiting,
        /// Messages sent at a time: 1, 8 or 32.
        batch: usize,
    },
    /// rapace: a server on a path.
    Connect,
    /// Anybody's server of calls on a path.
    CallServer(By),
    /// rapace: calls of `add` by one of so many clients, the others idle; all wait as by default.
    OneOfMany(usize),
    /// rapace: a stream of `u64` from the server.
    Count,
    /// rapace: the same, several in a message.
    CountInGroups,
    /// rapace: a stream of `u64` to the server.
    Sum,
    /// rapace: one-way calls of 16 bytes.
    Note,
    /// rapace: calls whose handlers call back.
    Ask,
    /// rapace: PeerA of a session that nobody uses.
    IdleA,
    /// rapace: its PeerB.
    IdleB,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str("line"),
            Self::Lines => f.write_str("lines"),
            Self::Futex => f.write_str("futex"),
            Self::FutexOverHalves => f.write_str("futex-over-halves"),
            Self::FutexTwoWords => f.write_str("futex-two-words"),
            Self::Byte => f.write_str("byte"),
            Self::Epoll => f.write_str("epoll"),
            Self::TokioByte => f.write_str("tokio-byte"),
            Self::Inline => f.write_str("inline"),
            Self::Echo(len) => write!(f, "echo:{len}"),
            Self::EchoWritable(len) => write!(f, "echo-writable:{len}"),
            Self::OneWay => f.write_str("one-way"),
            Self::Meeting => f.write_str("meeting"),
            Self::Copies(len) => write!(f, "copies:{len}"),
            Self::Call(call) => write!(f, "call:{call}"),
            Self::Client(call) => write!(f, "client:{call}"),
            Self::SessionInline(waiting) => write!(f, "session-inline:{waiting}"),
            Self::SessionEcho { waiting, len } => write!(f, "session-echo:{waiting}:{len}"),
            Self::SessionOneWay { waiting, batch } => write!(f, "session-one-way:{waiting}:{batch}"),
            Self::Connect => f.write_str("connect"),
            Self::CallServer(by) => write!(f, "call-server:{by}"),
            Self::OneOfMany(clients) => write!(f, "one-of-many:{clients}"),
            Self::Count => f.write_str("count"),
            Self::CountInGroups => f.write_str("count-in-groups"),
            Self::Sum => f.write_str("sum"),
            Self::Note => f.write_str("note"),
            Self::Ask => f.write_str("ask"),
            Self::IdleA => f.write_str("idle-a"),
            Self::IdleB => f.write_str("idle-b"),
        }
    }
}

impl Work {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        Some(match name {
            "line" => Self::Line,
            "lines" => Self::Lines,
            "futex" => Self::Futex,
            "futex-over-halves" => Self::FutexOverHalves,
            "futex-two-words" => Self::FutexTwoWords,
            "byte" => Self::Byte,
            "epoll" => Self::Epoll,
            "tokio-byte" => Self::TokioByte,
            "inline" => Self::Inline,
            "echo" => Self::Echo(rest.parse().ok()?),
            "echo-writable" => Self::EchoWritable(rest.parse().ok()?),
            "one-way" => Self::OneWay,
            "meeting" => Self::Meeting,
            "copies" => Self::Copies(rest.parse().ok()?),
            "call" => Self::Call(Call::parse(rest)?),
            "client" => Self::Client(Call::parse(rest)?),
            "session-inline" => Self::SessionInline(Waiting::parse(rest)?),
            "session-echo" => {
                let (waiting, len) = rest.split_once(':')?;
                Self::SessionEcho { waiting: Waiting::parse(waiting)?, len: len.parse().ok()? }
            }
            "session-one-way" => {
                let (waiting, batch) = rest.split_once(':')?;
                Self::SessionOneWay { waiting: Waiting::parse(waiting)?, batch: batch.parse().ok()? }
            }
            "connect" => Self::Connect,
            "call-server" => Self::CallServer(By::parse(rest)?),
            "one-of-many" => Self::OneOfMany(rest.parse().ok()?),
            "count" => Self::Count,
            "count-in-groups" => Self::CountInGroups,
            "sum" => Self::Sum,
            "note" => Self::Note,
            "ask" => Self::Ask,
            "idle-a" => Self::IdleA,
            "idle-b" => Self::IdleB,
            _ => return None,
        })
    }

    /// Whether it is done by a product of others.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        match self {
            Self::Call(Call { by, .. }) | Self::Client(Call { by, .. }) | Self::CallServer(by) => by.is_foreign(),
            _ => false,
        }
    }

    /// Starts the peer on `cpu` and makes our end with `measuring`.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn start<E>(self, cpu: usize, measuring: impl FnOnce(&Control) -> io::Result<E>) -> io::Result<(E, Peer)> {
        let peer = Peer::spawn(&self.to_string(), cpu)?;
        let exchange = measuring(&peer.control)?;
        Ok((exchange, peer))
    }

    /// Starts both sides, ready for bursts.
    ///
    /// # Errors
    /// When either does not come up.
    pub fn contender(self, cpu: usize) -> io::Result<Box<dyn Contender>> {
        macro_rules! running {
            ($sampling:ident, $measuring:expr) => {{
                let (exchange, peer) = self.start(cpu, $measuring)?;
                Box::new(Running::start(exchange, peer, Sampling::$sampling)?)
            }};
        }
        Ok(match self {
            Self::Line => running!(MeanThenSteps, Line::measuring),
            Self::Lines => running!(MeanThenSteps, Lines::measuring),
            Self::Futex => running!(EachStep, Futex::measuring),
            Self::FutexOverHalves => running!(EachStep, Futex::over_halves),
            Self::FutexTwoWords => running!(EachStep, Futex::with_second_word),
            Self::Byte => running!(EachStep, Byte::measuring),
            Self::Epoll => running!(EachStep, Epoll::measuring),
            Self::TokioByte => running!(EachStep, TokioByte::measuring),
            Self::Inline => running!(MeanThenSteps, Inline::exchange),
            Self::Echo(len) => running!(MeanThenSteps, |c| Echo::exchange(c, len)),
            Self::EchoWritable(len) => running!(MeanThenSteps, |c| Echo::exchange_writable(c, len)),
            Self::OneWay => running!(MeanOnly, OneWay::exchange),
            Self::Copies(len) => running!(EachStep, |_| Ok(Copies::new(len))),
            Self::Call(call) => call.contender(cpu)?,
            Self::SessionInline(Waiting::Never) => {
                running!(EachStep, |c| Ok(messages::Inline(messages::open(c, Waiting::Never)?)))
            }
            Self::SessionInline(waiting) => {
                running!(MeanThenSteps, |c| Ok(messages::Inline(messages::open(c, waiting)?)))
            }
            Self::SessionEcho { waiting, len } => {
                running!(MeanThenSteps, |c| Ok(messages::Echo::new(messages::open(c, waiting)?, len)))
            }
            Self::SessionOneWay { waiting, batch: 1 } => {
                running!(MeanOnly, |c| Ok(messages::OneWay::<1>::new(messages::open(c, waiting)?)))
            }
            Self::SessionOneWay { waiting, batch: 8 } => {
                running!(MeanOnly, |c| Ok(messages::OneWay::<8>::new(messages::open(c, waiting)?)))
            }
            Self::SessionOneWay { waiting, batch: 32 } => {
                running!(MeanOnly, |c| Ok(messages::OneWay::<32>::new(messages::open(c, waiting)?)))
            }
            Self::OneOfMany(clients) => {
                running!(MeanThenSteps, |c| OneOfMany::connect(c, Waiting::Default, clients))
            }
            Self::Count => running!(MeanOnly, |c| Ok(flows::Counted(flows::connect(c)?))),
            Self::CountInGroups => running!(MeanOnly, |c| Ok(flows::Grouped(flows::connect(c)?))),
            Self::Sum => running!(MeanOnly, |c| Ok(flows::Summed(flows::connect(c)?))),
            Self::Note => running!(MeanOnly, |c| Ok(flows::Noted::new(flows::connect(c)?))),
            Self::Ask => running!(MeanThenSteps, |c| Ok(flows::Asked(flows::connect_adding(c)?))),
            Self::SessionOneWay { .. }
            | Self::Meeting
            | Self::Client(_)
            | Self::Connect
            | Self::CallServer(_)
            | Self::IdleA
            | Self::IdleB => {
                return Err(io::Error::other(format!("{self} has no bursts")));
            }
        })
    }

    /// The peer's whole life.
    ///
    /// # Errors
    /// When the measuring process is gone in the middle of something.
    pub fn serve(self, cpu: usize) -> io::Result<()> {
        peer::die_with_parent()?;
        cpu::pin(cpu)?;
        let control = &Control::inherited()?;
        match self {
            Self::Line => answer(control, Line::serving(control)?),
            Self::Lines => answer(control, Lines::serving(control)?),
            Self::Futex => answer(control, Futex::serving(control)?),
            Self::FutexOverHalves => answer(control, Futex::over_halves(control)?),
            Self::FutexTwoWords => answer(control, Futex::with_second_word(control)?),
            Self::Byte => answer(control, Byte::serving(control)?),
            Self::Epoll => answer(control, Epoll::serving(control)?),
            Self::TokioByte => answer(control, TokioByte::serving(control)?),
            Self::Inline => answer(control, Inline::exchange(control)?),
            Self::Echo(len) => answer(control, Echo::exchange(control, len)?),
            Self::EchoWritable(len) => answer(control, Echo::exchange_writable(control, len)?),
            Self::OneWay => answer(control, OneWay::exchange(control)?),
            Self::Meeting => floor::meeting::serve(control, &self.path()),
            Self::Copies(_) => answer(control, Elsewhere),
            Self::Call(call) => call.serve(control),
            Self::Client(call) => call.stand_still(),
            Self::SessionInline(waiting) => answer(control, messages::Inline(messages::join(control, waiting)?)),
            Self::SessionEcho { waiting, len } => {
                answer(control, messages::Echo::new(messages::join(control, waiting)?, len))
            }
            Self::SessionOneWay { waiting, batch } => {
                answer(control, messages::Sink::new(messages::join(control, waiting)?, batch))
            }
            Self::Connect => product::connect::serve(control, &self.path()),
            Self::CallServer(by) => meeting::kinds::serve_calls(by, control, &self.path()),
            Self::OneOfMany(clients) => {
                answer(control, calls::serve_many(control, product::config(Waiting::Default), clients)?)
            }
            Self::Count | Self::CountInGroups | Self::Sum | Self::Note | Self::Ask => {
                answer(control, flows::serve(control)?)
            }
            Self::IdleA => product::idle::serve_a(control),
            Self::IdleB => product::idle::serve_b(control),
        }
    }

    /// Where a peer with this work listens; for that peer.
    #[must_use]
    pub fn path(self) -> std::path::PathBuf {
        meeting::path(std::os::unix::process::parent_id(), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn a_peer_reads_the_work_that_was_written_for_it() {
        let works = [
            Work::Line,
            Work::Lines,
            Work::Futex,
            Work::FutexOverHalves,
            Work::FutexTwoWords,
            Work::Byte,
            Work::Inline,
            Work::Echo(4096),
            Work::EchoWritable(4096),
            Work::OneWay,
            Work::Meeting,
            Work::Epoll,
            Work::TokioByte,
            Work::Copies(1),
            Work::SessionInline(Waiting::Never),
            Work::SessionEcho { waiting: Waiting::Forever, len: 1 },
            Work::SessionOneWay { waiting: Waiting::Default, batch: 8 },
            Work::Connect,
            Work::OneOfMany(64),
            Work::Count,
            Work::CountInGroups,
            Work::Sum,
            Work::Note,
            Work::Ask,
            Work::IdleA,
            Work::IdleB,
        ];
        let tasks = [Task::Add, Task::Echo(24), Task::InFlight(8), Task::Length(1), Task::Count];
        let calls = tasks.into_iter().flat_map(Call::all).flat_map(|call| {
            let Call { by, .. } = call;
            [Work::Call(call), Work::Client(call), Work::CallServer(by)]
        });
        for work in works.into_iter().chain(calls) {
            assert_eq!(Work::parse(&work.to_string()), Some(work));
        }
    }
}
