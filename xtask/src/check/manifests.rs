//! Crates' dependencies.

use super::violation::Violation;

/// Crates that one of ours alone may depend on.
const OWNERS: [(&str, &[&str]); 2] = [
    ("enforcer", &["aya", "aya-build", "aya-log", "aya-obj", "k8s-openapi", "kube"]),
    ("enforcer-ebpf", &["aya-ebpf", "aya-log-ebpf"]),
];

/// Crates that another one's tests may use all the same: `xtask`'s hold the chart to Kubernetes' types.
const TESTED_WITH: [(&str, &str); 1] = [("xtask", "k8s-openapi")];

/// A crate's `Cargo.toml`; the workspace's own, which only fixes versions, has no rules.
pub(crate) fn check(file: &str, text: &str) -> Vec<Violation> {
    let Some(own) = file.strip_suffix("/Cargo.toml") else { return Vec::new() };
    let mut found = Vec::new();
    for Dependency { line, name: dependency, is_for_tests } in dependencies(text) {
        if own == "enforcer-common" {
            let reason =
                format!("`{dependency}`: it is compiled for the kernel and the host, and audited as a whole");
            found.push(Violation::new(file, line, "no-dependencies", reason));
        }
        if own == "xtask" && dependency.starts_with("enforcer") {
            let reason = format!("`{dependency}`: its build needs the set-up that `xtask` does");
            found.push(Violation::new(file, line, "xtask-alone", reason));
        }
        for (owner, crates) in OWNERS {
            let may_test = is_for_tests && TESTED_WITH.contains(&(own, dependency.as_str()));
            if own != owner && !may_test && crates.contains(&dependency.as_str()) {
                let reason = format!("`{dependency}`: only `{owner}` depends on it");
                found.push(Violation::new(file, line, "dependency-owner", reason));
            }
        }
    }
    found
}

/// A crate in a table of dependencies.
struct Dependency {
    line: usize,
    /// In the registry.
    name: String,
    /// From `dev-dependencies`?
    is_for_tests: bool,
}

/// The crates that are named in any table of dependencies.
fn dependencies(text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let (mut in_table, mut is_for_tests) = (false, false);
    for (line_number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_matches(['[', ']']);
            in_table = table.ends_with("dependencies");
            is_for_tests = table.ends_with("dev-dependencies");
            // `[dependencies.name]`
            if let Some((kind, name)) = table.rsplit_once('.')
                && kind.ends_with("dependencies")
            {
                let is_for_tests = kind.ends_with("dev-dependencies");
                found.push(Dependency {
                    line: line_number,
                    name: name.trim_matches('"').to_owned(),
                    is_for_tests,
                });
            }
        } else if in_table && let Some((name, value)) = line.split_once('=') {
            let name = name.trim().trim_matches('"').split('.').next().unwrap_or_default().to_owned();
            found.push(Dependency { line: line_number, name: renamed(value).unwrap_or(name), is_for_tests });
        }
    }
    found
}

/// `{ package = "name", … }`
fn renamed(value: &str) -> Option<String> {
    let (_, after) = value.split_once("package")?;
    let (_, after) = after.split_once('"')?;
    after.split_once('"').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<(usize, &'static str)> {
        check(file, text).into_iter().map(|violation| (violation.line, violation.rule)).collect()
    }

    #[test]
    fn any_dependency_of_the_common_crate_is_found() {
        for table in ["dependencies", "dev-dependencies", "target.'cfg(unix)'.dependencies"] {
            let text = format!("[package]\nname = \"x\"\n\n[{table}]\nzerocopy = \"1\" # small");
            assert_eq!(rules("enforcer-common/Cargo.toml", &text), [(5, "no-dependencies")], "{table}");
        }
        assert_eq!(
            rules("enforcer-common/Cargo.toml", "[dependencies.x]\nversion = \"1\""),
            [(1, "no-dependencies")]
        );
        assert!(rules("enforcer-common/Cargo.toml", "[lints]\nworkspace = true").is_empty());
    }

    #[test]
    fn dependencies_of_others_are_found() {
        for line in ["aya.workspace = true", "kube = \"1\"", "k = { package = \"kube\", version = \"1\" }"] {
            let text = format!("[dependencies]\n{line}");
            assert_eq!(rules("tests/Cargo.toml", &text), [(2, "dependency-owner")], "{line}");
            assert!(rules("enforcer/Cargo.toml", &text).is_empty(), "{line}");
        }
        assert_eq!(
            rules("enforcer/Cargo.toml", "[dependencies]\naya-ebpf = \"1\""),
            [(2, "dependency-owner")]
        );
        assert!(rules("Cargo.toml", "[workspace.dependencies]\nkube = \"1\"").is_empty());
    }

    #[test]
    fn tests_may_use_what_they_are_granted_and_no_more() {
        let rules_of =
            |table: &str, name: &str| rules("xtask/Cargo.toml", &format!("[{table}]\n{name} = \"1\""));
        assert!(rules_of("dev-dependencies", "k8s-openapi").is_empty());
        assert_eq!(rules_of("dependencies", "k8s-openapi"), [(2, "dependency-owner")]);
        assert_eq!(rules_of("dev-dependencies", "kube"), [(2, "dependency-owner")]);
        assert_eq!(rules("tests/Cargo.toml", "[dev-dependencies]\nk8s-openapi = \"1\"").len(), 1);
    }

    #[test]
    fn xtask_on_the_agent_is_found() {
        assert_eq!(
            rules("xtask/Cargo.toml", "[dependencies]\nenforcer.workspace = true"),
            [(2, "xtask-alone")]
        );
    }
}
