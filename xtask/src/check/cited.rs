//! Tests that the documentation names, in backticks: `path/from/the/root.rs::function`, or a case of a table by its name,
//! `path/from/the/root.rs::"name of the case"`.

use super::violation::Violation;
use std::{fs, path::Path};

/// Every named test that is not there.
pub(crate) fn check(root: &Path, file: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        for (path, name) in text.split('`').skip(1).step_by(2).filter_map(citation) {
            let has = if name.starts_with('"') { has_case } else { has_test };
            let there = fs::read_to_string(root.join(path)).is_ok_and(|source| has(&source, name));
            if !there {
                let reason = format!("there is no test `{path}::{name}`");
                found.push(Violation::new(file, line, "cited-test", reason));
            }
        }
    }
    found
}

/// The path and the function, or the quoted name of a case, of a code span that names a test.
fn citation(span: &str) -> Option<(&str, &str)> {
    let (path, name) = span.split_once("::")?;
    let is_function = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_case = name.len() > 2 && name.starts_with('"') && name.ends_with('"');
    ((is_function || is_case) && path.ends_with(".rs") && path.contains('/')).then_some((path, name))
}

/// Whether a source has a case of this quoted name: the last argument of `Case::new`, on a line with its first one.
fn has_case(source: &str, name: &str) -> bool {
    source.lines().any(|line| line.contains("Case::new(") && line.contains(&format!(", {name})")))
}

/// Whether a source has a function of this name with `#[test]` among the attributes above it.
fn has_test(source: &str, function: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let head = format!("fn {function}(");
    lines.iter().enumerate().filter(|(_, line)| line.starts_with(&head)).any(|(at, _)| {
        let above = lines.iter().take(at).rev().take_while(|line| line.starts_with("#["));
        above.into_iter().any(|line| *line == "#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_are_not_there_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "`src/check/cited.rs::tests_that_are_not_there_are_found`, `has_test`\n\
                    | `src/check/cited.rs::has_test` |\n\
                    `src/check/cited.rs::nothing` and `src/nowhere.rs::nothing`\n\
                    `Names::default` src/check/cited.rs::nothing\n";
        let lines: Vec<usize> = check(root, "page.md", text).iter().map(|found| found.line).collect();
        assert_eq!(lines, [2, 3, 3]);
    }

    #[test]
    fn cases_that_are_not_there_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let text = "`tests/src/reason/link.rs::\"ARP\"`\n\
                    `tests/src/reason/link.rs::\"AR\"`\n\
                    `tests/src/reason/link.rs::\"RP\"` and `tests/src/reason/nowhere.rs::\"ARP\"`\n";
        let lines: Vec<usize> = check(root, "page.md", text).iter().map(|found| found.line).collect();
        assert_eq!(lines, [2, 3, 3]);
    }
}
