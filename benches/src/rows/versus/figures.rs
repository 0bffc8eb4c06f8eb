//! What the rows of `versus` say of what was promised.

use super::*;
use crate::budget::Budget;
use crate::distance::Class;
use crate::figures::Figure;
use crate::rows::{NearFar, Reading, mean, p50, p99};

/// Names of those products of others whose clients are awaited, asleep.
fn awaited_peers() -> impl Iterator<Item = &'static str> {
    PEERS.iter().map(|(_, name)| *name).filter(|name| !blocks(name))
}

/// The figures that the rows and the budget of instructions answer.
#[must_use]
pub fn all(rows: &[Row], budget: &Budget) -> Vec<Figure> {
    let rows = Reading(rows);
    let mut figures = add(rows);
    figures.extend(echoes(rows));
    figures.extend(several(rows));
    figures.push(Figure::count("instructions of an `add`, both halves, as budgeted", (600, 450), budget.of("add")));
    figures
}

fn add(rows: Reading<'_>) -> Vec<Figure> {
    let own_tail = |class| Some(rows.burst(ADD_DEFAULT, class)?.p99 / rows.burst(ADD_DEFAULT, class)?.p50);
    let of_awaited_peers = |class| {
        let own = rows.burst(AWAITED_THREADS, class)?.p50;
        let of_peers = awaited_peers().filter_map(|name| Some(rows.burst(name, class)?.p50));
        Some(own / of_peers.min_by(f64::total_cmp)?)
    };
    let of_all_peers = |class| {
        let own = rows.burst(ADD_ASLEEP, class)?.p50;
        let of_peers = PEERS.iter().filter_map(|(_, name)| Some(rows.burst(name, class)?.p50));
        Some(own / of_peers.min_by(f64::total_cmp)?)
    };
    let near_far = |of: &dyn Fn(Class) -> Option<f64>| (of(Class::Near), of(Class::Far));
    let one_cpu: NearFar = (rows.ratio_in(Class::OneCpu, ADD_ONE_CPU, FUTEX_ONE_CPU, p50), None);
    vec![
        Figure::ratio(
            "`add`, never sleeping, mean × the hand-written floor",
            (1.45, 1.3),
            rows.ratio(ADD_FOREVER, HAND_FOREVER, mean),
        ),
        Figure::ratio(
            "`add`, default waiting, mean × the hand-written floor",
            (1.45, 1.3),
            rows.ratio(ADD_DEFAULT, HAND_DEFAULT, mean),
        ),
        Figure::ratio("the same, p99 × its own p50", (1.5, 1.5), near_far(&own_tail)),
        Figure::times("the same, times faster than iceoryx2's", 5.0, rows.ratio(ICEORYX2, ADD_DEFAULT, mean)),
        Figure::ratio("`add`, both asleep, p50 × raw futex", (1.06, 1.03), rows.ratio(ADD_ASLEEP, FUTEX, p50)),
        Figure::ratio("the same, p99 × the futex's", (1.3, 1.1), rows.ratio(ADD_ASLEEP, FUTEX, p99)),
        Figure::ratio(
            "the same, CPU × a byte over a Unix socket",
            (1.0, 1.0),
            rows.ratio(ADD_ASLEEP, BYTE, |burst| burst.cpu),
        ),
        Figure::ratio("the same, p50 × the best of the others", (1.0, 1.0), near_far(&of_all_peers)),
        Figure::ratio("`add`, both asleep on one CPU, p50 × raw futex there", (1.3, 1.08), one_cpu),
        Figure::nanoseconds("`add` awaited, the server busy, mean", (250.0, 180.0), rows.mean(AWAITED_BUSY)),
        Figure::ratio(
            "`add` awaited, both asleep, p50 × a byte over a socket behind epoll",
            (1.2, 1.08),
            rows.ratio(AWAITED_ASLEEP, EPOLL, p50),
        ),
        Figure::ratio(
            "`add` awaited, runtimes of threads, asleep, p50 × the best of the others that are awaited",
            (1.0, 0.5),
            near_far(&of_awaited_peers),
        ),
    ]
}

fn echoes(rows: Reading<'_>) -> Vec<Figure> {
    let echo = |size: &str, limits| {
        let what = format!("`echo` of {size}, mean × the hand-written floor");
        Figure::ratio(&what, limits, rows.ratio(&echo_of(RAPACE, size), &echo_of(HAND, size), mean))
    };
    let of_iceoryx2 = |size: &str| {
        let what = format!("`echo` of {size}, mean × iceoryx2's with loans");
        Figure::ratio(&what, (1.2, 1.0), rows.ratio(&echo_of(RAPACE, size), &echo_of("iceoryx2, polled", size), mean))
    };
    vec![
        Figure::ratio(
            "`echo` of 4 KiB, both asleep, p50 × raw futex",
            (1.3, 1.15),
            rows.ratio(ECHO_ASLEEP_RAPACE, FUTEX, p50),
        ),
        echo("1 KiB", (1.5, 1.3)),
        echo("4 KiB", (1.5, 1.35)),
        echo("64 KiB", (1.3, 1.15)),
        echo("1 MiB", (0.75, 0.6)),
        of_iceoryx2("64 KiB"),
        of_iceoryx2("1 MiB"),
        Figure::ratio(
            "`echo` of 16 MiB, mean × four `memcpy`",
            (1.0 / 1.1, 1.0 / 1.5),
            rows.ratio(&echo_of(RAPACE, "16 MiB"), COPIES, mean),
        ),
        Figure::ratio(
            "a borrowed `&[u8]` of 64 KiB, of a trusted client, mean × one copy",
            (1.5, 1.2),
            rows.ratio(LENGTH, HAND_LENGTH, mean),
        ),
    ]
}

fn several(rows: Reading<'_>) -> Vec<Figure> {
    let in_flight = |name, count| rows.mean(&in_flight_of(name, count));
    let (sixty_four, thousand) = (in_flight_of(RAPACE, 64), in_flight_of(RAPACE, 1000));
    vec![
        Figure::rate("64 `add` in flight from one thread, blocking", (18e6, 35e6), in_flight(RAPACE, 64)),
        Figure::rate("the same, awaited", (5e6, 10e6), in_flight(RAPACE_AWAITED, 64)),
        Figure::ratio("1000 in flight, a call × a call of 64", (1.15, 1.05), rows.ratio(&thousand, &sixty_four, mean)),
        Figure::ratio(
            "`add` of one of 64 clients, mean × that of one alone",
            (1.1, 1.03),
            rows.ratio(ONE_OF_MANY, ALONE, mean),
        ),
        Figure::rate("a stream of `u64` from the server, one by one, items", (25e6, 45e6), rows.mean(STREAM_DOWN)),
        Figure::rate("the same, as many in a message as fit", (25e6, 45e6), rows.mean(STREAM_GROUPS)),
        Figure::nanoseconds("a one-way call of 16 bytes", (35.0, 20.0), rows.mean(NOTES)),
        Figure::ratio(
            "a call back inside of a call, mean × a plain call",
            (2.2, 1.5),
            rows.ratio(CALL_BACK, ADD_DEFAULT, mean),
        ),
    ]
}
