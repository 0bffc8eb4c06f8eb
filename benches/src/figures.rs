//! A promised figure beside the measured one.

use crate::report::duration;
use crate::rows::NearFar;

/// One line of the table of figures.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// At most this, unless it says otherwise.
    pub target: String,
    /// Better still.
    pub moonshot: String,
    /// What came out near, and whether it keeps to the target; none without bursts of that class.
    pub near: Option<(String, bool)>,
    /// The same far apart.
    pub far: Option<(String, bool)>,
}

impl Figure {
    /// A figure that is a multiple of its floor. `limits`: target and moonshot; `measured`: near and far.
    #[must_use]
    pub fn ratio(what: &str, limits: (f64, f64), measured: (Option<f64>, Option<f64>)) -> Self {
        Self::new(what, limits, measured, |ratio| format!("{ratio:.2} ×"))
    }

    /// How many times faster this is than something else: at least so many times.
    #[must_use]
    pub fn times(what: &str, at_least: f64, measured: NearFar) -> Self {
        let judged = |times: f64| (format!("{times:.1} ×"), times >= at_least);
        Self {
            what: what.into(),
            target: format!("at least {at_least} ×"),
            moonshot: String::new(),
            near: measured.0.map(judged),
            far: measured.1.map(judged),
        }
    }

    /// A figure in nanoseconds.
    #[must_use]
    pub fn nanoseconds(what: &str, limits: (f64, f64), measured: (Option<f64>, Option<f64>)) -> Self {
        Self::new(what, limits, measured, duration)
    }

    /// A rate of operations, of which one takes `measured` nanoseconds; `limits` are in operations a second, at least.
    #[must_use]
    pub fn rate(what: &str, limits: (f64, f64), measured: (Option<f64>, Option<f64>)) -> Self {
        let text = |ns: f64| format!("{:.1} M/s", 1e3 / ns);
        let figure = Self::new(what, (1e9 / limits.0, 1e9 / limits.1), measured, text);
        Self { target: format!("at least {}", figure.target), ..figure }
    }

    /// A count, wherever the CPUs are.
    #[must_use]
    pub fn count(what: &str, limits: (u64, u64), measured: Option<u64>) -> Self {
        Self {
            what: what.into(),
            target: limits.0.to_string(),
            moonshot: limits.1.to_string(),
            near: measured.map(|measured| (measured.to_string(), measured <= limits.0)),
            far: None,
        }
    }

    /// A figure that must be nothing at all, wherever the CPUs are.
    #[must_use]
    pub fn nothing(what: &str, measured: &str, is_nothing: bool) -> Self {
        Self {
            what: what.into(),
            target: "none".into(),
            moonshot: "none".into(),
            near: Some((measured.into(), is_nothing)),
            far: None,
        }
    }

    /// A figure without a target, wherever the CPUs are.
    #[must_use]
    pub fn shown(what: &str, moonshot: &str, measured: &str) -> Self {
        Self {
            what: what.into(),
            target: "shown".into(),
            moonshot: moonshot.into(),
            near: Some((measured.into(), true)),
            far: None,
        }
    }

    /// A part of something else, which should be as large as can be, wherever the CPUs are.
    #[must_use]
    pub fn part(what: &str, (at_least, moonshot): (f64, f64), measured: f64) -> Self {
        Self {
            what: what.into(),
            target: format!("at least {at_least:.2} ×"),
            moonshot: format!("{moonshot:.2} ×"),
            near: Some((format!("{measured:.2} ×"), measured >= at_least)),
            far: None,
        }
    }

    /// A figure in KiB, wherever the CPUs are.
    #[must_use]
    pub fn kib(what: &str, at_most: u64, measured: u64) -> Self {
        Self {
            what: what.into(),
            target: format!("{at_most} KiB"),
            moonshot: String::new(),
            near: Some((format!("{measured} KiB"), measured <= at_most)),
            far: None,
        }
    }

    fn new(
        what: &str,
        (at_most, moonshot): (f64, f64),
        (near, far): (Option<f64>, Option<f64>),
        text: impl Fn(f64) -> String,
    ) -> Self {
        let judged = |value: f64| (text(value), value <= at_most);
        Self {
            what: what.into(),
            target: text(at_most),
            moonshot: text(moonshot),
            near: near.map(judged),
            far: far.map(judged),
        }
    }
}
