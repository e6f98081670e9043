//! What a rule found.

use std::fmt;

/// Does it fail the check?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Yes.
    Error,
    /// No.
    Warning,
}

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) severity: Severity,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) reason: String,
}

impl Violation {
    /// An error.
    pub(crate) fn new(file: &str, line: usize, rule: &'static str, reason: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), line, rule, reason: reason.into() }
    }

    /// The same as a warning.
    pub(crate) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}: {kind}{}: {}", self.file, self.line, self.rule, self.reason)
    }
}
