//! What became of the mutants, as cargo-mutants lists it.

use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// Mutants as `file:line:column: change`, each in one list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// A test failed.
    pub(super) caught: Vec<String>,
    /// The tests ran for ever.
    pub(super) timed_out: Vec<String>,
    /// It does not compile.
    pub(super) unviable: Vec<String>,
    /// No test noticed.
    pub(super) missed: Vec<String>,
}

impl Outcome {
    /// Reads the lists that cargo-mutants leaves in a folder.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let lines = |name: &str| -> Result<Vec<String>> {
            let file = folder.join(name);
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            caught: lines("caught.txt")?,
            timed_out: lines("timeout.txt")?,
            unviable: lines("unviable.txt")?,
            missed: lines("missed.txt")?,
        })
    }

    /// With what other tests made of the mutants that these missed. Those tests may have met others too.
    pub(super) fn then(&mut self, later: &Self) {
        let missed = std::mem::take(&mut self.missed);
        for mutant in missed {
            let list = if later.caught.contains(&mutant) {
                &mut self.caught
            } else if later.timed_out.contains(&mutant) {
                &mut self.timed_out
            } else {
                &mut self.missed
            };
            list.push(mutant);
        }
    }

    /// How many mutants there were.
    pub(super) fn all(&self) -> usize {
        [&self.caught, &self.timed_out, &self.unviable, &self.missed].map(Vec::len).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_tests_are_asked_only_of_what_earlier_ones_missed() {
        let lists = |caught: &[&str], timed_out: &[&str], missed: &[&str]| {
            let [caught, timed_out, missed] =
                [caught, timed_out, missed].map(|list| list.iter().map(|name| (*name).to_owned()).collect());
            Outcome { caught, timed_out, missed, unviable: vec!["u".to_owned()] }
        };
        let mut outcome = lists(&["a"], &["b"], &["c", "d", "e"]);
        // What ran for ever is tried again, and is no survivor for that.
        outcome.then(&lists(&["c"], &["d"], &["b", "e"]));
        assert_eq!(outcome, lists(&["a", "c"], &["b", "d"], &["e"]));
        assert_eq!(outcome.all(), 6);
    }
}
