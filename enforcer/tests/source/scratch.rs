//! A manifest folder to write into and to read again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use enforcer::{
    model::{ClusterEvent, Policy},
    source::manifest::{Counts, Folder},
    store::Cluster,
};
use tempfile::TempDir;

/// A folder and all that was read of it.
pub(crate) struct Scratch {
    dir: TempDir,
    folder: Folder,
    pub(crate) cluster: Cluster,
    pub(crate) counts: Counts,
}

impl Scratch {
    /// With these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let scratch = Self { dir, folder, cluster: Cluster::default(), counts: Counts::default() };
        for (name, text) in files {
            scratch.write(name, text);
        }
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join(name)).unwrap();
    }

    /// Reads, folds the events in and gives them with the problems, whose paths begin at the folder.
    pub(crate) fn read(&mut self) -> (Vec<ClusterEvent>, Vec<String>) {
        let reading = self.folder.read();
        for event in reading.events.clone() {
            self.cluster.apply(event);
        }
        self.counts = reading.counts;
        let prefix = format!("{}/", self.dir.path().display());
        let problems =
            reading.problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect();
        (reading.events, problems)
    }

    /// Only the problems.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        self.read().1
    }

    pub(crate) fn pods(&self) -> Vec<String> {
        self.cluster.pods.keys().map(ToString::to_string).collect()
    }

    pub(crate) fn policies(&self) -> Vec<String> {
        self.cluster.policies.keys().map(ToString::to_string).collect()
    }

    /// The only policy.
    pub(crate) fn policy(&self) -> &Policy {
        assert_eq!(self.cluster.policies.len(), 1, "{:?}", self.policies());
        self.cluster.policies.values().next().unwrap()
    }
}

/// A pod's manifest.
pub(crate) fn pod(name: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n")
}

/// A policy's manifest; `spec` in flow style.
pub(crate) fn policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}
