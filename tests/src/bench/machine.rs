//! Where a suite runs, so that a reader knows what its figures are of.

use std::{collections::BTreeMap, fs, process::Command};

use super::result::{Machine, Measurement, Results};

/// Results with all that this process can tell of the machine. `commit` is asked of git when the program was not told
/// (`ENFORCER_COMMIT`): in a VM there is none.
#[must_use]
pub(super) fn results(results: Vec<Measurement>, versions: BTreeMap<String, String>) -> Results {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let field = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned()).unwrap_or_default()
    };
    let kib = field(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = kib.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let cpuinfo = read("/proc/cpuinfo");
    let machine = Machine {
        cpu: field(&cpuinfo, "model name"),
        // Not those that this process keeps to.
        cpus: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
        memory_mib: kib / 1024,
        platform: [read("/sys/class/dmi/id/sys_vendor"), read("/sys/class/dmi/id/product_name")]
            .join(" ")
            .trim()
            .to_owned(),
    };
    Results { machine, kernel: read("/proc/sys/kernel/osrelease"), commit: commit(), versions, results }
}

fn commit() -> String {
    if let Ok(told) = std::env::var("ENFORCER_COMMIT") {
        return told;
    }
    let git = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    git.ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
