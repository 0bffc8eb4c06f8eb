//! Who competes with whom: the rows of each bench, and the figures read off them.

pub mod messages;
pub mod versus;

use std::io;

use crate::burst::Burst;
use crate::cpu;
use crate::distance::Class;
use crate::rounds::Row;
use crate::work::Work;

/// A table's title, and what a reader of it must know.
pub type Section = (&'static str, &'static str);

/// A product that cannot do what a table shows.
#[derive(Clone, Copy, Debug)]
pub struct Lacking {
    /// The table's title.
    pub section: &'static str,
    /// The product.
    pub name: &'static str,
    /// What stands against it.
    pub why: &'static str,
}

/// Rows being collected; a row is started when its table's title or its label contains certain words.
#[derive(Debug)]
pub struct Rows<'a> {
    only: &'a str,
    rows: Vec<Row>,
    /// Rows of products of others that did not come up, and why.
    left_out: Vec<String>,
}

impl<'a> Rows<'a> {
    fn new(only: Option<&'a str>) -> Self {
        Self { only: only.unwrap_or_default(), rows: Vec::new(), left_out: Vec::new() }
    }

    /// Starts a row whose processes are on two CPUs; `floor` is the label of the row that it is compared with.
    fn add(&mut self, section: &'static str, label: &str, floor: Option<&str>, work: Work) -> io::Result<()> {
        self.start(section, label, floor, work, cpu::THERE)
    }

    /// Starts a row whose processes are on one CPU.
    fn add_on_one_cpu(
        &mut self,
        section: &'static str,
        label: &str,
        floor: Option<&str>,
        work: Work,
    ) -> io::Result<()> {
        self.start(section, label, floor, work, cpu::HERE)
    }

    fn start(
        &mut self,
        section: &'static str,
        label: &str,
        floor: Option<&str>,
        work: Work,
        cpu: usize,
    ) -> io::Result<()> {
        if !section.contains(self.only) && !label.contains(self.only) {
            return Ok(());
        }
        assert!(self.rows.iter().all(|row| row.label != label), "{label}: two rows of this name");
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{label}: {error}"));
        let contender = match work.contender(cpu).map_err(named) {
            Err(error) if work.is_foreign() => {
                self.left_out.push(error.to_string());
                return Ok(());
            }
            otherwise => otherwise?,
        };
        let (label, floor, one_cpu) = (label.into(), floor.map(String::from), cpu == cpu::HERE);
        self.rows.push(Row { label, section, floor, contender, one_cpu, bursts: Vec::new(), steps: Vec::new() });
        Ok(())
    }
}

/// A value near and far, as far as there are bursts of the class.
pub type NearFar = (Option<f64>, Option<f64>);

/// Reads values off rows that ran.
#[derive(Clone, Copy, Debug)]
struct Reading<'a>(&'a [Row]);

impl Reading<'_> {
    fn burst(self, label: &str, class: Class) -> Option<Burst> {
        Some(self.0.iter().find(|row| row.label == label)?.median(class)?.0)
    }

    fn ratio_in(self, class: Class, label: &str, floor: &str, of: fn(&Burst) -> f64) -> Option<f64> {
        Some(of(&self.burst(label, class)?) / of(&self.burst(floor, class)?))
    }

    fn ratio(self, label: &str, floor: &str, of: fn(&Burst) -> f64) -> NearFar {
        (self.ratio_in(Class::Near, label, floor, of), self.ratio_in(Class::Far, label, floor, of))
    }

    fn mean(self, label: &str) -> NearFar {
        let mean = |class| Some(self.burst(label, class)?.mean);
        (mean(Class::Near), mean(Class::Far))
    }
}

fn mean(burst: &Burst) -> f64 {
    burst.mean
}

fn p50(burst: &Burst) -> f64 {
    burst.p50
}

fn p99(burst: &Burst) -> f64 {
    burst.p99
}
