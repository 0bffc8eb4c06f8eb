//! All contenders, one burst each, round after round.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::burst::{Burst, Contender, histogram};
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
    /// All steps of theirs that were clocked one by one, in nanoseconds.
    pub steps: Vec<(Class, Histogram<u64>)>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("label", &self.label).field("bursts", &self.bursts).finish_non_exhaustive()
    }
}

/// Fewer bursts than this say nothing.
const BURSTS_MIN: usize = 3;

/// Fewer steps than this have no slowest thousandth.
const STEPS_MIN: u64 = 2_000;

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

    /// The step that only one in a thousand of a class is slower than, over all bursts, in nanoseconds an operation; none
    /// when too few were clocked.
    #[must_use]
    pub fn p999(&self, class: Class) -> Option<f64> {
        let (_, steps) = self.steps.iter().find(|(c, _)| *c == class)?;
        let enough = steps.len() >= STEPS_MIN;
        enough.then(|| steps.value_at_quantile(0.999) as f64 / self.contender.operations() as f64)
    }

    fn count(&mut self, class: Class, burst: Burst) -> io::Result<()> {
        self.bursts.push((class, burst));
        let clocked = self.contender.steps();
        if clocked.is_empty() {
            return Ok(());
        }
        let index = match self.steps.iter().position(|(c, _)| *c == class) {
            Some(index) => index,
            None => {
                self.steps.push((class, histogram()?));
                self.steps.len() - 1
            }
        };
        self.steps[index].1.add(clocked).map_err(io::Error::other)
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
        progress(round, begin.elapsed(), plan);
        // Each round begins with another row: none always follows the same one's first burst.
        for index in 0..count {
            let row = &mut rows[(index + round * 7) % count];
            let burst = row.contender.burst(plan.burst)?;
            if row.one_cpu {
                row.count(Class::OneCpu, burst)?;
                continue;
            }
            let after = probe.class()?;
            if let Some(class) = before.filter(|_| before == after) {
                row.count(class, burst)?;
            }
            before = after;
        }
        round += 1;
    }
    if io::stderr().is_terminal() {
        eprint!("\r{:78}\r", "");
    }
    Ok(Done { rounds: round, boundaries: plan.boundaries, probed: probe.found() })
}

/// One line of how far it is, written over and over on a terminal, every tenth round elsewhere.
fn progress(round: usize, elapsed: Duration, plan: Plan) {
    let is_terminal = io::stderr().is_terminal();
    if !is_terminal && round % 10 != 0 {
        return;
    }
    let done = (round as f64 / plan.rounds as f64).min(elapsed.as_secs_f64() / plan.budget.as_secs_f64().max(0.001));
    let filled = (done.min(1.0) * 30.0) as usize;
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(30 - filled));
    let end = if is_terminal { "" } else { "\n" };
    eprint!("\r[{bar}] round {} of at least {}, {:.0} s{end}", round + 1, plan.rounds, elapsed.as_secs_f64());
}

fn enough(rows: &[Row], plan: Plan) -> bool {
    let count = |row: &Row, class| row.bursts.iter().filter(|(c, _)| *c == class).count();
    rows.iter()
        .filter(|row| !row.one_cpu)
        .all(|row| count(row, Class::Near) >= plan.of_each_class && count(row, Class::Far) >= plan.of_each_class)
}
