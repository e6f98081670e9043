//! A difference, for people and for a replay.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use proptest::sample::Index;

use super::{Job, Level};
use crate::{
    generate::{Case, Edit, History, Story},
    text,
};

/// What differs, shrunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The job in which it was found.
    pub job: Job,
    /// The verdicts.
    pub what: String,
    /// The smallest case found, written out.
    pub case: String,
}

/// Cases as text.
pub(super) trait Written: fmt::Debug {
    /// As a case file where it can be one.
    fn written(&self) -> String {
        format!("{self:#?}")
    }
}

impl Written for Case {
    fn written(&self) -> String {
        text::write_case(self)
    }
}

impl Written for History {}
impl Written for Story {}
impl Written for (Case, Vec<Edit>) {}
impl Written for (Case, Vec<Edit>, Vec<Edit>, Index) {}

impl Difference {
    /// Saves it; returns the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let Job { seed, level, number } = self.job;
        let file = folder.join(format!("{level}-{seed}-{number}.case"));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&file, self.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { seed, level, number } = self.job;
        writeln!(f, "# replay: {level} seed {seed} job {number}")?;
        writeln!(f, "# {}:", self.job.kind())?;
        for line in self.what.lines() {
            writeln!(f, "# {line}")?;
        }
        writeln!(f, "\n{}", self.case)
    }
}

/// The job that a saved difference is of.
///
/// # Errors
/// When the file is none.
pub(super) fn saved_job(file: &Path) -> anyhow::Result<Job> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("# replay: "));
    let words: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let [level, "seed", seed, "job", number] = words.as_slice() else {
        bail!("{} does not begin with `# replay: LEVEL seed S job N`", file.display());
    };
    let level = [Level::Host, Level::Kernel].into_iter().find(|it| it.name() == *level);
    Ok(Job {
        seed: seed.parse().context("the seed")?,
        level: level.context("the level is `host` or `kernel`")?,
        number: number.parse().context("the job")?,
    })
}
