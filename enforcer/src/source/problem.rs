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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The object, with what the problem says of a part of it.
    Enforced,
    /// The last version that was good.
    LastGood,
    /// Another definition of the same object.
    Elsewhere {
        /// Where that one is.
        file: PathBuf,
        /// The line on which it begins; `None` when its last good version is what counts.
        line: Option<u64>,
    },
    /// Nothing: there was never a good version.
    Nothing,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("the object is enforced all the same"),
            Self::LastGood => f.write_str("its last good version stays in force"),
            Self::Elsewhere { file, line: Some(line) } => {
                write!(f, "the definition in {}:{line} is in force", file.display())
            }
            Self::Elsewhere { file, line: None } => {
                write!(f, "the last good version of the definition in {} stays in force", file.display())
            }
            Self::Nothing => f.write_str("nothing of it is enforced"),
        }
    }
}

/// One thing that is wrong, and where. Equal values are the same problem, so that a problem which
/// persists over several readings can be logged once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// The file, or the folder that could not be read; empty for an object of the API server.
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

impl Problem {
    /// The places and what is wrong, without what is enforced nevertheless.
    #[must_use]
    pub fn what(&self) -> String {
        let mut file = self.file.display().to_string();
        file.extend(self.line.map(|line| format!(":{line}")));
        let places = [Some(&file), self.object.as_ref(), self.field.as_ref(), Some(&self.message)];
        let places: Vec<&str> =
            places.into_iter().flatten().map(String::as_str).filter(|place| !place.is_empty()).collect();
        places.join(": ")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.effect)
    }
}
