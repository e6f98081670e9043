//! Tests that the documentation names, as `path/from/the/root.rs::function` in backticks.

use super::violation::Violation;
use std::{fs, path::Path};

/// Every named test that is not there.
pub(crate) fn check(root: &Path, file: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        for (path, function) in text.split('`').skip(1).step_by(2).filter_map(citation) {
            let there = fs::read_to_string(root.join(path)).is_ok_and(|source| has_test(&source, function));
            if !there {
                let reason = format!("there is no test `{path}::{function}`");
                found.push(Violation::new(file, line, "cited-test", reason));
            }
        }
    }
    found
}

/// The path and the function of a code span that names a test.
fn citation(span: &str) -> Option<(&str, &str)> {
    let (path, function) = span.split_once("::")?;
    let is_name = !function.is_empty() && function.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && path.ends_with(".rs") && path.contains('/')).then_some((path, function))
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
}
