//! BENCHMARKS.md, of which each bench writes its own part and leaves the others as they are.

/// The part of one bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Of the bench `session`.
    Session,
    /// Of the bench `versus`.
    Versus,
    /// Of the bench `micro`.
    Micro,
    /// Of the bench `compile_time`.
    CompileTime,
}

impl Part {
    /// In the document's order.
    const ALL: [Self; 4] = [Self::Session, Self::Versus, Self::Micro, Self::CompileTime];

    /// The bench's name.
    #[must_use]
    pub fn bench(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Versus => "versus",
            Self::Micro => "micro",
            Self::CompileTime => "compile_time",
        }
    }

    /// What writes this part as it was written now.
    #[must_use]
    pub fn command(self) -> String {
        let features = if cfg!(feature = "peers") && self == Self::Versus { " --features peers" } else { "" };
        format!("cargo bench -p rapace-benches{features} --bench {} -- --write", self.bench())
    }

    fn begin(self) -> String {
        format!("<!-- begin: {} -->\n", self.bench())
    }

    fn end(self) -> String {
        format!("<!-- end: {} -->\n", self.bench())
    }

    fn find(self, document: &str) -> Option<&str> {
        let (_, rest) = document.split_once(&self.begin())?;
        let (text, _) = rest.split_once(&self.end())?;
        Some(text)
    }
}

const HEAD: &str = "\
# Benchmarks

Two processes, each pinned to a CPU. All contenders take turns in bursts of some 20 ms; each figure is the median over \
the bursts. Each burst stands between two probes of a cache line's round trip and counts as *near* or *far* when both say \
so, else not at all: on a virtual machine the distance of two CPUs changes over seconds. \
Compare within one table only. p99.9 is that of all clocked steps together. CPU is the time of both processes together for one operation. In the tables of figures \
bold means: missed here.

`micro` and `compile_time` have no second process.

Each part says which command writes it. Behind its `--`, `--quick` shows in seconds that it runs, `--only=WORDS` measures what has \
these words in its name, and without `--write` nothing is written. `versus` without `--features peers` leaves out the products \
of others, which take minutes to build and need the compiler that the newest of them asks for (rustc 1.95).

";

/// The document with another text for one part.
#[must_use]
pub fn with(document: &str, part: Part, text: &str) -> String {
    let mut new = String::from(HEAD);
    for each in Part::ALL {
        if let Some(text) = if each == part { Some(text) } else { each.find(document) } {
            new += &each.begin();
            new += text;
            new += &each.end();
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_replaces_its_own_part_and_no_other() {
        let both = with(&with("# Something older", Part::Versus, "calls\n"), Part::Session, "messages\n");
        let newer = with(&both, Part::Versus, "faster calls\n");
        assert_eq!(Part::Session.find(&newer), Some("messages\n"));
        assert_eq!(Part::Versus.find(&newer), Some("faster calls\n"));
        assert_eq!(with(&newer, Part::Versus, "calls\n"), both);
        assert!(!newer.contains("older"));
        let three = with(&newer, Part::CompileTime, "seconds\n");
        assert_eq!(
            Part::ALL.map(|part| part.find(&three)),
            [Some("messages\n"), Some("faster calls\n"), None, Some("seconds\n")]
        );
    }
}
