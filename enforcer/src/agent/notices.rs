//! What is said of the input: each problem once, and its end.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use crate::source::{Problem, Severity};

/// What one look at the input found wrong.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// All problems now.
    pub(super) problems: Vec<Problem>,
    /// Files and folders of the input that could not be read as a whole: a problem says why, and of the problems
    /// that were in them nothing is known.
    pub(super) unread: BTreeSet<PathBuf>,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Notices {
    last: Look,
}

/// Something to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It was not there at the last look.
    New(Problem),
    /// It is not there any more.
    Gone(Problem),
    /// What could not be read as a whole is read again.
    Back(PathBuf),
}

impl Notices {
    /// All problems at the last look.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.last.problems
    }

    /// Takes a look in and gives what to say of it.
    pub(super) fn take(&mut self, mut look: Look) -> Vec<Notice> {
        let is_in = |problem: &Problem, unread: &Path| problem.file.starts_with(unread);
        let old = std::mem::take(&mut self.last);
        // Thousands of objects may have something wrong.
        let known: BTreeSet<&Problem> = old.problems.iter().collect();
        let mut notices: Vec<Notice> = look
            .problems
            .iter()
            .filter(|problem| !known.contains(problem))
            .cloned()
            .map(Notice::New)
            .collect();
        let still: BTreeSet<Problem> = look.problems.iter().cloned().collect();
        notices.extend(old.unread.difference(&look.unread).cloned().map(Notice::Back));
        for problem in old.problems {
            if still.contains(&problem) {
                continue;
            }
            // Why it could not be read; that it is back, or why it is not, was said above.
            if problem.object.is_none() && old.unread.contains(&problem.file) {
                continue;
            }
            if look.unread.iter().any(|unread| is_in(&problem, unread)) {
                look.problems.push(problem);
            } else {
                notices.push(Notice::Gone(problem));
            }
        }
        self.last = look;
        notices
    }
}

impl Notice {
    /// Writes it to the log.
    pub(super) fn log(&self) {
        match self {
            Self::New(Problem { severity: Severity::Error, .. }) => tracing::error!("{self}"),
            Self::New(Problem { severity: Severity::Warning, .. }) => tracing::warn!("{self}"),
            Self::Gone(_) | Self::Back(_) => tracing::info!("{self}"),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(problem) => problem.fmt(f),
            Self::Gone(problem) => write!(f, "no longer: {}", problem.what()),
            Self::Back(path) => write!(f, "{}: can be read again", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Effect;

    fn problem(file: &str, object: Option<&str>, message: &str) -> Problem {
        Problem {
            file: file.into(),
            line: None,
            object: object.map(str::to_owned),
            field: None,
            message: message.to_owned(),
            severity: Severity::Error,
            effect: Effect::LastGood,
        }
    }

    fn said(notices: &mut Notices, problems: &[&Problem], unread: &[&str]) -> Vec<String> {
        let problems = problems.iter().map(|problem| (*problem).clone()).collect();
        let look = Look { problems, unread: unread.iter().map(PathBuf::from).collect() };
        notices.take(look).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_problem_is_said_once_and_its_end_names_it() {
        let mut notices = Notices::default();
        let one = problem("/m/1.yaml", Some("Pod a/b"), "is wrong");
        assert_eq!(
            said(&mut notices, &[&one], &[]),
            ["/m/1.yaml: Pod a/b: is wrong; its last good version stays in force"]
        );
        assert!(said(&mut notices, &[&one], &[]).is_empty());
        assert_eq!(said(&mut notices, &[], &[]), ["no longer: /m/1.yaml: Pod a/b: is wrong"]);
    }

    #[test]
    fn a_folder_that_is_away_ends_no_problem_and_its_return_is_said() {
        let mut notices = Notices::default();
        let [one, two] = ["/m/1.yaml", "/m/2.yaml"].map(|file| problem(file, Some("Pod a/b"), "is wrong"));
        let elsewhere = problem("/e.yaml", Some("Pod a/b"), "is wrong too");
        said(&mut notices, &[&one, &two, &elsewhere], &[]);
        let away = problem("/m", None, "cannot read the manifest folder: No such file");
        assert_eq!(
            said(&mut notices, &[&away], &["/m"]),
            [
                "/m: cannot read the manifest folder: No such file; its last good version stays in force",
                "no longer: /e.yaml: Pod a/b: is wrong too"
            ]
        );
        assert!(said(&mut notices, &[&away], &["/m"]).is_empty());
        // Why it cannot be read changes.
        let denied = problem("/m", None, "cannot read the manifest folder: Permission denied");
        assert_eq!(said(&mut notices, &[&denied], &["/m"]).len(), 1);
        // One problem is still there, one is not.
        assert_eq!(
            said(&mut notices, &[&two], &[]),
            ["/m: can be read again", "no longer: /m/1.yaml: Pod a/b: is wrong"]
        );
        assert_eq!(said(&mut notices, &[], &[]).len(), 1);
    }
}
