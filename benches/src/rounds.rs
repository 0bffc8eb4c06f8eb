//! All contenders, one burst each, round after round.

use std::io;
use std::time::{Duration, Instant};

use crate::burst::{Burst, Contender};
use crate::distance::{Boundaries, Class, Probe};

/// One contender and what its bursts showed.
pub struct Row {
    /// What it is called in the tables; unique.
    pub label: String,
    /// The table it stands in.
    pub section: &'static str,
    /// The label of the row that it is compared with; none for a floor itself.
    pub floor: Option<String>,
    /// Runs its bursts.
    pub contender: Box<dyn Contender>,
    /// Whether both processes are on one CPU, where there is no distance to probe.
    pub one_cpu: bool,
    /// The bursts that counted.
    pub bursts: Vec<(Class, Burst)>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("label", &self.label).field("bursts", &self.bursts).finish_non_exhaustive()
    }
}

/// Fewer bursts than this say nothing.
const BURSTS_MIN: usize = 3;

impl Row {
    /// The medians over the bursts of one class, and how many there were; none when there were too few.
    #[must_use]
    pub fn median(&self, class: Class) -> Option<(Burst, usize)> {
        let of_class = || self.bursts.iter().filter(|(c, _)| *c == class).map(|(_, burst)| burst);
        let count = of_class().count();
        if count < BURSTS_MIN {
            return None;
        }
        let median = |value: fn(&Burst) -> f64| {
            let mut values: Vec<f64> = of_class().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[count / 2]
        };
        let burst = Burst {
            mean: median(|burst| burst.mean),
            p50: median(|burst| burst.p50),
            p99: median(|burst| burst.p99),
            cpu: median(|burst| burst.cpu),
        };
        Some((burst, count))
    }
}

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Length of one burst.
    pub burst: Duration,
    /// Rounds that are always done.
    pub rounds: usize,
    /// Then go on until every row has this many bursts of either class …
    pub of_each_class: usize,
    /// … or this much time has passed.
    pub budget: Duration,
    /// What counts as near and as far.
    pub boundaries: Boundaries,
}

/// What running took, for a reader to judge it by.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// So many rounds.
    pub rounds: usize,
    /// What counted as near and as far.
    pub boundaries: Boundaries,
    /// What the probe found, see [`Probe::found`].
    pub probed: [f64; 3],
}

/// Runs all rows by the plan.
///
/// # Errors
/// When a peer is gone.
pub fn run(rows: &mut [Row], plan: Plan) -> io::Result<Done> {
    let begin = Instant::now();
    let mut probe = Probe::start(plan.boundaries)?;
    let mut round = 0;
    while round < plan.rounds || (begin.elapsed() < plan.budget && !enough(rows, plan)) {
        let mut before = probe.class()?;
        let count = rows.len();
        // Each round begins with another row: none always follows the same one's first burst.
        for index in 0..count {
            let row = &mut rows[(index + round * 7) % count];
            let burst = row.contender.burst(plan.burst)?;
            if row.one_cpu {
                row.bursts.push((Class::OneCpu, burst));
                continue;
            }
            let after = probe.class()?;
            if let Some(class) = before.filter(|_| before == after) {
                row.bursts.push((class, burst));
            }
            before = after;
        }
        round += 1;
    }
    Ok(Done { rounds: round, boundaries: plan.boundaries, probed: probe.found() })
}

fn enough(rows: &[Row], plan: Plan) -> bool {
    let count = |row: &Row, class| row.bursts.iter().filter(|(c, _)| *c == class).count();
    rows.iter()
        .filter(|row| !row.one_cpu)
        .all(|row| count(row, Class::Near) >= plan.of_each_class && count(row, Class::Far) >= plan.of_each_class)
}
