//! The rows of the bench `rpc`: typed calls.
//!
//! With the feature `peers` there are products of others among them; without it their figures stay empty.

use std::io;

use super::{Reading, Rows, Section, mean, p50};
use crate::budget::Budget;
use crate::figures::Figure;
use crate::rounds::Row;
use crate::waiting::Waiting;
use crate::work::{Slots, Work};

const ADD: &str = "`add(u32, u32) -> u32`, one after the other";
const ASLEEP: &str = "`add`, both asleep";
const AWAITED: &str = "`add`, awaited on a current-thread tokio runtime";
const ECHO: &str = "`echo(Vec<u8>) -> Vec<u8>`, default waiting, four copies";
const IN_FLIGHT: &str = "`add`, 64 in flight from one thread, a call";
const STREAMS: &str = "Streams of `u64`, an item";
const ONE_WAYS: &str = "One-way calls of 16 bytes, a call";
const CALLBACKS: &str = "A call back inside of a call";

/// The tables in the order of the report.
pub const SECTIONS: [Section; 8] = [
    (
        ADD,
        "The floor is a call by hand over hand-written rings: mapped as rapace maps its memory, waiting as rapace does, \
         no macro, no table of methods, no limits, and the peer is believed. Compare by the mean: its clock is read 32 \
         times a burst, while p50 and p99 contain the clock of each step (some 30-60 ns).",
    ),
    (ASLEEP, "The floor wakes and waits on one page that both processes may write, and carries nothing."),
    (
        AWAITED,
        "Busy: the server's thread waits as by default and finds each request before it sleeps. The floor of the \
         sleepers is one byte over a Unix socket that both sides wait for in `epoll_wait`.",
    ),
    (
        ECHO,
        "In, out, in, out: the caller's bytes into shared memory, out of it into a new `Vec` on the other side, and the \
         same way back. Up to 64 KiB the floor uses one slot; a message of 1 MiB is a slot of its own in one floor, and \
         in the other 16 fragments, as rapace's, which both sides copy at once.",
    ),
    (IN_FLIGHT, "64 calls are begun, then 64 answers waited for."),
    (
        STREAMS,
        "A call and its stream of some thousand items, by default waiting: from the server one by one, or as many in a \
         message as fit (`send_all`), and from the caller one by one.",
    ),
    (ONE_WAYS, "A burst ends when the last one was executed."),
    (
        CALLBACKS,
        "The handler calls its caller, by a client that it makes each time, and answers with what that answers.",
    ),
];

/// The sizes of [`ECHO`].
const SIZES: [(usize, &str); 3] = [(1 << 10, "1 KiB"), (64 << 10, "64 KiB"), (1 << 20, "1 MiB")];

const HAND_DEFAULT: &str = "hand-written, default waiting (floor)";
const HAND_FOREVER: &str = "hand-written, spinning (floor)";
const FUTEX: &str = "raw futex (floor)";
const EPOLL: &str = "a byte over a socket behind epoll (floor)";
const HAND_MIB_IN_FRAGMENTS: &str = "hand-written, 1 MiB in fragments (floor)";
const HAND_IN_FLIGHT: &str = "hand-written, default waiting, in flight (floor)";
const HAND_IN_FLIGHT_FOREVER: &str = "hand-written, spinning, in flight (floor)";

const ADD_FOREVER: &str = "rapace, `Spin::Forever`";
const ADD_DEFAULT: &str = "rapace, default";
const ICEORYX2: &str = "iceoryx2, request and response, polled by both sides";
const ADD_ASLEEP: &str = "rapace, `Spin::Never`";
const AWAITED_BUSY: &str = "rapace, default, the server busy on a thread";
const AWAITED_ASLEEP: &str = "rapace, `Spin::Never`, the server on a thread";
const CALLS_IN_FLIGHT: &str = "rapace, default, blocking";
const AWAITED_IN_FLIGHT: &str = "rapace, default, awaited on a current-thread tokio runtime";
const STREAM_DOWN: &str = "rapace, from the server";
const STREAM_GROUPS: &str = "rapace, from the server, in groups";
const STREAM_UP: &str = "rapace, from the caller";
const NOTES: &str = "rapace, one by one";
const CALL_BACK: &str = "rapace, a call that calls back";

fn floor_of(size: &str) -> String {
    format!("hand-written, {size} (floor)")
}

fn rapace_of(size: &str) -> String {
    format!("rapace, {size}")
}

/// Starts the contenders whose table or label contains `only`.
///
/// # Errors
/// When one does not come up.
pub fn all(only: Option<&str>) -> io::Result<Vec<Row>> {
    let mut rows = Rows::new(only);
    rows.add(ADD, HAND_FOREVER, None, Work::HandAdd(Waiting::Forever))?;
    rows.add(ADD, HAND_DEFAULT, None, Work::HandAdd(Waiting::Default))?;

    rows.add(ADD, ADD_FOREVER, Some(HAND_FOREVER), Work::Add(Waiting::Forever))?;
    rows.add(ADD, ADD_DEFAULT, Some(HAND_DEFAULT), Work::Add(Waiting::Default))?;
    #[cfg(feature = "peers")]
    rows.add(ADD, ICEORYX2, Some(HAND_FOREVER), Work::Iceoryx2)?;

    rows.add(ASLEEP, FUTEX, None, Work::Futex)?;
    rows.add(ASLEEP, "hand-written, asleep", Some(FUTEX), Work::HandAdd(Waiting::Never))?;
    rows.add(ASLEEP, ADD_ASLEEP, Some(FUTEX), Work::Add(Waiting::Never))?;

    rows.add(AWAITED, EPOLL, None, Work::Epoll)?;
    rows.add(AWAITED, "a byte over a tokio `UnixStream`", Some(EPOLL), Work::TokioByte)?;
    rows.add(AWAITED, AWAITED_BUSY, None, Work::AwaitedAdd(Waiting::Default))?;
    rows.add(AWAITED, AWAITED_ASLEEP, Some(EPOLL), Work::AwaitedAdd(Waiting::Never))?;
    let of_task = "rapace, `Spin::Never`, the server in a task";
    rows.add(AWAITED, of_task, Some(EPOLL), Work::AwaitedAddOfTask(Waiting::Never))?;

    for (len, size) in SIZES {
        rows.add(ECHO, &floor_of(size), None, Work::HandEcho { slots: Slots::Whole, len })?;
        rows.add(ECHO, &rapace_of(size), Some(&floor_of(size)), Work::CallEcho(len))?;
    }
    rows.add(ECHO, HAND_MIB_IN_FRAGMENTS, None, Work::HandEcho { slots: Slots::Fragments, len: 1 << 20 })?;

    rows.add(IN_FLIGHT, HAND_IN_FLIGHT_FOREVER, None, Work::HandInFlight(Waiting::Forever))?;
    rows.add(IN_FLIGHT, HAND_IN_FLIGHT, None, Work::HandInFlight(Waiting::Default))?;
    rows.add(IN_FLIGHT, CALLS_IN_FLIGHT, Some(HAND_IN_FLIGHT), Work::InFlight)?;
    rows.add(IN_FLIGHT, AWAITED_IN_FLIGHT, Some(HAND_IN_FLIGHT), Work::AwaitedInFlight)?;

    rows.add(STREAMS, STREAM_DOWN, None, Work::Count)?;
    rows.add(STREAMS, STREAM_GROUPS, None, Work::CountInGroups)?;
    rows.add(STREAMS, STREAM_UP, None, Work::Sum)?;
    rows.add(ONE_WAYS, NOTES, None, Work::Note)?;
    rows.add(CALLBACKS, CALL_BACK, Some(ADD_DEFAULT), Work::Ask)?;
    Ok(rows.rows)
}

/// The figures that the rows and the budget of instructions answer.
#[must_use]
pub fn figures(rows: &[Row], budget: &Budget) -> Vec<Figure> {
    let rows = Reading(rows);
    let echo = |size: &str, limits| {
        let what = format!("`echo` of {size}, mean × the hand-written floor");
        Figure::ratio(&what, limits, rows.ratio(&rapace_of(size), &floor_of(size), mean))
    };
    vec![
        Figure::ratio(
            "`add`, default waiting, mean × the hand-written floor",
            (1.5, 1.3),
            rows.ratio(ADD_DEFAULT, HAND_DEFAULT, mean),
        ),
        Figure::times("the same, times faster than iceoryx2's", 5.0, rows.ratio(ICEORYX2, ADD_DEFAULT, mean)),
        Figure::ratio("`add`, both asleep, p50 × raw futex", (1.06, 1.03), rows.ratio(ADD_ASLEEP, FUTEX, p50)),
        Figure::ratio(
            "`add` awaited, the server busy, mean × the blocking call",
            (1.5, 1.1),
            rows.ratio(AWAITED_BUSY, ADD_DEFAULT, mean),
        ),
        Figure::ratio(
            "`add` awaited, both asleep, p50 × a byte over a socket behind epoll",
            (1.2, 1.08),
            rows.ratio(AWAITED_ASLEEP, EPOLL, p50),
        ),
        echo("1 KiB", (1.5, 1.3)),
        echo("64 KiB", (1.3, 1.17)),
        echo("1 MiB", (0.75, 0.6)),
        Figure::rate("64 `add` in flight from one thread, blocking", (18e6, 35e6), rows.mean(CALLS_IN_FLIGHT)),
        Figure::rate("the same, awaited", (5e6, 10e6), rows.mean(AWAITED_IN_FLIGHT)),
        Figure::rate("a stream of `u64` from the server, one by one, items", (25e6, 45e6), rows.mean(STREAM_DOWN)),
        Figure::rate("the same, as many in a message as fit", (25e6, 45e6), rows.mean(STREAM_GROUPS)),
        Figure::nanoseconds("a one-way call of 16 bytes", (35.0, 20.0), rows.mean(NOTES)),
        Figure::ratio(
            "a call back inside of a call, mean × a plain call",
            (2.2, 1.5),
            rows.ratio(CALL_BACK, ADD_DEFAULT, mean),
        ),
        Figure::count("instructions of an `add`, both halves", (600, 450), budget.of("add")),
    ]
}
