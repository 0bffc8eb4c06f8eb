//! The rows of the bench `versus`: calls, rapace's beside the floor's and, with the feature `peers`, beside those of others.

pub mod figures;
pub mod idle;
pub mod pace;
pub mod plots;

use std::io;

use super::{Lacking, Rows, Section};
use crate::call::{By, Call};
use crate::rounds::Row;
use crate::task::Task;
use crate::waiting::Waiting;
use crate::work::Work;

const ADD: &str = "`add(u32, u32) -> u32`, one after the other, nobody asleep";
const ASLEEP: &str = "`add`, both asleep, blocking";
const AWAITED: &str = "`add`, both asleep, awaited on tokio";
const ONE_CPU: &str = "`add`, both on one CPU";
const ECHO_ASLEEP: &str = "`echo` of 4 KiB, both asleep";
const BORROWED: &str = "A call with a borrowed `&[u8]` of 64 KiB";
const MANY: &str = "`add` of one client while others are connected";
const STREAMS: &str = "Streams of `u64`, an item";
const ONE_WAYS: &str = "One-way calls of 16 bytes, a call";
const CALLBACKS: &str = "A call back inside of a call";
/// Not measured in rounds.
pub const MEETINGS: &str = "Connect to the answer to the first call";

/// Sizes of `echo`: bytes, their name, their table.
pub const ECHOES: [(usize, &str, &str); 6] = [
    (24, "24 B", "`echo` of 24 B"),
    (1 << 10, "1 KiB", "`echo` of 1 KiB"),
    (4 << 10, "4 KiB", "`echo` of 4 KiB"),
    (64 << 10, "64 KiB", "`echo` of 64 KiB"),
    (1 << 20, "1 MiB", "`echo` of 1 MiB"),
    (16 << 20, "16 MiB", "`echo` of 16 MiB"),
];

/// Numbers of calls in flight: how many, their table.
pub const IN_FLIGHT: [(usize, &str); 3] = [
    (8, "`add`, 8 in flight from one thread, a call"),
    (64, "`add`, 64 in flight from one thread, a call"),
    (1000, "`add`, 1000 in flight from one thread, a call"),
];

/// The tables in the order of the report.
pub const SECTIONS: [Section; 19] = [
    (
        ADD,
        "The floor is a call by hand over hand-written rings: mapped as rapace maps its memory, waiting as rapace does, \
         no macro, no table of methods, no limits, and the peer is believed. Compare by the mean: its clock is read 32 \
         times a burst, while p50 and p99 contain the clock of each step (some 30-60 ns).",
    ),
    (ASLEEP, "The floor wakes and waits on one page that both processes may write, and carries nothing."),
    (
        AWAITED,
        "The floor is one byte over a Unix socket that both sides wait for in `epoll_wait`. Where nothing else is said, \
         client and server are on a current-thread runtime each.",
    ),
    (ONE_CPU, ""),
    (ECHOES[0].2, ECHO),
    (ECHOES[1].2, ""),
    (ECHOES[2].2, ""),
    (ECHOES[3].2, ""),
    (
        ECHOES[4].2,
        "The first floor has a slot that holds the message; the second has fragments of 64 KiB, as rapace, which both sides \
         copy at once.",
    ),
    (ECHOES[5].2, "The copies of the floor are four `memcpy` in one process, in memory that is there already."),
    (ECHO_ASLEEP, ""),
    (
        BORROWED,
        "The bytes are looked at where the server has them, and their number is answered. The floor copies once, into \
         shared memory, and so does rapace if the server's user vouches for the client (`Config::trust`). By default the server \
         copies them out before its handler borrows them.",
    ),
    (
        IN_FLIGHT[0].1,
        "So many calls are begun, then so many answers waited for: rapace's by `call_all`, and each for itself by `start`. Products \
         of tasks begin them as futures that are joined; those that can send several requests at once do.",
    ),
    (IN_FLIGHT[1].1, ""),
    (
        IN_FLIGHT[2].1,
        "The hand-written rings have 256 entries. rapace's have 1,024, and its server keeps as many calls of a client at once \
         by default.",
    ),
    (MANY, "Each client has its session and its thread in the server; the others are idle."),
    (
        STREAMS,
        "A call and its stream of some thousand items, by default waiting: from the server one by one, or as many in a \
         message as fit (`send_all`), and from the caller one by one. Those of others come from the server, one by one, and are \
         beside ours. iceoryx2's are published without any call.",
    ),
    (ONE_WAYS, "A burst ends when the last one was executed."),
    (
        CALLBACKS,
        "The handler calls its caller, by a client that it makes each time, and answers with what that answers.",
    ),
];

const ECHO: &str = "All sizes: owned byte strings, default waiting. In, out, in, out: the caller's bytes into shared memory or a \
    socket, out of it into a new `Vec` on the other side, and the same way back. iceoryx2 alone is used with loans: the \
    caller writes into lent memory, the server copies into lent memory, and the caller looks at it there, so it copies \
    twice. The floor's messages are in one slot each.";

const HAND_DEFAULT: &str = "hand-written, default waiting (floor)";
const HAND_FOREVER: &str = "hand-written, spinning (floor)";
const FUTEX: &str = "raw futex (floor)";
const FUTEX_ONE_CPU: &str = "raw futex, one CPU (floor)";
const BYTE: &str = "a byte over a Unix socket";
const EPOLL: &str = "a byte over a socket behind epoll (floor)";
const COPIES: &str = "four `memcpy` of 16 MiB (floor)";
const HAND_LENGTH: &str = "hand-written, one copy (floor)";
const ALONE: &str = "rapace, default, one client";
const ONE_OF_MANY: &str = "rapace, default, one of 64 clients";

const ADD_FOREVER: &str = "rapace, `Spin::Forever`";
const ADD_DEFAULT: &str = "rapace, default";
const ADD_ASLEEP: &str = "rapace, `Spin::Never`";
const ADD_ONE_CPU: &str = "rapace, `Spin::Never`, one CPU";
const ICEORYX2: &str = "iceoryx2, polled by both sides";
const AWAITED_BUSY: &str = "rapace, default, awaited, the server busy on a thread";
const AWAITED_ASLEEP: &str = "rapace, `Spin::Never`, the server on a thread";
const AWAITED_TASKS: &str = "rapace, `Spin::Never`, the server in a task";
const AWAITED_THREADS: &str = "rapace, `Spin::Never`, runtimes of threads";
const ECHO_ASLEEP_RAPACE: &str = "rapace, `Spin::Never`, 4 KiB";
const LENGTH: &str = "rapace, borrowed 64 KiB, of a client that is vouched for";
const LENGTH_COPIED: &str = "rapace, borrowed 64 KiB";
const STREAM_DOWN: &str = "rapace, from the server";
const STREAM_GROUPS: &str = "rapace, from the server, in groups";
const STREAM_UP: &str = "rapace, from the caller";
const NOTES: &str = "rapace, one by one";
const CALL_BACK: &str = "rapace, a call that calls back";

/// Products of others that sleep, and how they are called.
#[cfg(feature = "peers")]
const PEERS: &[(By, &str)] = &[
    (By::Iceoryx2Events, "iceoryx2, events"),
    (By::IpcChannel, "ipc-channel"),
    (By::Shmipc, "shmipc"),
    (By::Tarpc, "tarpc"),
    (By::Remoc, "remoc"),
    (By::Tonic, "tonic"),
];
#[cfg(not(feature = "peers"))]
const PEERS: &[(By, &str)] = &[];

/// Those of them that block a thread.
fn blocks(name: &str) -> bool {
    name.starts_with("iceoryx2") || name == "ipc-channel"
}

/// Those of others that have streams, and how theirs are called.
#[cfg(feature = "peers")]
const STREAMERS: &[(By, &str)] = &[
    (By::Iceoryx2, "iceoryx2, published, polled by both sides"),
    (By::IpcChannel, "ipc-channel, a sender of items"),
    (By::Remoc, "remoc, a channel"),
    (By::Tonic, "tonic, a stream from the server"),
];
#[cfg(not(feature = "peers"))]
const STREAMERS: &[(By, &str)] = &[];

/// What products of others do not have.
#[cfg(feature = "peers")]
pub const LACKING: &[Lacking] = &[
    Lacking { section: STREAMS, name: "shmipc", why: "its streams carry bytes; items would be ours" },
    Lacking { section: STREAMS, name: "tarpc", why: "a call has one answer" },
    Lacking {
        section: MEETINGS,
        name: "iceoryx2",
        why: "nobody connects: ports find each other by the name of a service, within a node that each process has before",
    },
];
/// Nothing is said of products that are not measured.
#[cfg(not(feature = "peers"))]
pub const LACKING: &[Lacking] = &[];

/// What the contenders of the plots are called in them.
pub const HAND: &str = "hand-written";
/// The socket of [`HAND`].
pub const SOCKET: &str = "hand-written, Unix socket";
/// rapace as a user gets it who says nothing.
pub const RAPACE: &str = "rapace";
/// The same awaited.
pub const RAPACE_AWAITED: &str = "rapace, awaited";
/// Several calls of one thread, each begun for itself.
const RAPACE_BEGUN: &str = "rapace, begun one by one";

/// Everybody who calls with bytes and in flight.
#[must_use]
pub fn callers() -> Vec<(By, &'static str)> {
    let mut callers = vec![
        (By::Hand(Waiting::Default), HAND),
        (By::Rapace(Waiting::Default), RAPACE),
        (By::Awaited(Waiting::Default), RAPACE_AWAITED),
        (By::Socket, SOCKET),
    ];
    #[cfg(feature = "peers")]
    callers.push((By::Iceoryx2, "iceoryx2, polled"));
    callers.extend(PEERS);
    callers
}

/// The row of a caller's `echo` of this size.
#[must_use]
pub fn echo_of(name: &str, size: &str) -> String {
    format!("{name}, {size}{}", floor_mark(name))
}

/// The row of a caller's calls in flight.
#[must_use]
pub fn in_flight_of(name: &str, count: usize) -> String {
    format!("{name}, {count} in flight{}", floor_mark(name))
}

fn floor_mark(name: &str) -> &'static str {
    if name == HAND { " (floor)" } else { "" }
}

fn call(by: By, task: Task) -> Work {
    Work::Call(Call { by, task })
}

/// Starts the contenders whose table or label contains `only`. Besides the rows it gives those of others that did not come up,
/// and why.
///
/// # Errors
/// When one of our own does not come up.
pub fn all(only: Option<&str>) -> io::Result<(Vec<Row>, Vec<String>)> {
    let mut rows = Rows::new(only);
    add(&mut rows)?;
    asleep(&mut rows)?;
    one_cpu(&mut rows)?;
    echoes(&mut rows)?;
    in_flight(&mut rows)?;

    rows.add(MANY, ALONE, None, Work::OneOfMany(1))?;
    rows.add(MANY, ONE_OF_MANY, Some(ALONE), Work::OneOfMany(64))?;
    rows.add(STREAMS, STREAM_DOWN, None, Work::Count)?;
    rows.add(STREAMS, STREAM_GROUPS, None, Work::CountInGroups)?;
    rows.add(STREAMS, STREAM_UP, None, Work::Sum)?;
    for (by, name) in STREAMERS {
        rows.add(STREAMS, name, Some(STREAM_DOWN), call(*by, Task::Count))?;
    }
    rows.add(ONE_WAYS, NOTES, None, Work::Note)?;
    rows.add(CALLBACKS, CALL_BACK, Some(ADD_DEFAULT), Work::Ask)?;
    Ok((rows.rows, rows.left_out))
}

fn add(rows: &mut Rows<'_>) -> io::Result<()> {
    let add = |by| call(by, Task::Add);
    rows.add(ADD, "one cache line, written by both", Some(HAND_FOREVER), Work::Line)?;
    rows.add(ADD, HAND_FOREVER, None, add(By::Hand(Waiting::Forever)))?;
    rows.add(ADD, HAND_DEFAULT, None, add(By::Hand(Waiting::Default)))?;
    rows.add(ADD, ADD_FOREVER, Some(HAND_FOREVER), add(By::Rapace(Waiting::Forever)))?;
    rows.add(ADD, ADD_DEFAULT, Some(HAND_DEFAULT), add(By::Rapace(Waiting::Default)))?;
    rows.add(ADD, AWAITED_BUSY, Some(HAND_DEFAULT), add(By::Awaited(Waiting::Default)))?;
    #[cfg(feature = "peers")]
    rows.add(ADD, ICEORYX2, Some(HAND_FOREVER), add(By::Iceoryx2))?;
    Ok(())
}

fn asleep(rows: &mut Rows<'_>) -> io::Result<()> {
    let add = |by| call(by, Task::Add);
    rows.add(ASLEEP, FUTEX, None, Work::Futex)?;
    rows.add(ASLEEP, BYTE, Some(FUTEX), Work::Byte)?;
    rows.add(ASLEEP, "hand-written, asleep", Some(FUTEX), add(By::Hand(Waiting::Never)))?;
    rows.add(ASLEEP, SOCKET, Some(FUTEX), add(By::Socket))?;
    rows.add(ASLEEP, ADD_ASLEEP, Some(FUTEX), add(By::Rapace(Waiting::Never)))?;

    rows.add(AWAITED, EPOLL, None, Work::Epoll)?;
    rows.add(AWAITED, "a byte over a tokio `UnixStream`", Some(EPOLL), Work::TokioByte)?;
    rows.add(AWAITED, AWAITED_ASLEEP, Some(EPOLL), add(By::Awaited(Waiting::Never)))?;
    rows.add(AWAITED, AWAITED_TASKS, Some(EPOLL), add(By::Tasks(Waiting::Never)))?;
    rows.add(AWAITED, "rapace, default, the server in a task", Some(EPOLL), add(By::Tasks(Waiting::Default)))?;
    rows.add(AWAITED, AWAITED_THREADS, Some(EPOLL), add(By::Threads(Waiting::Never)))?;
    rows.add(AWAITED, "rapace, default, runtimes of threads", Some(EPOLL), add(By::Threads(Waiting::Default)))?;

    for (by, name) in PEERS {
        let (section, floor) = if blocks(name) { (ASLEEP, FUTEX) } else { (AWAITED, EPOLL) };
        rows.add(section, name, Some(floor), add(*by))?;
    }
    Ok(())
}

fn one_cpu(rows: &mut Rows<'_>) -> io::Result<()> {
    let floor = Some(FUTEX_ONE_CPU);
    rows.add_on_one_cpu(ONE_CPU, FUTEX_ONE_CPU, None, Work::Futex)?;
    rows.add_on_one_cpu(ONE_CPU, "a byte over a Unix socket, one CPU", floor, Work::Byte)?;
    let mut add = |name: &str, by| rows.add_on_one_cpu(ONE_CPU, name, floor, call(by, Task::Add));
    add("hand-written, asleep, one CPU", By::Hand(Waiting::Never))?;
    add("hand-written, Unix socket, one CPU", By::Socket)?;
    add(ADD_ONE_CPU, By::Rapace(Waiting::Never))?;
    add("rapace, default, one CPU", By::Rapace(Waiting::Default))?;
    add("rapace, `Spin::Never`, the server in a task, one CPU", By::Tasks(Waiting::Never))?;
    for (by, name) in PEERS {
        add(&format!("{name}, one CPU"), *by)?;
    }
    Ok(())
}

fn echoes(rows: &mut Rows<'_>) -> io::Result<()> {
    for (len, size, section) in ECHOES {
        let floor = echo_of(HAND, size);
        for (by, name) in callers() {
            let floor = (name != HAND).then_some(floor.as_str());
            rows.add(section, &echo_of(name, size), floor, call(by, Task::Echo(len)))?;
        }
        if len == 1 << 20 {
            let fragments = "hand-written, 1 MiB in fragments (floor)";
            rows.add(section, fragments, Some(&floor), call(By::HandFragments, Task::Echo(len)))?;
        }
        if len == 16 << 20 {
            rows.add(section, COPIES, Some(&floor), Work::Copies(len))?;
        }
    }
    let echo = |waiting: fn(Waiting) -> By| call(waiting(Waiting::Never), Task::Echo(4 << 10));
    rows.add(ECHO_ASLEEP, "hand-written, asleep, 4 KiB", Some(FUTEX), echo(By::Hand))?;
    rows.add(ECHO_ASLEEP, ECHO_ASLEEP_RAPACE, Some(FUTEX), echo(By::Rapace))?;

    let length = |by| call(by, Task::Length(64 << 10));
    rows.add(BORROWED, HAND_LENGTH, None, length(By::Hand(Waiting::Default)))?;
    rows.add(BORROWED, LENGTH, Some(HAND_LENGTH), length(By::Trusting))?;
    rows.add(BORROWED, LENGTH_COPIED, Some(HAND_LENGTH), length(By::Rapace(Waiting::Default)))
}

fn in_flight(rows: &mut Rows<'_>) -> io::Result<()> {
    for (count, section) in IN_FLIGHT {
        let floor = in_flight_of(HAND, count);
        for (by, name) in callers() {
            let in_flight = |by| call(by, Task::InFlight(count));
            let floor = (name != HAND).then_some(floor.as_str());
            rows.add(section, &in_flight_of(name, count), floor, in_flight(by))?;
            if name == RAPACE {
                rows.add(section, &in_flight_of(RAPACE_BEGUN, count), floor, in_flight(By::Begun))?;
            }
        }
    }
    Ok(())
}
