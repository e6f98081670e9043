//! What a process uses, as the kernel tells.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

/// A field of its status, in MiB: `VmRSS`, `VmHWM`.
pub(super) fn memory(pid: u32, field: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = value.and_then(|value| value.split_whitespace().next()).context("no such field")?;
    Ok(kibibytes.parse::<f64>()? / 1024.0)
}

/// Milliseconds that its threads have run. (Its `stat` counts in ticks of 10 ms.)
pub(super) fn ran(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += text.split_whitespace().next().context("an empty schedstat")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e6)
}

/// The eBPF maps that it holds: how many, and the memory that the kernel counts for them in MiB (`memlock` of their
/// descriptors, as bpftool prints it).
pub(super) fn maps(pid: u32) -> Result<(usize, f64)> {
    let mut bytes = BTreeMap::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let Ok(text) = fs::read_to_string(descriptor?.path()) else { continue };
        bytes.extend(map(&text));
    }
    Ok((bytes.len(), bytes.values().sum::<f64>() / 1024.0 / 1024.0))
}

/// A map's id and its bytes.
fn map(text: &str) -> Option<(u64, f64)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    field("map_type")?;
    Some((field("map_id")?.trim().parse().ok()?, field("memlock")?.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_told_from_other_descriptors() {
        let text =
            "pos:\t0\nflags:\t02000002\nmap_type:\t1\nkey_size:\t4\nmemlock:\t8192\nmap_id:\t7\nfrozen:\t0\n";
        assert_eq!(map(text), Some((7, 8192.0)));
        assert_eq!(map("pos:\t0\nprog_type:\t3\nprog_id:\t9\nmemlock:\t4096\n"), None);
    }

    #[test]
    fn this_process_uses_something() -> Result<()> {
        let own = std::process::id();
        assert!(memory(own, "VmRSS")? > 0.1 && memory(own, "VmHWM")? >= memory(own, "VmRSS")?);
        assert!(ran(own)? > 0.0);
        Ok(())
    }
}
