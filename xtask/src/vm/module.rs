//! Kernel modules: which are wanted, what each needs, in which order they are loaded.
//!
//! What a module needs stands in the module itself (`depends=` in its section `.modinfo`), so no `modules.dep` is read,
//! which Debian's packages lack until they are installed.

use anyhow::{Context as _, Result, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the tests and benchmarks use, where it is no part of the kernel: interfaces, hooks, connection tracking, address
/// translation as kube-proxy makes it. Checksums first, which connection tracking asks for by another name.
const WANTED: [&str; 50] = [
    "crc32c_generic",
    "veth",
    "dummy",
    "tun",
    "bridge",
    "br_netfilter",
    "8021q",
    "vxlan",
    "sch_ingress",
    "cls_bpf",
    "act_bpf",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nfnetlink",
    "nf_tables",
    "nf_nat",
    "nft_compat",
    "nft_chain_nat",
    "nft_counter",
    "nft_ct",
    "nft_nat",
    "nft_masq",
    "ip_tables",
    "iptable_filter",
    "iptable_nat",
    "iptable_mangle",
    "ip6_tables",
    "ip6table_filter",
    "ip6table_nat",
    "ip6table_mangle",
    "ip_set",
    "ip_set_hash_ip",
    "ip_set_hash_net",
    "ip_set_hash_ipport",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_mark",
    "xt_MASQUERADE",
    "xt_multiport",
    "xt_nat",
    "xt_set",
    "xt_statistic",
    "xt_tcpudp",
    "nf_defrag_ipv4",
    "nf_defrag_ipv6",
    "sctp",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
];

/// A module to be loaded.
pub(super) struct Module {
    /// As the kernel names it.
    pub(super) name: String,
    /// Uncompressed.
    pub(super) content: Vec<u8>,
}

/// The wanted modules of a folder and what they need, in the order of loading. Those that the folder lacks are built in, or this
/// kernel has none.
pub(super) fn load(folder: &Path) -> Result<Vec<Module>> {
    let mut files = BTreeMap::new();
    index(folder, &mut files)?;
    let mut contents = BTreeMap::new();
    let order = order(&WANTED, |name| {
        let Some(file) = files.get(name) else { return Ok(None) };
        let content = read(file)?;
        let needs = needs(&content);
        contents.insert(name.to_owned(), content);
        Ok(Some(needs))
    })?;
    Ok(order
        .into_iter()
        .filter_map(|name| contents.remove(&name).map(|content| Module { name, content }))
        .collect())
}

/// All modules below a folder by their names; a file's name may have `-` where the module's has `_`.
fn index(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        // Not into `build` and `source`, which are links to whole trees.
        if entry.file_type()?.is_dir() {
            index(&entry.path(), files)?;
        } else if let Some(name) = entry.file_name().to_str().and_then(module_name) {
            files.insert(name, entry.path());
        }
    }
    Ok(())
}

fn module_name(file: &str) -> Option<String> {
    let (name, rest) = file.split_once(".ko")?;
    ["", ".xz", ".zst", ".gz"].contains(&rest).then(|| name.replace('-', "_"))
}

/// A module's content, uncompressed: old kernels, and such as are built to, take no other.
fn read(file: &Path) -> Result<Vec<u8>> {
    let program = match file.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(file).with_context(|| format!("cannot read {}", file.display())),
    };
    let output = Command::new(program).arg("-dc").arg(file).output();
    let output = output.with_context(|| format!("cannot run {program}, to unpack {}", file.display()))?;
    ensure!(output.status.success(), "{program} cannot unpack {}", file.display());
    Ok(output.stdout)
}

/// The modules that a module needs.
fn needs(content: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = content.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = content.get(at + KEY.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The wanted modules and all that they need, each after what it needs. `needs` answers `None` for what is not there.
fn order(wanted: &[&str], mut needs: impl FnMut(&str) -> Result<Option<Vec<String>>>) -> Result<Vec<String>> {
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    // A module, and whether all that it needs is before it by now.
    let mut open: Vec<(String, bool)> = wanted.iter().rev().map(|name| ((*name).to_owned(), false)).collect();
    while let Some((name, ready)) = open.pop() {
        if ready {
            order.push(name);
        } else if seen.insert(name.clone())
            && let Some(needed) = needs(&name)?
        {
            open.push((name, true));
            open.extend(needed.into_iter().rev().map(|name| (name, false)));
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need_and_once() -> Result<()> {
        let needs = |name: &str| {
            Ok(match name {
                "bridge" => Some(vec!["stp".to_owned(), "llc".to_owned()]),
                "stp" => Some(vec!["llc".to_owned()]),
                "br_netfilter" => Some(vec!["bridge".to_owned()]),
                "llc" | "veth" => Some(Vec::new()),
                _ => None,
            })
        };
        let order = order(&["br_netfilter", "bridge", "dummy", "veth"], needs)?;
        assert_eq!(order, ["llc", "stp", "bridge", "br_netfilter", "veth"]);
        Ok(())
    }

    #[test]
    fn names_and_needs_are_read_from_files() {
        assert_eq!(module_name("nf-conntrack.ko.xz").as_deref(), Some("nf_conntrack"));
        assert_eq!(module_name("veth.ko").as_deref(), Some("veth"));
        assert_eq!(module_name("modules.dep"), None);
        assert_eq!(module_name("veth.ko.sig"), None);
        let content = b"\x7fELF\0license=GPL\0depends=stp,nf-conntrack\0name=x\0";
        assert_eq!(needs(content), ["stp", "nf_conntrack"]);
        assert!(needs(b"\0depends=\0").is_empty());
        assert!(needs(b"\x7fELF").is_empty());
    }
}
