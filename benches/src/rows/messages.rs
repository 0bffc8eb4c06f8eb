//! The rows of the bench `session`: messages, without calls.

use std::io;

use super::{Reading, Rows, Section, mean, p50, p99};
use crate::distance::Class;
use crate::figures::Figure;
use crate::rounds::Row;
use crate::waiting::Waiting;
use crate::work::Work;

const SPINNING: &str = "24 bytes there and back, both spinning";
const ASLEEP: &str = "24 bytes there and back, both asleep";
const ONE_CPU: &str = "24 bytes there and back, both on one CPU";
const COPIED: &str = "Owned byte strings there and back, both spinning, four copies";
const ONE_WAY: &str = "24 bytes one way, a message";

/// The tables in the order of the report, each with what a reader must know.
pub const SECTIONS: [Section; 5] = [
    (
        SPINNING,
        "Compare by the mean: its clock is read 32 times a burst, while p50 and p99 contain the clock of each step \
         (some 30-60 ns). A product whose peers cannot write each other's memory needs a line for each way.",
    ),
    (
        ASLEEP,
        "The floor wakes and waits on one page that both processes may write. \"Over two halves\" is the same \
         with the waiter's word in memory that it may only read, where the kernel takes a longer way.",
    ),
    (ONE_CPU, ""),
    (
        COPIED,
        "In, out, in, out: the caller's bytes into shared memory, out of it into a new `Vec` on the other \
         side, and the same way back. The floor maps its memory as rapace does, trusts its peer, and has \
         slots as large as the message. Over writable halves nothing is sealed, and each side maps the other's for writing too.",
    ),
    (ONE_WAY, "A burst ends when the last message has arrived. Both processes' CPU time is counted."),
];

/// The sizes of [`COPIED`].
const SIZES: [(usize, &str); 4] = [(1 << 10, "1 KiB"), (4 << 10, "4 KiB"), (64 << 10, "64 KiB"), (1 << 20, "1 MiB")];

const LINE: &str = "one cache line, written by both (floor)";
const LINES: &str = "one cache line each way, one writer each";
const FUTEX: &str = "raw futex (floor)";
const FUTEX_ONE_CPU: &str = "raw futex, one CPU (floor)";
const SPINNING_RAPACE: &str = "rapace, `Spin::Forever`";
const ASLEEP_RAPACE: &str = "rapace, `Spin::Never`";
const ONE_CPU_RAPACE: &str = "rapace, `Spin::Never`, one CPU";
const ONE_BY_ONE: &str = "rapace, default, one by one";
const EIGHT: &str = "rapace, default, batches of 8";

fn floor_of(size: &str) -> String {
    format!("hand-written, {size} (floor)")
}

fn rapace_of(size: &str) -> String {
    format!("rapace, {size}")
}

/// Starts the contenders whose table or label contains `only`; all peers wait on their control sockets until their burst
/// comes.
///
/// # Errors
/// When one does not come up.
pub fn all(only: Option<&str>) -> io::Result<Vec<Row>> {
    let mut rows = Rows::new(only);
    let line = Some(LINE);
    rows.add(SPINNING, LINE, None, Work::Line)?;
    rows.add(SPINNING, LINES, line, Work::Lines)?;
    rows.add(SPINNING, "hand-written rings", line, Work::Inline)?;
    rows.add(SPINNING, SPINNING_RAPACE, line, Work::SessionInline(Waiting::Forever))?;
    rows.add(SPINNING, "rapace, default", line, Work::SessionInline(Waiting::Default))?;

    let futex = Some(FUTEX);
    rows.add(ASLEEP, FUTEX, None, Work::Futex)?;
    rows.add(ASLEEP, "raw futex over two halves", futex, Work::FutexOverHalves)?;
    rows.add(ASLEEP, "the same and a private word, `futex_waitv`", futex, Work::FutexTwoWords)?;
    rows.add(ASLEEP, "a byte over a Unix socket", futex, Work::Byte)?;
    rows.add(ASLEEP, ASLEEP_RAPACE, futex, Work::SessionInline(Waiting::Never))?;

    let futex = Some(FUTEX_ONE_CPU);
    rows.add_on_one_cpu(ONE_CPU, FUTEX_ONE_CPU, None, Work::Futex)?;
    rows.add_on_one_cpu(ONE_CPU, "raw futex over two halves, one CPU", futex, Work::FutexOverHalves)?;
    rows.add_on_one_cpu(ONE_CPU, "the same and a private word, one CPU", futex, Work::FutexTwoWords)?;
    rows.add_on_one_cpu(ONE_CPU, "a byte over a Unix socket, one CPU", futex, Work::Byte)?;
    rows.add_on_one_cpu(ONE_CPU, ONE_CPU_RAPACE, futex, Work::SessionInline(Waiting::Never))?;
    rows.add_on_one_cpu(ONE_CPU, "rapace, default, one CPU", futex, Work::SessionInline(Waiting::Default))?;

    for (len, size) in SIZES {
        rows.add(COPIED, &floor_of(size), None, Work::Echo(len))?;
        let writable = format!("hand-written over writable halves, {size}");
        rows.add(COPIED, &writable, Some(&floor_of(size)), Work::EchoWritable(len))?;
        let work = Work::SessionEcho { waiting: Waiting::Forever, len };
        rows.add(COPIED, &rapace_of(size), Some(&floor_of(size)), work)?;
    }

    let one_way = |waiting, batch| Work::SessionOneWay { waiting, batch };
    rows.add(ONE_WAY, "hand-written rings, spinning", None, Work::OneWay)?;
    rows.add(ONE_WAY, ONE_BY_ONE, None, one_way(Waiting::Default, 1))?;
    rows.add(ONE_WAY, EIGHT, None, one_way(Waiting::Default, 8))?;
    rows.add(ONE_WAY, "rapace, default, batches of 32", None, one_way(Waiting::Default, 32))?;
    rows.add(ONE_WAY, "rapace, `Spin::Forever`, one by one", None, one_way(Waiting::Forever, 1))?;
    rows.add(ONE_WAY, "rapace, `Spin::Forever`, batches of 8", None, one_way(Waiting::Forever, 8))?;
    Ok(rows.rows)
}

/// The figures that the rows answer.
#[must_use]
pub fn figures(rows: &[Row]) -> Vec<Figure> {
    let rows = Reading(rows);
    vec![
        Figure::ratio(
            "24 bytes, spinning, mean × one cache line written by both",
            (1.2, 1.1),
            rows.ratio(SPINNING_RAPACE, LINE, mean),
        ),
        Figure::ratio("the same × one cache line each way", (1.2, 1.1), rows.ratio(SPINNING_RAPACE, LINES, mean)),
        Figure::ratio("24 bytes, asleep, p50 × raw futex", (1.06, 1.03), rows.ratio(ASLEEP_RAPACE, FUTEX, p50)),
        Figure::ratio("the same, p99 × the futex's", (1.3, 1.1), rows.ratio(ASLEEP_RAPACE, FUTEX, p99)),
        Figure::ratio(
            "the same on one CPU, p50 × raw futex there",
            (1.3, 1.1),
            (rows.ratio_in(Class::OneCpu, ONE_CPU_RAPACE, FUTEX_ONE_CPU, p50), None),
        ),
        Figure::ratio(
            "64 KiB copied out, p50 × the hand-written floor",
            (1.3, 1.15),
            rows.ratio(&rapace_of("64 KiB"), &floor_of("64 KiB"), p50),
        ),
        Figure::nanoseconds("one way, 8 at a time, a message", (14.0, 10.0), rows.mean(EIGHT)),
        Figure::nanoseconds("one way, one by one, default waiting, a message", (30.0, 20.0), rows.mean(ONE_BY_ONE)),
    ]
}
