//! One processor for all rounds.

use anyhow::Context as _;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// Keeps this thread on the last of its processors: the first often serves interrupts.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn pin() -> anyhow::Result<()> {
    let here = Pid::from_raw(0);
    let may = sched_getaffinity(here)?;
    let last = (0..CpuSet::count()).rev().find(|cpu| may.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.context("no processor")?)?;
    sched_setaffinity(here, &one).context("cannot stay on one processor")
}
