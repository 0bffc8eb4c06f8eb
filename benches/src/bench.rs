//! What the bench programs have in common: their arguments, becoming a peer, and their part of BENCHMARKS.md.
//!
//! `--write` puts what came out into BENCHMARKS.md, `--quick` does some seconds of everything, which shows that
//! it runs and no more, `--only=one way` only the tables and rows with these words in their names. Where no two CPUs
//! are near by the usual measure, `--near-below=220` makes it another: nanoseconds of a cache line's round trip.

use std::error::Error;
use std::fs;
use std::io;
use std::time::Duration;

use crate::cpu;
use crate::distance::Boundaries;
use crate::document::{self, Part};
use crate::machine::Machine;
use crate::peer;
use crate::plot::Plot;
use crate::rounds::Plan;
use crate::work::Work;

/// What a bench was asked for.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Where it runs.
    pub machine: Machine,
    /// Whether it is only to show that it runs.
    pub is_quick: bool,
    /// Words that a table or row must have in its name to be measured.
    pub only: Option<String>,
    /// What counts as near and as far.
    pub boundaries: Boundaries,
    is_written: bool,
}

impl Bench {
    /// Reads the arguments and takes a CPU. When they make this process a peer, lives its life and gives none.
    ///
    /// # Errors
    /// When there are not two CPUs, or a peer's life ends badly.
    pub fn start() -> Result<Option<Self>, Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if let [first, work, cpu] = &arguments[..] {
            if first == peer::ARGUMENT {
                let work = Work::parse(work).ok_or("unknown work")?;
                work.serve(cpu.parse()?)?;
                return Ok(None);
            }
        }
        let bench = Self::unpinned()?;
        if bench.machine.cpus < 2 {
            return Err("two CPUs are needed".into());
        }
        cpu::pin(cpu::HERE)?;
        Ok(Some(bench))
    }

    /// Reads the arguments of a bench that has no second process and may use all CPUs.
    ///
    /// # Errors
    /// When one is not what it should be.
    pub fn unpinned() -> Result<Self, Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let machine = Machine::this();
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        let value = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name));
        let only = value("--only=").map(String::from);
        let boundaries = match value("--near-below=") {
            Some(nanoseconds) => Boundaries::near_below(nanoseconds.parse()?),
            None => Boundaries::default(),
        };
        Ok(Self { machine, is_quick: has("--quick"), only, boundaries, is_written: has("--write") })
    }

    /// How long to measure.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let boundaries = self.boundaries;
        let (milliseconds, rounds, of_each_class, seconds) =
            if self.is_quick { (3, 4, 0, 0) } else { (20, 30, 15, 100) };
        let (burst, budget) = (Duration::from_millis(milliseconds), Duration::from_secs(seconds));
        Plan { burst, rounds, of_each_class, budget, boundaries }
    }

    /// Writes plots beside BENCHMARKS.md if that was asked for, and shows them in `text`.
    ///
    /// # Errors
    /// Those of the files.
    pub fn plot<'a>(
        &self,
        text: &mut String,
        plots: impl IntoIterator<Item = (&'a str, Plot)>,
    ) -> Result<(), Box<dyn Error>> {
        for (name, plot) in plots {
            let Some(svg) = plot.svg()? else { continue };
            *text += &format!("![{}](benches/plots/{name}.svg)\n\n", plot.title);
            if self.is_written {
                let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/plots");
                fs::create_dir_all(directory)?;
                fs::write(format!("{directory}/{name}.svg"), svg)?;
            }
        }
        Ok(())
    }

    /// Shows what came out, and writes it into BENCHMARKS.md if that was asked for.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(&self, part: Part, text: &str) -> io::Result<()> {
        print!("{text}");
        if self.is_written {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../BENCHMARKS.md");
            let before = fs::read_to_string(path).unwrap_or_default();
            fs::write(path, document::with(&before, part, text))?;
        }
        Ok(())
    }
}
