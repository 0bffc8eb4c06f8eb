//! The plots: round-trip time over payload size, and calls a second over calls in flight.

use super::*;
use crate::distance::Class;
use crate::plot::{Line, Plot};
use crate::report::duration;
use crate::rows::Reading;

/// The row of a caller's `add`, one after the other.
fn add_of(name: &'static str) -> &'static str {
    match name {
        HAND => HAND_DEFAULT,
        RAPACE => ADD_DEFAULT,
        RAPACE_AWAITED => AWAITED_BUSY,
        "iceoryx2, polled" => ICEORYX2,
        same => same,
    }
}

/// The class to be plotted: near, if anything is.
fn class_of(rows: &[Row]) -> (Class, &'static str) {
    let has_near = rows.iter().any(|row| row.median(Class::Near).is_some());
    if has_near { (Class::Near, "near") } else { (Class::Far, "far") }
}

/// All plots, each with the name of its file.
#[must_use]
pub fn all(rows: &[Row]) -> [(&'static str, Plot); 2] {
    let (class, class_name) = class_of(rows);
    let mean = |label: &str| Some(Reading(rows).burst(label, class)?.mean);
    let lines = |points: &dyn Fn(&'static str) -> Vec<(f64, f64)>| {
        callers().into_iter().map(|(_, name)| Line { name: name.into(), points: points(name) }).collect()
    };
    let echoes = |name| {
        let point = |(len, size, _): &(usize, &str, &str)| Some((*len as f64, mean(&echo_of(name, size))?));
        ECHOES.iter().filter_map(point).collect()
    };
    let in_flight = |name| {
        let one = mean(add_of(name)).map(|ns| (1.0, 1e9 / ns));
        let point = |(count, _): &(usize, &str)| Some((*count as f64, 1e9 / mean(&in_flight_of(name, *count))?));
        one.into_iter().chain(IN_FLIGHT.iter().filter_map(point)).collect()
    };
    [
        (
            "round_trip",
            Plot {
                title: format!("echo of owned bytes between two processes ({class_name})"),
                x_axis: "bytes each way",
                y_axis: "mean round trip",
                x_marks: ECHOES.iter().map(|(len, size, _)| (*len as f64, (*size).into())).collect(),
                y_mark: |ns| duration(ns).replace(".00", "").replace(".0 ", " "),
                lines: lines(&echoes),
            },
        ),
        (
            "in_flight",
            Plot {
                title: format!("add(u32, u32) -> u32 from one thread ({class_name})"),
                x_axis: "calls in flight",
                y_axis: "calls a second",
                x_marks: [1, 8, 64, 1000].map(|count| (f64::from(count), count.to_string())).to_vec(),
                y_mark: |rate| if rate < 1e6 { format!("{:.0} k", rate / 1e3) } else { format!("{:.0} M", rate / 1e6) },
                lines: lines(&in_flight),
            },
        ),
    ]
}
