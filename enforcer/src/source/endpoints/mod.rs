//! This node's endpoints: which interface is which pod's, where no CNI plugin tells.

pub mod discovery;
mod file;
mod link;
mod namespaces;

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Effect, Problem, Severity};
use crate::model::Endpoint;

/// Where named network namespaces are mounted, by `ip netns` and by container runtimes.
pub const NAMESPACES_DIR: &str = "/run/netns";

/// How the endpoints are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// Listed in a file.
    File(PathBuf),
    /// Network namespaces of this folder that are called `<namespace>.<pod>`.
    Namespaces(PathBuf),
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointsReading {
    /// In the order of pods.
    pub endpoints: Vec<Endpoint>,
    /// What is wrong with others.
    pub problems: Vec<Problem>,
}

/// Why nothing at all can be said of the endpoints. What was read before should stay in force: to read
/// this as «no endpoints» would take all pods' rules away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct EndpointsError {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, from 1, if it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl EndpointsError {
    fn new(path: &Path, line: Option<u64>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// The same as a problem of the file or folder, with what is enforced nevertheless.
    #[must_use]
    pub fn into_problem(self, effect: Effect) -> Problem {
        let Self { path: file, line, message } = self;
        Problem { file, line, object: None, field: None, message, severity: Severity::Error, effect }
    }
}

impl Endpoints {
    /// The file or folder, to watch it.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Namespaces(path) => path,
        }
    }

    /// The file that stands for an endpoint's network namespace, where it is known.
    #[must_use]
    pub fn namespace_of(&self, endpoint: &Endpoint) -> Option<PathBuf> {
        match self {
            Self::File(_) => None,
            Self::Namespaces(dir) => {
                Some(dir.join(format!("{}.{}", endpoint.pod.namespace, endpoint.pod.name)))
            }
        }
    }

    /// Finds the endpoints. Entering network namespaces needs `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// When the file or folder as a whole cannot be read.
    pub fn read(&self) -> Result<EndpointsReading, EndpointsError> {
        match self {
            Self::File(path) => file::read(path),
            Self::Namespaces(dir) => namespaces::read(dir),
        }
    }
}
