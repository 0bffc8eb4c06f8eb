//! What a peer can be told to do, and the starting of either side of it.

use std::fmt;
use std::io;

use crate::burst::{Contender, Running, Sampling, answer};
use crate::control::Control;
use crate::cpu;
use crate::floor;
use crate::floor::byte::Byte;
use crate::floor::calls::{self as hand, Answerer, Caller, IN_FLIGHT};
use crate::floor::epoll::Epoll;
use crate::floor::futex::Futex;
use crate::floor::handwritten::{Echo, Inline, OneWay};
use crate::floor::line::{Line, Lines};
use crate::floor::rings::{Class, FRAGMENTS, WHOLE};
use crate::floor::tokio::TokioByte;
#[cfg(feature = "peers")]
use crate::foreign;
use crate::meeting;
use crate::peer::{self, Peer};
use crate::product::calls::{self, Add, InFlight};
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
    /// The hand-written floor: 24 bytes one way.
    OneWay,
    /// The hand-written floor: a server on a path.
    Meeting,
    /// The hand-written floor: calls of `add`, one after the other.
    HandAdd(Waiting),
    /// The hand-written floor: calls of `echo`, both sides waiting as by default.
    HandEcho {
        /// How large messages cross.
        slots: Slots,
        /// Bytes.
        len: usize,
    },
    /// The hand-written floor: calls of `add`, 64 in flight.
    HandInFlight(Waiting),
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
    /// rapace: calls of `add`, one after the other.
    Add(Waiting),
    /// rapace: calls of `echo` with so many bytes, both sides waiting as by default.
    CallEcho(usize),
    /// rapace: calls of `add`, 64 in flight, both sides waiting as by default.
    InFlight,
    /// rapace: awaited calls of `add`, one after the other, served on a thread.
    AwaitedAdd(Waiting),
    /// rapace: the same, served in a task.
    AwaitedAddOfTask(Waiting),
    /// rapace: awaited calls of `add`, 64 in flight, both sides waiting as by default.
    AwaitedInFlight,
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
    /// iceoryx2: requests of `add`, one after the other, polled by both sides.
    #[cfg(feature = "peers")]
    Iceoryx2,
    /// rapace: PeerA of a session that nobody uses.
    IdleA,
    /// rapace: its PeerB.
    IdleB,
}

/// How messages above 64 KiB cross a hand-written floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// In one slot that holds them whole.
    Whole,
    /// In fragments of 64 KiB, as the product's.
    Fragments,
}

impl Slots {
    const ALL: [(Self, &str); 2] = [(Self::Whole, "whole"), (Self::Fragments, "fragments")];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(slots, _)| *slots)
    }

    fn classes(self) -> &'static [Class] {
        match self {
            Self::Whole => WHOLE,
            Self::Fragments => FRAGMENTS,
        }
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(slots, _)| slots == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
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
            Self::OneWay => f.write_str("one-way"),
            Self::Meeting => f.write_str("meeting"),
            Self::HandAdd(waiting) => write!(f, "hand-add:{waiting}"),
            Self::HandEcho { slots, len } => write!(f, "hand-echo:{slots}:{len}"),
            Self::HandInFlight(waiting) => write!(f, "hand-in-flight:{waiting}"),
            Self::SessionInline(waiting) => write!(f, "session-inline:{waiting}"),
            Self::SessionEcho { waiting, len } => write!(f, "session-echo:{waiting}:{len}"),
            Self::SessionOneWay { waiting, batch } => write!(f, "session-one-way:{waiting}:{batch}"),
            Self::Connect => f.write_str("connect"),
            Self::Add(waiting) => write!(f, "add:{waiting}"),
            Self::CallEcho(len) => write!(f, "call-echo:{len}"),
            Self::InFlight => f.write_str("in-flight"),
            Self::AwaitedAdd(waiting) => write!(f, "awaited-add:{waiting}"),
            Self::AwaitedAddOfTask(waiting) => write!(f, "awaited-add-of-task:{waiting}"),
            Self::AwaitedInFlight => f.write_str("awaited-in-flight"),
            Self::Count => f.write_str("count"),
            Self::CountInGroups => f.write_str("count-in-groups"),
            Self::Sum => f.write_str("sum"),
            Self::Note => f.write_str("note"),
            Self::Ask => f.write_str("ask"),
            #[cfg(feature = "peers")]
            Self::Iceoryx2 => f.write_str("iceoryx2"),
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
            "one-way" => Self::OneWay,
            "meeting" => Self::Meeting,
            "hand-add" => Self::HandAdd(Waiting::parse(rest)?),
            "hand-echo" => {
                let (slots, len) = rest.split_once(':')?;
                Self::HandEcho { slots: Slots::parse(slots)?, len: len.parse().ok()? }
            }
            "hand-in-flight" => Self::HandInFlight(Waiting::parse(rest)?),
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
            "add" => Self::Add(Waiting::parse(rest)?),
            "call-echo" => Self::CallEcho(rest.parse().ok()?),
            "in-flight" => Self::InFlight,
            "awaited-add" => Self::AwaitedAdd(Waiting::parse(rest)?),
            "awaited-add-of-task" => Self::AwaitedAddOfTask(Waiting::parse(rest)?),
            "awaited-in-flight" => Self::AwaitedInFlight,
            "count" => Self::Count,
            "count-in-groups" => Self::CountInGroups,
            "sum" => Self::Sum,
            "note" => Self::Note,
            "ask" => Self::Ask,
            #[cfg(feature = "peers")]
            "iceoryx2" => Self::Iceoryx2,
            "idle-a" => Self::IdleA,
            "idle-b" => Self::IdleB,
            _ => return None,
        })
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
            Self::OneWay => running!(MeanOnly, OneWay::exchange),
            Self::HandAdd(Waiting::Never) => {
                running!(EachStep, |c| Ok(hand::Add(Caller::exchange(c, Waiting::Never, FRAGMENTS)?)))
            }
            Self::HandAdd(waiting) => {
                running!(MeanThenSteps, |c| Ok(hand::Add(Caller::exchange(c, waiting, FRAGMENTS)?)))
            }
            Self::HandEcho { slots, len } => running!(MeanThenSteps, |c| {
                Ok(hand::Echo::new(Caller::exchange(c, Waiting::Default, slots.classes())?, len))
            }),
            Self::HandInFlight(waiting) => {
                running!(MeanOnly, |c| Ok(hand::InFlight::new(Caller::exchange(c, waiting, FRAGMENTS)?)))
            }
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
            // A thread that never sleeps would take the CPU from the others' bursts.
            Self::Add(Waiting::Forever) => {
                let (exchange, peer) = self.start(cpu, |c| Ok(Add(calls::connect(c, Waiting::Forever)?)))?;
                Box::new(Running::start(exchange, peer, Sampling::MeanThenSteps)?.stopped_between_bursts()?)
            }
            Self::Add(Waiting::Never) => running!(EachStep, |c| Ok(Add(calls::connect(c, Waiting::Never)?))),
            Self::Add(waiting) => running!(MeanThenSteps, |c| Ok(Add(calls::connect(c, waiting)?))),
            Self::CallEcho(len) => {
                running!(MeanThenSteps, |c| Ok(calls::Echo::new(calls::connect(c, Waiting::Default)?, len)))
            }
            Self::InFlight => running!(MeanOnly, |c| Ok(InFlight(calls::connect(c, Waiting::Default)?))),
            Self::AwaitedAdd(Waiting::Never) => {
                running!(EachStep, |c| calls::awaited(Add, calls::connect(c, Waiting::Never)))
            }
            Self::AwaitedAdd(waiting) => {
                running!(MeanThenSteps, |c| calls::awaited(Add, calls::connect(c, waiting)))
            }
            Self::AwaitedAddOfTask(waiting) => {
                let path = meeting::path(std::process::id(), self);
                running!(EachStep, |c| calls::awaited(Add, calls::meet_on_tokio(c, waiting, &path)))
            }
            Self::AwaitedInFlight => {
                running!(MeanOnly, |c| calls::awaited(InFlight, calls::connect(c, Waiting::Default)))
            }
            Self::Count => running!(MeanOnly, |c| Ok(flows::Counted(flows::connect(c)?))),
            Self::CountInGroups => running!(MeanOnly, |c| Ok(flows::Grouped(flows::connect(c)?))),
            Self::Sum => running!(MeanOnly, |c| Ok(flows::Summed(flows::connect(c)?))),
            Self::Note => running!(MeanOnly, |c| Ok(flows::Noted::new(flows::connect(c)?))),
            Self::Ask => running!(MeanThenSteps, |c| Ok(flows::Asked(flows::connect_adding(c)?))),
            #[cfg(feature = "peers")]
            Self::Iceoryx2 => Box::new(foreign::iceoryx2::Polled::start(Peer::spawn(&self.to_string(), cpu)?)?),
            Self::SessionOneWay { .. } | Self::Meeting | Self::Connect | Self::IdleA | Self::IdleB => {
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
            Self::OneWay => answer(control, OneWay::exchange(control)?),
            Self::Meeting => floor::meeting::serve(control, &self.path()),
            Self::HandAdd(waiting) => answer(control, Answerer::exchange(control, waiting, FRAGMENTS, 1)?),
            Self::HandEcho { slots, .. } => {
                answer(control, Answerer::exchange(control, Waiting::Default, slots.classes(), 1)?)
            }
            Self::HandInFlight(waiting) => answer(control, Answerer::exchange(control, waiting, FRAGMENTS, IN_FLIGHT)?),
            Self::SessionInline(waiting) => answer(control, messages::Inline(messages::join(control, waiting)?)),
            Self::SessionEcho { waiting, len } => {
                answer(control, messages::Echo::new(messages::join(control, waiting)?, len))
            }
            Self::SessionOneWay { waiting, batch } => {
                answer(control, messages::Sink::new(messages::join(control, waiting)?, batch))
            }
            Self::Connect => product::connect::serve(control, &self.path()),
            Self::Add(waiting) | Self::AwaitedAdd(waiting) => answer(control, calls::serve(control, waiting)?),
            Self::CallEcho(_) | Self::InFlight | Self::AwaitedInFlight => {
                answer(control, calls::serve(control, Waiting::Default)?)
            }
            Self::Count | Self::CountInGroups | Self::Sum | Self::Note | Self::Ask => {
                answer(control, flows::serve(control)?)
            }
            Self::AwaitedAddOfTask(waiting) => answer(control, calls::serve_on_tokio(control, waiting, &self.path())?),
            #[cfg(feature = "peers")]
            Self::Iceoryx2 => answer(control, foreign::iceoryx2::serve(control)?),
            Self::IdleA => product::idle::serve_a(control),
            Self::IdleB => product::idle::serve_b(control),
        }
    }

    /// Where a peer with this work listens.
    fn path(self) -> std::path::PathBuf {
        meeting::path(std::os::unix::process::parent_id(), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Work::OneWay,
            Work::Meeting,
            Work::Epoll,
            Work::TokioByte,
            Work::HandAdd(Waiting::Default),
            Work::HandEcho { slots: Slots::Whole, len: 1 },
            Work::HandInFlight(Waiting::Forever),
            Work::SessionInline(Waiting::Never),
            Work::SessionEcho { waiting: Waiting::Forever, len: 1 },
            Work::SessionOneWay { waiting: Waiting::Default, batch: 8 },
            Work::Connect,
            Work::Add(Waiting::Default),
            Work::CallEcho(1),
            Work::InFlight,
            Work::AwaitedAdd(Waiting::Never),
            Work::AwaitedAddOfTask(Waiting::Never),
            Work::AwaitedInFlight,
            Work::Count,
            Work::CountInGroups,
            Work::Sum,
            Work::Note,
            Work::Ask,
            #[cfg(feature = "peers")]
            Work::Iceoryx2,
            Work::IdleA,
            Work::IdleB,
        ];
        for work in works {
            assert_eq!(Work::parse(&work.to_string()), Some(work));
        }
    }
}
