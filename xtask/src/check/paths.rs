//! Who may use what.

use super::{
    source::{NamePath, Source},
    violation::Violation,
};

/// Some paths are kept out of some files.
struct Rule {
    name: &'static str,
    reason: &'static str,
    /// Where it holds: `folder/`, a file, or a file's beginning with `*` at the end.
    within: &'static [&'static str],
    /// Where it does not hold all the same.
    but_not: &'static [&'static str],
    /// Paths of crates: these and all below.
    crates: &'static [&'static str],
    /// Names at any place in a path.
    names: &'static [&'static str],
    /// Paths that are harmless.
    allowed: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &["*"];

const RULES: [Rule; 6] = [
    Rule {
        name: "kube-in-source",
        reason: "only `source` knows the API server: what other stages see is `model`",
        within: EVERYWHERE,
        // The chart's tests, which read no cluster either.
        but_not: &["enforcer/src/source/", "enforcer/src/source.rs", "xtask/src/chart/objects.rs"],
        crates: &["kube", "kube_core", "kube_client", "kube_runtime", "k8s_openapi"],
        names: &[],
        allowed: &[],
    },
    Rule {
        name: "aya-in-dataplane",
        reason: "only `dataplane` knows the kernel's interface: aya's API moves between releases",
        within: EVERYWHERE,
        but_not: &[
            "enforcer/src/dataplane/",
            "enforcer/src/dataplane.rs",
            "enforcer/build.rs",
            "enforcer/build/",
        ],
        crates: &["aya", "aya_log", "aya_obj", "aya_build"],
        names: &[],
        allowed: &[],
    },
    Rule {
        name: "aya-ebpf-in-programs",
        reason: "only the programs run in the kernel: what they share with the host is `enforcer-common`",
        within: EVERYWHERE,
        but_not: &["enforcer-ebpf/"],
        crates: &["aya_ebpf", "aya_log_ebpf"],
        names: &[],
        allowed: &[],
    },
    Rule {
        name: "pure",
        reason: "same input, same bytes: no clock, randomness, environment, I/O, tokio or unordered iteration here",
        within: &[
            "enforcer/src/model/",
            "enforcer/src/model.rs",
            "enforcer/src/store/",
            "enforcer/src/store.rs",
            "enforcer/src/compile/",
            "enforcer/src/compile.rs",
            "enforcer/src/plan/",
            "enforcer/src/plan.rs",
            "enforcer-common/src/",
        ],
        but_not: &[],
        crates: &[
            "std::time",
            "std::env",
            "std::fs",
            "std::thread",
            "std::process",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
            "std::net::*",
            "tokio",
            "rand",
            "getrandom",
        ],
        names: &["HashMap", "HashSet", "hash_map", "hash_set", "RandomState", "SystemTime", "Instant"],
        // A length of time is no clock.
        allowed: &["std::time::Duration"],
    },
    Rule {
        name: "independent-oracle",
        reason: "the oracle judges what these do, so it must not share their code",
        within: &["tests/src/oracle*"],
        but_not: &[],
        crates: &["enforcer::compile", "enforcer::plan", "enforcer::*", "enforcer_common"],
        names: &[],
        allowed: &[],
    },
    Rule {
        name: "no-sleep",
        reason: "a test polls with a deadline (`tests/src/poll.rs`); it never sleeps and hopes",
        within: &["tests/"],
        but_not: &["tests/src/poll.rs"],
        crates: &[],
        names: &[
            "thread::sleep",
            "time::sleep",
            "thread::sleep_ms",
            "nanosleep",
            "clock_nanosleep",
            "usleep",
        ],
        allowed: &[],
    },
];

/// Every use of a path where it may not be used.
pub(crate) fn check(source: &Source) -> Vec<Violation> {
    let rules =
        RULES.iter().filter(|rule| is_in(&source.file, rule.within) && !is_in(&source.file, rule.but_not));
    rules.flat_map(|rule| source.paths.iter().filter_map(|path| rule.judge(source, path))).collect()
}

impl Rule {
    fn judge(&self, source: &Source, path: &NamePath) -> Option<Violation> {
        if self.allowed.iter().any(|allowed| path.starts_with(allowed)) {
            return None;
        }
        let hit = self.crates.iter().any(|pattern| path.starts_with(pattern))
            || self.names.iter().any(|pattern| path.contains(pattern));
        let spelt = path.segments.join("::");
        hit.then(|| Violation::new(&source.file, path.line, self.name, format!("`{spelt}`: {}", self.reason)))
    }
}

/// Is a file at one of these places?
pub(crate) fn is_in(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| match place.strip_suffix('*') {
        Some(beginning) => file.starts_with(beginning),
        None => file == *place || (place.ends_with('/') && file.starts_with(place)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<&'static str> {
        check(&Source::parse(file, text)).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn kube_is_found_outside_source() {
        for text in [
            "use kube::Api;",
            "use kube as k;",
            "fn f() { ::kube::Client::try_default() }",
            "use k8s_openapi::api;",
        ] {
            assert_eq!(rules("enforcer/src/agent.rs", text), ["kube-in-source"], "{text}");
            assert!(rules("enforcer/src/source/kube.rs", text).is_empty(), "{text}");
        }
        assert!(
            rules("enforcer/src/agent.rs", "use crate::source::kube; fn f() { kube::run(x.kube) }")
                .is_empty()
        );
    }

    #[test]
    fn aya_is_found_outside_dataplane() {
        for text in [
            "use aya::Ebpf;",
            "use {std::io, aya_log::EbpfLogger};",
            "fn f() { aya::include_bytes_aligned!() }",
        ] {
            assert_eq!(rules("tests/src/lab.rs", text), ["aya-in-dataplane"], "{text}");
            assert!(rules("enforcer/src/dataplane/load.rs", text).is_empty(), "{text}");
        }
        assert_eq!(rules("enforcer-common/src/lib.rs", "use aya_ebpf::helpers;"), ["aya-ebpf-in-programs"]);
        assert!(rules("enforcer-ebpf/src/maps.rs", "use aya_ebpf::helpers;").is_empty());
    }

    #[test]
    fn impurity_is_found_in_pure_modules() {
        for text in [
            "use std::time::Instant;",
            "use std::{env, fmt};",
            "fn f() { std::fs::read(x) }",
            "use std::collections::{BTreeMap, HashMap};",
            "use std::net::{IpAddr, TcpStream};",
            "use tokio::sync;",
            "use rand::Rng;",
        ] {
            for file in
                ["enforcer/src/plan/diff.rs", "enforcer/src/store.rs", "enforcer-common/src/decide.rs"]
            {
                assert_eq!(rules(file, text), ["pure"], "{text}");
            }
            assert!(rules("enforcer/src/agent.rs", text).is_empty(), "{text}");
        }
        let harmless =
            "use std::{collections::BTreeMap, net::IpAddr, time::Duration}; fn f(rand: u8) -> u8 { rand }";
        assert!(rules("enforcer/src/model/pod.rs", harmless).is_empty());
    }

    #[test]
    fn shared_code_is_found_in_the_oracle() {
        for text in [
            "use enforcer::{model::Pod, compile};",
            "use enforcer_common::decide;",
            "fn f() { enforcer::plan::diff() }",
        ] {
            assert_eq!(rules("tests/src/oracle/mod.rs", text), ["independent-oracle"], "{text}");
            assert_eq!(rules("tests/src/oracle.rs", text), ["independent-oracle"], "{text}");
            assert!(rules("tests/src/lab.rs", text).is_empty(), "{text}");
        }
        assert!(rules("tests/src/oracle.rs", "use enforcer::model::Pod;").is_empty());
    }

    #[test]
    fn sleeping_is_found_in_tests() {
        for text in [
            "fn f() { std::thread::sleep(d) }",
            "fn f() { thread::sleep(d) }",
            "use tokio::time::{sleep, timeout};",
        ] {
            assert_eq!(rules("tests/tests/netns.rs", text), ["no-sleep"], "{text}");
            assert!(rules("tests/src/poll.rs", text).is_empty(), "{text}");
        }
    }
}
