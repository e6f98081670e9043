//! Names of labs. A lab's name says which process made it, so that a later run can tell the labs of
//! crashed processes from those in use, also after the process number has been given to another.

use std::{
    fmt, fs, process,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Error, Result, anyhow};

/// What every namespace of every lab begins with.
pub(super) const PREFIX: &str = "enf-";

/// Identifies a lab on this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabId {
    /// The process that made it.
    pid: u32,
    /// When that process began, in clock ticks since boot: process numbers are used again.
    began: u64,
    /// Counts the labs of one process.
    sequence: u32,
}

impl LabId {
    /// A new lab of this process.
    pub(super) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pid = process::id();
        let began = began(pid).context("cannot read this process's own /proc entry")?;
        Ok(Self { pid, began, sequence: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    /// The lab to which a network namespace of this name belongs, if it is a lab's.
    pub(super) fn of_namespace(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
    }

    /// Whether the process that made it still runs.
    pub(super) fn is_in_use(&self) -> bool {
        began(self.pid) == Some(self.began)
    }

    /// What the names of its network namespaces begin with.
    pub(super) fn prefix(&self) -> String {
        format!("{PREFIX}{self}-")
    }
}

impl fmt::Display for LabId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:x}.{}", self.pid, self.began, self.sequence)
    }
}

impl FromStr for LabId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or_else(|| anyhow!("{text:?} is no lab's name"));
        Ok(Self {
            pid: part()?.parse()?,
            began: u64::from_str_radix(part()?, 16)?,
            sequence: part()?.parse()?,
        })
    }
}

/// Start time of a process; `None` when there is no such process.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in parentheses, may hold anything; field 3 follows the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_tells_its_lab() -> Result<()> {
        let id = LabId::new()?;
        assert_eq!(LabId::of_namespace(&format!("{}shop-ads-0", id.prefix())), Some(id.clone()));
        assert!(id.is_in_use());
        assert_eq!(LabId::of_namespace("cni-1234"), None);
        assert_eq!(LabId::of_namespace("enf-mine-node"), None);
        Ok(())
    }

    #[test]
    fn a_recycled_process_number_is_another_lab() -> Result<()> {
        let id = LabId { began: 1, ..LabId::new()? };
        assert!(!id.is_in_use());
        Ok(())
    }
}
