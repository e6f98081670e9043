//! The processors that a thread can be sent to.

use std::{fs::File, io::Read as _, path::Path};

use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    sys::statfs::{SYSFS_MAGIC, fstatfs},
    unistd::Pid,
};

const ONLINE: &str = "/sys/devices/system/cpu/online";

/// Processors that others want to have for themselves. `nohz_full` is not there on kernels that cannot.
const RESERVED: [&str; 2] = ["/sys/devices/system/cpu/isolated", "/sys/devices/system/cpu/nohz_full"];

/// How many processors there are to visit; `None` when visits would prove nothing, or disturb somebody.
pub(super) fn visitable() -> Option<usize> {
    let is_reserved = |path| match read(Path::new(path)) {
        // Kernels without such processors say nothing, or "(null)".
        Some(text) => parse(&text).is_none_or(|cpus| !cpus.is_empty()) && text.trim() != "(null)",
        None => Path::new(path).exists(),
    };
    if is_preemptible(&rustix::system::uname().version().to_string_lossy())
        || read(Path::new("/sys/kernel/realtime")).is_some_and(|text| text.trim() != "0")
        || RESERVED.into_iter().any(is_reserved)
    {
        return None;
    }
    online().map(|cpus| cpus.len())
}

/// Whether a kernel of this version (uname(2)) is built with PREEMPT_RT, so that what runs with bottom halves disabled
/// can be preempted. The version names the preemption model: `PREEMPT_RT`, `PREEMPT RT` in old patches.
fn is_preemptible(version: &str) -> bool {
    version.split(|char: char| !char.is_ascii_alphanumeric()).any(|word| word == "RT")
}

/// This thread runs on each processor of its share. `false` when one of them cannot be had.
pub(super) fn visit(share: usize, shares: usize) -> bool {
    online().is_some_and(|cpus| cpus.into_iter().filter(|cpu| cpu % shares == share).all(visit_one))
}

/// `true` was on this processor.
fn visit_one(cpu: usize) -> bool {
    let is_here = || sched_getcpu() == Ok(cpu);
    let mut only = CpuSet::new();
    is_here() || only.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &only)).is_ok() && is_here()
}

/// Lets a thread run anywhere again.
pub(super) fn release(thread: Pid) {
    let mut all = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        let _ = all.set(cpu);
    }
    // It may have ended by itself.
    let _ = sched_setaffinity(thread, &all);
}

/// The online processors, `None` when that cannot be told.
fn online() -> Option<Vec<usize>> {
    parse(&read(Path::new(ONLINE))?).filter(|cpus| !cpus.is_empty())
}

/// A file of sysfs itself.
fn read(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    if fstatfs(&file).ok()?.filesystem_type() != SYSFS_MAGIC {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// A list as the kernel writes it: `0-3,8,10-11`.
fn parse(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use nix::sched::sched_getaffinity;

    use super::*;

    #[test]
    fn a_list_is_read_as_the_kernel_writes_it() {
        assert_eq!(parse("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse("0\n"), Some(vec![0]));
        assert_eq!(parse("\n"), Some(vec![]));
        for bad in ["(null)", "0-", "-1", "a-b", "0-3 5", "0x1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_that_lies_over_sysfs_is_none() -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(b"0\n")?;
        assert_eq!(read(file.path()), None);
        assert_eq!(read(Path::new("/sys/devices/system/cpu/none")), None);
        assert!(online().is_some());
        Ok(())
    }

    #[test]
    fn a_real_time_kernel_is_known_by_its_version() {
        for version in [
            "#1 SMP PREEMPT_RT Debian 6.1.76-1 (2024-02-01)",
            "#1 SMP PREEMPT RT Thu Jan 1 00:00:00 UTC 2019",
            "#9 SMP PREEMPT_{RT,LAZY} Thu",
        ] {
            assert!(is_preemptible(version), "{version}");
        }
        for version in [
            "#1 SMP PREEMPT_DYNAMIC @0",
            "#1 SMP Debian 5.10.209-2 (2024-01-31)",
            "#101-Ubuntu SMP PREEMPT Tue Nov 14 START UTC 2023",
        ] {
            assert!(!is_preemptible(version), "{version}");
        }
    }

    #[test]
    fn a_processor_that_there_is_not_cannot_be_visited() -> nix::Result<()> {
        let here = Pid::from_raw(0);
        let before = sched_getaffinity(here)?;
        assert!(!visit_one(CpuSet::count() - 1));
        assert!(!visit_one(CpuSet::count()));
        assert_eq!(sched_getaffinity(here)?, before);
        // Of those that we may have, each can, unless it goes offline meanwhile.
        for cpu in (0..CpuSet::count()).filter(|cpu| before.is_set(*cpu).unwrap_or(false)) {
            assert!(visit_one(cpu));
            assert_eq!(sched_getcpu(), Ok(cpu));
        }
        release(here);
        sched_setaffinity(here, &before)
    }
}
