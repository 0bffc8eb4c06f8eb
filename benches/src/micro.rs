//! What the parts of a message cost by themselves: one thread, which has everything in its cache and waits for nobody.
//!
//! Ring, slots and dispatch are reached as a user reaches them, by a session or a client whose other end is stepped by the same
//! thread: they are no public types, and are not made such for a bench. So each operation contains what lies around it, and the
//! parts are the differences. The codec is reached by what generated code names.

mod codec;

use std::fmt::{self, Write};
use std::io;
use std::time::{Duration, Instant};

use crate::product::stepped::{self, Make};
use crate::report::duration;

/// Does an operation so many times.
type Many = Box<dyn FnMut(u64)>;

/// The same operation over and over; within one call, so that nothing but it is clocked.
fn many<T>(mut operation: impl FnMut() -> T + 'static) -> Many {
    Box::new(move |count| {
        for _ in 0..count {
            std::hint::black_box(operation());
        }
    })
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Operation {
    section: &'static str,
    name: &'static str,
    /// The operation that it is compared with.
    floor: Option<&'static str>,
    make: fn() -> io::Result<Many>,
}

const RING: &str = "Ring and slots";
const DISPATCH: &str = "Dispatch";

/// The tables in the order of the report, each with what a reader must know.
const SECTIONS: [(&str, &str); 3] = [
    (
        RING,
        "A message from one end of a session to the other. Up to 24 bytes travel in the ring's entry: pushed, popped, and its \
         fields checked. More are in a slot, which is claimed, filled, copied out into a new `Vec`, and released.",
    ),
    (
        codec::SECTION,
        "The same bytes by rapace's codec and by postcard alone, which has no limits and takes a `Vec<u8>` element by \
         element. A message is made into memory of its own where it is long, on the stack where it is short; both get a copy \
         of the bytes that they decode. In a call the bytes of a `Vec<u8>` are not copied before they are in shared memory, \
         and short arguments are decoded from registers.",
    ),
    (
        DISPATCH,
        "A call by a generated client to a generated server, without any waiting: both locks, a ticket, arguments and result \
         encoded and decoded, the method looked up, the handler run within one catch of panics, and a message each way, of which \
         the first table says what it takes.",
    ),
];

macro_rules! stepped {
    ($make:expr) => {
        || {
            let make: Make = $make;
            Ok(many(make()?))
        }
    };
}

const SMALL: &str = "8 B, in the ring's entry";
const ADD: &str = "`add(u32, u32) -> u32`";

/// All but the codec's.
const OPERATIONS: [Operation; 5] = [
    Operation { section: RING, name: SMALL, floor: None, make: stepped!(stepped::inline) },
    Operation { section: RING, name: "32 B, in a slot", floor: Some(SMALL), make: stepped!(stepped::in_slot::<32>) },
    Operation { section: RING, name: "1 KiB, in a slot", floor: Some(SMALL), make: stepped!(stepped::in_slot::<1024>) },
    Operation { section: DISPATCH, name: ADD, floor: Some(SMALL), make: stepped!(stepped::add) },
    Operation { section: DISPATCH, name: "`echo` of 1 KiB", floor: Some(ADD), make: stepped!(stepped::echo) },
];

/// What one operation took.
#[derive(Clone, Debug)]
pub struct Seen {
    operation: Operation,
    /// Nanoseconds of the operation, in each round.
    rounds: Vec<f64>,
}

impl Seen {
    fn quantile(&self, tenths: usize) -> f64 {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[(rounds.len() - 1) * tenths / 10]
    }
}

/// So long an operation is done at a time.
const TURN: Duration = Duration::from_millis(1);
/// So often.
const ROUNDS: usize = 300;
const QUICK_ROUNDS: usize = 3;

/// Does the operations whose table or name contains `only`, one after the other, for many rounds.
///
/// # Errors
/// When there is no session.
pub fn measure(is_quick: bool, only: Option<&str>) -> io::Result<Vec<Seen>> {
    let only = only.unwrap_or_default();
    let mut running = Vec::new();
    for operation in OPERATIONS.into_iter().chain(codec::OPERATIONS) {
        if operation.section.contains(only) || operation.name.contains(only) {
            let mut many = (operation.make)()?;
            let count = count_of(&mut many);
            running.push((many, count, Seen { operation, rounds: Vec::new() }));
        }
    }
    for _ in 0..if is_quick { QUICK_ROUNDS } else { ROUNDS } {
        for (many, count, seen) in &mut running {
            let begin = Instant::now();
            many(*count);
            seen.rounds.push(begin.elapsed().as_nanos() as f64 / *count as f64);
        }
    }
    Ok(running.into_iter().map(|(_, _, seen)| seen).collect())
}

/// How often it can be done in a turn.
fn count_of(many: &mut Many) -> u64 {
    let mut count = 1;
    loop {
        let begin = Instant::now();
        many(count);
        if begin.elapsed() >= TURN {
            return count;
        }
        count *= 2;
    }
}

/// The tables.
///
/// # Errors
/// Those of the writer.
pub fn tables(out: &mut impl Write, seen: &[Seen]) -> fmt::Result {
    for (section, note) in SECTIONS {
        let of_section: Vec<_> = seen.iter().filter(|seen| seen.operation.section == section).collect();
        if of_section.is_empty() {
            continue;
        }
        writeln!(out, "### {section}\n\n{note}\n")?;
        writeln!(out, "| | median | a tenth is below | median × | of |\n|---|---|---|---|---|")?;
        for one in of_section {
            let median = one.quantile(5);
            let floor = seen.iter().find(|other| Some(other.operation.name) == one.operation.floor);
            let (times, of) = match floor {
                Some(floor) => (ratio(median / floor.quantile(5)), floor.operation.name),
                None => (String::new(), ""),
            };
            let name = one.operation.name;
            writeln!(out, "| {name} | {} | {} | {times} | {of} |", duration(median), duration(one.quantile(1)))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_done_and_stands_in_a_table_under_a_name_of_its_own() {
        let seen = measure(true, None).unwrap();
        let mut text = String::new();
        tables(&mut text, &seen).unwrap();
        for one in &seen {
            assert_eq!(text.matches(&format!("\n| {} | ", one.operation.name)).count(), 1, "{}", one.operation.name);
        }
    }
}
