//! What is wrong with what a source was given.

use std::{fmt, path::PathBuf};

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The object counts as written, but probably says something else than its author meant.
    Warning,
    /// What is written is refused.
    Error,
}

/// What is enforced of the object (or of the file, when no object is named) that has a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// All of it, as written.
    Enforced,
    /// The last version that was good.
    LastGood,
    /// Nothing: there was never a good version, or another definition of it counts.
    Nothing,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforced => "it is enforced as written",
            Self::LastGood => "its last good version stays in force",
            Self::Nothing => "nothing of it is enforced",
        })
    }
}

/// One thing that is wrong, and where. Equal values are the same problem, so that a problem which
/// persists over several readings can be logged once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// The file, or the folder that could not be read.
    pub file: PathBuf,
    /// The line in it, from 1, if it is known.
    pub line: Option<u64>,
    /// The object, like `NetworkPolicy shop/cart`, if it is known.
    pub object: Option<String>,
    /// The field, like `spec.ingress[0].from[1].ipBlock.cidr`, if it is about one.
    pub field: Option<String>,
    /// What is wrong, without the places above.
    pub message: String,
    /// Whether what is written is refused.
    pub severity: Severity,
    /// What is enforced nevertheless.
    pub effect: Effect,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        for place in [&self.object, &self.field].into_iter().flatten() {
            write!(f, ": {place}")?;
        }
        write!(f, ": {}; {}", self.message, self.effect)
    }
}
