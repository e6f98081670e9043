//! The order of objects: `helm template` prints, and Helm installs, what others need first.

/// Helm's `InstallOrder` (<https://helm.sh/docs/intro/using_helm/>), those kinds of it that the chart has. Others come last.
const KINDS: [&str; 4] = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "DaemonSet"];

/// The documents of a rendered file with something in them, without the lines between them.
pub(super) fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        match documents.last_mut() {
            Some(last) if line.trim_end() != "---" => {
                last.push_str(line);
                last.push('\n');
            }
            _ => documents.push(String::new()),
        }
    }
    let has_content =
        |document: &String| document.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    documents.into_iter().filter(has_content).map(|document| format!("{}\n", document.trim())).collect()
}

/// Where a document of a kind comes among the others.
pub(super) fn rank(document: &str) -> usize {
    let kind = document.lines().find_map(|line| line.strip_prefix("kind:")).unwrap_or_default().trim();
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart_and_empty_ones_are_left_out() {
        let text = "\n---\n# a\nkind: A\nx:\n  y: '---'\n\n---\n# only a comment\n---\nkind: B\n";
        assert_eq!(documents(text), ["# a\nkind: A\nx:\n  y: '---'\n", "kind: B\n"]);
        assert!(documents("\n\n").is_empty());
    }

    #[test]
    fn accounts_come_before_those_who_use_them() {
        let mut kinds = ["kind: X", "kind: DaemonSet", "kind: ClusterRole", "kind: ServiceAccount"];
        kinds.sort_by_key(|document| rank(document));
        assert_eq!(kinds, ["kind: ServiceAccount", "kind: ClusterRole", "kind: DaemonSet", "kind: X"]);
    }
}
