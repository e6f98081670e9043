//! What is installed: the chart, and the manifests that are made from it.

use super::violation::Violation;
use crate::{
    chart,
    manifests::{self, Manifest},
};
use std::{fs, path::Path};

/// A chart that cannot be rendered, manifests that are not what it says, and versions that are not the workspace's.
pub(crate) fn check(root: &Path) -> Vec<Violation> {
    let mut found = Vec::new();
    match manifests::generated(root) {
        Ok(all) => found.extend(all.iter().filter_map(|wanted| {
            difference(wanted, &fs::read_to_string(root.join(wanted.file)).unwrap_or_default())
        })),
        Err(error) => found.push(Violation::new(chart::FOLDER, 1, "chart", format!("{error:#}"))),
    }
    let file = format!("{}/Chart.yaml", chart::FOLDER);
    found.extend(versions(&file, &fs::read_to_string(root.join(&file)).unwrap_or_default()));
    found
}

/// Where manifests are not the wanted ones.
fn difference(Manifest { file, text: wanted }: &Manifest, there: &str) -> Option<Violation> {
    let line = wanted.lines().zip(there.lines()).take_while(|(wanted, there)| wanted == there).count() + 1;
    let reason = "it is not what the chart says: cargo xtask manifests";
    (wanted != there).then(|| Violation::new(file, line, "generated", reason))
}

/// The chart and the agent are released together.
fn versions(file: &str, text: &str) -> Vec<Violation> {
    let own = env!("CARGO_PKG_VERSION");
    let wrong = |key: &&str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        value.is_none_or(|value| value.trim() != own)
    };
    let reason = |key| format!("`{key}` is not the workspace's version, {own}");
    ["version", "appVersion"]
        .into_iter()
        .filter(wrong)
        .map(|key| Violation::new(file, 1, "version", reason(key)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_manifests_are_found_with_their_line() {
        let wanted = Manifest { file: "x", text: "a\nb\nc\n".to_owned() };
        let line = |there| difference(&wanted, there).map(|violation| violation.line);
        assert_eq!(line("a\nb\nc\n"), None);
        assert_eq!(line("a\nx\nc\n"), Some(2));
        assert_eq!(line("a\nb\n"), Some(3));
        assert_eq!(line("a\nb\nc\nd\n"), Some(4));
        assert_eq!(line(""), Some(1));
    }

    #[test]
    fn other_versions_are_found() {
        let own = env!("CARGO_PKG_VERSION");
        assert!(versions("x", &format!("apiVersion: v2\nversion: {own}\nappVersion: {own}\n")).is_empty());
        assert_eq!(versions("x", &format!("version: {own}\nappVersion: 9.9.9\n")).len(), 1);
        assert_eq!(versions("x", "apiVersion: v2\n").len(), 2);
    }
}
