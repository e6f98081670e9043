//! Everything that is wrong with one object, in the order in which it was found.

use super::{Fault, Field};
use crate::source::Severity;

/// One fault and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The place.
    pub field: Field,
    /// What is wrong there.
    pub fault: Fault,
}

/// The faults of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a fault.
    pub fn note(&mut self, field: &Field, fault: Fault) {
        self.0.push(Finding { field: field.clone(), fault });
    }

    /// Notes a fault and gives `None`, for a value that cannot be had because of it.
    pub(crate) fn refuse<T>(&mut self, field: &Field, fault: Fault) -> Option<T> {
        self.note(field, fault);
        None
    }

    /// Whether the object must be refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.0.iter().any(|finding| finding.fault.severity() == Severity::Error)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Runs a conversion; its result counts only if it noted no error, since a part that was
    /// refused would otherwise be missing silently.
    pub(crate) fn guard<T>(&mut self, convert: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut own = Self::default();
        let value = convert(&mut own);
        let refused = own.refuses();
        self.0.extend(own.0);
        value.filter(|_| !refused)
    }
}
