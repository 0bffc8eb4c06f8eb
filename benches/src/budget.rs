//! Instructions of one operation, both halves: a figure that the noise of a machine cannot move.
//!
//! The budget is a file that is committed. A count well above it fails; one well below it asks for the budget to be lowered, so
//! that what was won stays won.

use std::fmt::Write;

/// A count may lie this much above or below its budget, in percent.
pub const TOLERANCE: u64 = 3;

/// The budget's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget(Vec<(String, u64)>);

/// What a count is beside its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Near it.
    Kept,
    /// Too far above it.
    Exceeded,
    /// Far enough below it that the budget should be lowered.
    Beaten,
    /// There is no budget for this.
    Missing,
}

impl Budget {
    /// Reads the file: a name and a number in each line, comments after `#`.
    ///
    /// # Errors
    /// The line that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let split = line.rsplit_once(char::is_whitespace);
            let parsed = split.and_then(|(name, number)| Some((name.trim().to_owned(), number.parse().ok()?)));
            lines.push(parsed.ok_or_else(|| format!("budget: not a name and a number: {line}"))?);
        }
        Ok(Self(lines))
    }

    /// A budget that is what was counted.
    #[must_use]
    pub fn new(counted: Vec<(String, u64)>) -> Self {
        Self(counted)
    }

    /// The file of this budget, which says that it was made with `compiler`.
    #[must_use]
    pub fn file(&self, compiler: &str) -> String {
        let mut text = format!(
            "# Instructions of one operation, client half and server half, as callgrind counts them with\n\
             # {compiler}, {}. More than {TOLERANCE} % above these fails ./check. Made by\n\
             # cargo bench -p rapace-benches --bench instructions -- --write\n",
            std::env::consts::ARCH
        );
        for (name, instructions) in &self.0 {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{name:<24} {instructions}");
        }
        text
    }

    /// The budget of one operation.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, instructions)| *instructions)
    }

    /// What `counted` is beside the budget of `name`.
    #[must_use]
    pub fn judge(&self, name: &str, counted: u64) -> Verdict {
        match self.of(name) {
            None => Verdict::Missing,
            Some(budget) if counted * 100 > budget * (100 + TOLERANCE) => Verdict::Exceeded,
            Some(budget) if counted * 100 < budget * (100 - TOLERANCE) => Verdict::Beaten,
            Some(_) => Verdict::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let budget = Budget::new(vec![("message 8 B".into(), 300), ("add".into(), 600)]);
        assert_eq!(Budget::parse(&budget.file("rustc")), Ok(budget));
        assert!(Budget::parse("add six hundred").is_err());
    }

    #[test]
    fn three_percent_are_allowed_either_way_and_no_more() {
        let budget = Budget::new(vec![("add".into(), 600)]);
        let verdicts = [581, 582, 618, 619].map(|counted| budget.judge("add", counted));
        assert_eq!(verdicts, [Verdict::Beaten, Verdict::Kept, Verdict::Kept, Verdict::Exceeded]);
        assert_eq!(budget.judge("echo", 1), Verdict::Missing);
    }
}
