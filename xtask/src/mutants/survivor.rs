//! Mutants that no test noticed, and those of which it is known why.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;

/// A mutant that was missed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Survivor {
    /// File and change, without the line, which moves; several of one name are numbered.
    pub(super) name: String,
    /// File, line, column and change.
    pub(super) place: String,
}

/// The survivors in cargo-mutants' list: `file:line:column: change`.
pub(super) fn missed(lines: &[String]) -> Vec<Survivor> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    lines
        .iter()
        .filter_map(|place| {
            let (position, change) = place.split_once(": ")?;
            let file = position.split(':').next()?;
            let name = format!("{file}: {change}");
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            let name = if *count > 1 { format!("{name} #{count}") } else { name };
            Some(Survivor { name, place: place.clone() })
        })
        .collect()
}

/// The explained ones: a line `"file: change" = "why"` each, and comments.
pub(super) fn known(text: &str) -> Result<BTreeMap<String, String>> {
    let mut known = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line
            .strip_prefix('"')
            .and_then(|line| line.strip_suffix('"'))
            .and_then(|line| line.split_once("\" = \""));
        let (name, why) = entry.with_context(|| format!("line {number} is not `\"mutant\" = \"why\"`"))?;
        if why.trim().is_empty() {
            bail!("line {number} does not say why");
        }
        if known.insert(name.to_owned(), why.to_owned()).is_some() {
            bail!("line {number}: {name} is explained already");
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_named_without_their_lines() {
        let lines = ["a/b.rs:1:2: replace + with - in f", "a/b.rs:9:9: replace + with - in f", "nonsense"];
        let names: Vec<String> =
            missed(&lines.map(str::to_owned)).into_iter().map(|survivor| survivor.name).collect();
        assert_eq!(names, ["a/b.rs: replace + with - in f", "a/b.rs: replace + with - in f #2"]);
    }

    #[test]
    fn explanations_are_lines() {
        let good = known("# a comment\n\n\"a.rs: replace f -> bool with true\" = \"why\"\n").ok();
        let entry = ("a.rs: replace f -> bool with true".to_owned(), "why".to_owned());
        assert_eq!(good, Some(BTreeMap::from([entry])));
        for bad in ["[table]", "\"a\" = \"\"", "\"a\" = \"x\"\n\"a\" = \"y\""] {
            assert!(known(bad).is_err(), "{bad}");
        }
    }
}
