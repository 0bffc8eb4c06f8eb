//! What the tables look like, on the terminal and in BENCHMARKS.md.

use std::fmt::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::distance::Class;
use crate::document::Part;
use crate::figures::Figure;
use crate::machine::Machine;
use crate::meeting::Times;
use crate::product::crowd::{Crowd, THREADS};
use crate::product::idle::Idle;
use crate::product::sessions::Sessions;
use crate::rounds::{Done, Row};
use crate::rows::versus::idle::Standstill;
use crate::rows::versus::pace::{self, AtPace};
use crate::rows::{Lacking, Section};

/// Nanoseconds with a unit that leaves three or four digits.
#[must_use]
pub fn duration(ns: f64) -> String {
    match ns {
        _ if ns.is_nan() => "–".into(),
        _ if ns < 100.0 => format!("{ns:.1} ns"),
        _ if ns < 1_000.0 => format!("{ns:.0} ns"),
        _ if ns < 100_000.0 => format!("{:.2} µs", ns / 1e3),
        _ if ns < 1e6 => format!("{:.0} µs", ns / 1e3),
        _ => format!("{:.2} ms", ns / 1e6),
    }
}

/// The first lines of a bench's report: what was measured, by which command and where.
///
/// # Errors
/// Those of the writer, as in all functions here.
pub fn title(out: &mut impl Write, part: Part, title: &str, machine: &Machine) -> fmt::Result {
    let Machine { cpu, cpus, kernel, rustc, date } = machine;
    writeln!(out, "## {title}\n\nMade by `{}`; run it on your own machine.\n", part.command())?;
    writeln!(out, "{cpu}, {cpus} CPUs, Linux {kernel}, {rustc}, {date}.\n")
}

/// How long and at which distance was measured in bursts.
///
/// # Errors
/// As [`title`].
pub fn distance(out: &mut impl Write, done: Done) -> fmt::Result {
    writeln!(
        out,
        "{} rounds. Near is a cache line's round trip below {}, far one above {}; half of the probes were below {}, a \
         tenth below {}, a tenth above {}.\n",
        done.rounds,
        duration(done.boundaries.near_below),
        duration(done.boundaries.far_above),
        duration(done.probed[1]),
        duration(done.probed[0]),
        duration(done.probed[2])
    )
}

/// The table of figures.
///
/// # Errors
/// As [`title`].
pub fn figures(out: &mut impl Write, figures: &[Figure]) -> fmt::Result {
    writeln!(out, "| what | target | moonshot | near | far |\n|---|---|---|---|---|")?;
    let cell = |measured: &Option<(String, bool)>| match measured {
        None => "–".into(),
        Some((text, true)) => text.clone(),
        Some((text, false)) => format!("**{text}**"),
    };
    for figure in figures {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            figure.what,
            figure.target,
            figure.moonshot,
            cell(&figure.near),
            cell(&figure.far)
        )?;
    }
    writeln!(out)
}

/// The tables of one section, one for each class that has bursts; `lacking` are products that are in none of them.
///
/// # Errors
/// As [`title`].
pub fn section(out: &mut impl Write, rows: &[Row], (title, note): Section, lacking: &[Lacking]) -> fmt::Result {
    if rows.iter().all(|row| row.section != title) {
        return Ok(());
    }
    writeln!(out, "### {title}\n")?;
    if !note.is_empty() {
        writeln!(out, "{note}\n")?;
    }
    for (class, name) in [(Class::Near, "near"), (Class::Far, "far"), (Class::OneCpu, "one CPU")] {
        let of_class = rows.iter().filter(|row| row.section == title && row.median(class).is_some());
        let of_class: Vec<_> = of_class.collect();
        if of_class.is_empty() {
            continue;
        }
        writeln!(
            out,
            "| {name} | mean | p50 | p99 | p99.9 | mean × floor | p50 × | p99 × | CPU | bursts |\n\
             |---|---|---|---|---|---|---|---|---|---|"
        )?;
        for row in of_class {
            line(out, rows, row, class)?;
        }
        for Lacking { name, .. } in lacking.iter().filter(|lacking| lacking.section == title) {
            writeln!(out, "| {name} | – | – | – | – | | | | – | – |")?;
        }
        writeln!(out)?;
    }
    reasons(out, title, lacking)
}

/// Why products are missing in a section.
fn reasons(out: &mut impl Write, title: &str, lacking: &[Lacking]) -> fmt::Result {
    for Lacking { name, why, .. } in lacking.iter().filter(|lacking| lacking.section == title) {
        writeln!(out, "Without {name}: {why}.\n")?;
    }
    Ok(())
}

/// The table of meetings, the floor's first.
///
/// # Errors
/// As [`title`].
pub fn meetings(out: &mut impl Write, title: &str, meetings: &[Times], lacking: &[Lacking]) -> fmt::Result {
    writeln!(out, "### {title}\n")?;
    writeln!(out, "| | class | p50 | p99 | p50 × floor | p99 × | meetings |\n|---|---|---|---|---|---|---|")?;
    for (class, class_name) in [(Class::Near, "near"), (Class::Far, "far")] {
        let Some(floor) = meetings.first().and_then(|floor| floor.of(class)) else {
            continue;
        };
        for meeting in meetings {
            let Some(times) = meeting.of(class) else {
                continue;
            };
            let at = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64;
            let ratio = |quantile| at(times, quantile) / at(floor, quantile);
            writeln!(
                out,
                "| {} | {class_name} | {} | {} | {:.2} | {:.2} | {} |",
                meeting.label,
                duration(at(times, 0.5)),
                duration(at(times, 0.99)),
                ratio(0.5),
                ratio(0.99),
                times.len()
            )?;
        }
        for Lacking { name, .. } in lacking.iter().filter(|lacking| lacking.section == title) {
            writeln!(out, "| {name} | {class_name} | – | – | – | – | – |")?;
        }
    }
    writeln!(out)?;
    reasons(out, title, lacking)
}

/// The table of a session that nobody uses.
///
/// # Errors
/// As [`title`].
pub fn idle(out: &mut impl Write, idle: &Idle) -> fmt::Result {
    writeln!(
        out,
        "### A default session after some messages, that nobody uses for {} s\n",
        idle.watched.as_secs_f32()
    )?;
    writeln!(out, "| process | CPU | times asleep and awake again | times on a CPU |\n|---|---|---|---|")?;
    for (name, usage) in [("PeerA", idle.a), ("PeerB", idle.b)] {
        let cpu = duration(usage.cpu_ns as f64);
        writeln!(out, "| {name} | {cpu} | {} | {} |", usage.voluntary_switches, usage.slices)?;
    }
    writeln!(
        out,
        "\nIts shared memory, both halves: {} KiB mapped, {} KiB resident.\n",
        idle.shared.mapped_kib, idle.shared.resident_kib
    )
}

/// What threads that share a client did.
///
/// # Errors
/// As [`title`].
pub fn crowd(out: &mut impl Write, crowd: &Crowd) -> fmt::Result {
    writeln!(out, "### {THREADS} threads that share one client\n")?;
    writeln!(
        out,
        "All threads are on the measuring process's CPU, each calls `add` one after the other, and every call is clocked.\n"
    )?;
    writeln!(out, "| | all calls | the slowest thread's part of the mean | the longest call |\n|---|---|---|---|")?;
    let rate = |rate: f64| format!("{:.2} M/s", rate / 1e6);
    writeln!(out, "| one thread | {} | | {} |", rate(crowd.alone), duration(crowd.longest_alone))?;
    writeln!(
        out,
        "| {THREADS} threads | {} | {:.2} | {} |\n",
        rate(crowd.total),
        crowd.fairness,
        duration(crowd.longest)
    )
}

/// What many sessions cost their server.
///
/// # Errors
/// As [`title`].
pub fn sessions(out: &mut impl Write, sessions: &Sessions) -> fmt::Result {
    let Sessions { count, server_kib, shared_kib } = sessions;
    writeln!(out, "### {count} sessions in one server\n")?;
    writeln!(
        out,
        "Default sessions of clients that have made a call. The server of tasks uses {server_kib} KiB more than without them, \
         and {shared_kib} KiB of the memory that it shares with them.\n"
    )
}

/// What clients and servers use that have called each other and do nothing any more.
///
/// # Errors
/// As [`title`].
pub fn standstills(out: &mut impl Write, seen: &[Standstill], watched: Duration) -> fmt::Result {
    writeln!(
        out,
        "### Connected clients and their servers after some calls, doing nothing for {} s\n",
        watched.as_secs_f32()
    )?;
    writeln!(out, "| | process | CPU | times asleep and awake again | times on a CPU |\n|---|---|---|---|---|")?;
    for Standstill { name, client, server } in seen {
        for (process, usage) in [("client", client), ("server", server)] {
            let cpu = duration(usage.cpu_ns as f64);
            writeln!(out, "| {name} | {process} | {cpu} | {} | {} |", usage.voluntary_switches, usage.slices)?;
        }
    }
    writeln!(out)
}

/// What calls at a pace cost.
///
/// # Errors
/// As [`title`].
pub fn paces(out: &mut impl Write, seen: &[AtPace]) -> fmt::Result {
    writeln!(out, "### CPU of both processes, of one `add` after the other at a pace\n\n{}\n", pace::NOTE)?;
    let rates = pace::RATES.map(|rate| format!("{} | a call |", rate.name));
    writeln!(out, "| | {}\n|---|{}", rates.join(" "), "---|---|".repeat(rates.len()))?;
    for AtPace { name, costs } in seen {
        let costs = costs.map(|cost| format!("{} | {} |", percent(cost.of_a_cpu), duration(cost.call_ns)));
        writeln!(out, "| {name} | {}", costs.join(" "))?;
    }
    writeln!(out)
}

/// A part of one CPU, with three digits.
fn percent(part: f64) -> String {
    match part * 100.0 {
        percent if percent < 0.1 => format!("{percent:.4} %"),
        percent if percent < 10.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.0} %"),
    }
}

fn line(out: &mut impl Write, rows: &[Row], row: &Row, class: Class) -> fmt::Result {
    let Some((burst, count)) = row.median(class) else {
        return Ok(());
    };
    let floor = row
        .floor
        .as_ref()
        .and_then(|floor| rows.iter().find(|row| row.label == *floor))
        .and_then(|floor| floor.median(class));
    let ratio = |own: f64, floor: Option<f64>| match floor {
        Some(floor) if own.is_finite() => format!("{:.2}", own / floor),
        _ => String::new(),
    };
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {count} |",
        row.label,
        duration(burst.mean),
        duration(burst.p50),
        duration(burst.p99),
        duration(row.p999(class).unwrap_or(f64::NAN)),
        ratio(burst.mean, floor.map(|(floor, _)| floor.mean)),
        ratio(burst.p50, floor.map(|(floor, _)| floor.p50)),
        ratio(burst.p99, floor.map(|(floor, _)| floor.p99)),
        duration(burst.cpu),
    )
}
