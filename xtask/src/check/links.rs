//! Links between the pages of the documentation.

use super::violation::Violation;
use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

/// Every link of a page to a file or heading that is not there.
pub(crate) fn check(root: &Path, file: &str, text: &str) -> Vec<Violation> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for (line, target) in links(text) {
        if target.contains(':') || target.starts_with("//") {
            continue;
        }
        let mut broken =
            |what: &str| found.push(Violation::new(file, line, "link", format!("`{target}`: {what}")));
        let (path, anchor) =
            target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let page = if path.is_empty() { Some(PathBuf::from(file)) } else { normal(&folder.join(path)) };
        let Some(page) = page else {
            broken("leads out of the repository");
            continue;
        };
        if !root.join(&page).exists() && !path.is_empty() {
            broken("there is no such file");
            continue;
        }
        let Some(anchor) = anchor else { continue };
        if page.extension().is_some_and(|extension| extension == "md") {
            let other = fs::read_to_string(root.join(&page)).ok();
            let own = if path.is_empty() { Some(text) } else { other.as_deref() };
            if !own.is_some_and(|text| anchors(text).iter().any(|own| own == anchor)) {
                broken("there is no such heading");
            }
        }
    }
    found
}

/// Without `.` and `..`; `None` if it leaves the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// The targets of `[text](target)` and `[name]: target`, outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((number, target.split_whitespace().next().unwrap_or_default().to_owned()));
        }
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            let target = target.split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']);
            found.push((number, target.to_owned()));
            rest = after;
        }
    }
    found
}

/// The headings of a page, as GitHub makes anchors of them: the second of a name gets `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings =
        prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| line.trim_matches(['#', ' ']));
    headings
        .map(|heading| {
            let letters =
                heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            let anchor = letters.collect::<String>().to_lowercase().replace(' ', "-");
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count > 1 { format!("{anchor}-{}", *count - 1) } else { anchor }
        })
        .collect()
}

/// The numbered lines outside of fences.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        check(root, "src/page.md", text).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn broken_links_are_found() {
        let text = "# A `b` c!\n[x](nowhere.rs) and [y](main.rs)\n[z](#nothing), [z](#a-b-c)\n[up](../Cargo.toml) [out](../../x)\n\n[ref]: check.md\n";
        assert_eq!(lines(text), [2, 3, 4, 6]);
    }

    #[test]
    fn code_and_addresses_are_no_links() {
        assert!(
            lines("`[x](nowhere)` [w](https://example.org/x)\n```\n[x](nowhere)\n# heading\n```\n")
                .is_empty()
        );
    }

    #[test]
    fn equal_headings_are_numbered() {
        assert!(lines("# One\n# One\n[a](#one) [b](#one-1)").is_empty());
        assert_eq!(lines("# One\n[b](#one-1)"), [2]);
    }
}
