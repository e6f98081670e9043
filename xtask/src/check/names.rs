//! Files' names and sizes.

use super::violation::Violation;
use crate::test::Level;

/// Words that name no thing: what is in such a file has a better name.
const VAGUE: [&str; 5] = ["util", "utils", "helper", "helpers", "manager"];

/// Over this, a file probably has two jobs.
const LONG: usize = 400;

/// A file's name.
pub(crate) fn check(file: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some(path) = file.strip_suffix(".rs") else { return found };
    if let Some(vague) = path.split('/').find(|part| VAGUE.contains(part)) {
        found.push(Violation::new(
            file,
            1,
            "name",
            format!("`{vague}` says nothing: name it after what is in it"),
        ));
    }
    if let Some(program) = path.strip_prefix("tests/tests/")
        && !program.contains('/')
        && Level::of(program).is_none()
    {
        let reason = "`cargo xtask test` would never run it: name it host*, kernel*, netns* or demo*";
        found.push(Violation::new(file, 1, "test-level", reason));
    }
    found
}

/// A file's length.
pub(crate) fn size(file: &str, text: &str) -> Option<Violation> {
    let lines = text.lines().count();
    let reason = || format!("{lines} lines, over {LONG}: two jobs in one file?");
    (lines > LONG).then(|| Violation::new(file, lines, "size", reason()).warning())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::violation::Severity;

    #[test]
    fn vague_names_are_found() {
        for file in ["enforcer/src/utils.rs", "enforcer/src/helpers/x.rs", "tests/src/manager.rs"] {
            assert_eq!(check(file).len(), 1, "{file}");
        }
        assert!(check("enforcer/src/plan/diff.rs").is_empty());
        assert!(check("enforcer-common/src/lib.rs").is_empty());
    }

    #[test]
    fn test_programs_without_a_level_are_found() {
        assert_eq!(check("tests/tests/smoke.rs").len(), 1);
        assert!(check("tests/tests/host_oracle.rs").is_empty());
        assert!(check("tests/tests/lab/bridge.rs").is_empty());
    }

    #[test]
    fn long_files_are_a_warning() {
        let found = size("x.rs", &"\n".repeat(LONG + 1)).map(|violation| violation.severity);
        assert_eq!(found, Some(Severity::Warning));
        assert_eq!(size("x.rs", &"\n".repeat(LONG)), None);
    }
}
