//! The folders of a node.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use enforcer::cni::{
    install::{InstallError, Installed, Places},
    settings::Settings,
};
use tempfile::TempDir;

pub(crate) const PTP: &str = "{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"k8s\",\n  \"x\": 1.50,\n  \"plugins\": [\n    {\"type\": \"ptp\"}\n  ]\n}\n";
pub(crate) const SINGLE: &str = "{\"cniVersion\": \"0.3.1\", \"name\": \"k8s\", \"type\": \"bridge\"}\n";

/// A node with a plugin to install.
pub(crate) struct Node {
    dir: TempDir,
    pub(crate) places: Places,
    pub(crate) settings: Settings,
}

impl Node {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            configurations: dir.path().join("etc/cni/net.d"),
            programs: dir.path().join("opt/cni/bin"),
        };
        fs::create_dir_all(&places.configurations).unwrap();
        let node = Self { dir, places, settings: Settings::default() };
        for (name, text) in files {
            node.write(name, text);
        }
        fs::write(node.plugin(), "the plugin").unwrap();
        node
    }

    /// The plugin's file before it is installed.
    pub(crate) fn plugin(&self) -> PathBuf {
        self.dir.path().join("enforcer-cni")
    }

    pub(crate) fn install(&self) -> Result<Installed, InstallError> {
        self.places.install(&self.plugin(), &self.settings)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.places.configurations.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// All files of the folder of configurations, hidden ones too: name, permissions, text.
    pub(crate) fn files(&self) -> Vec<(String, u32, String)> {
        let mut files: Vec<_> = fs::read_dir(&self.places.configurations)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::metadata(&path).unwrap().mode() & 0o777, fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    /// The types of the plugins in the list that a runtime takes: the first one by name.
    pub(crate) fn chain(&self) -> Vec<String> {
        let files = self.files();
        let is_read = |name: &str| [".conf", ".conflist", ".json"].iter().any(|end| name.ends_with(end));
        let (_, _, text) = files.iter().find(|(name, ..)| is_read(name)).expect("a configuration");
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let type_of = |plugin: &serde_json::Value| plugin["type"].as_str().unwrap().to_owned();
        match value["plugins"].as_array() {
            Some(plugins) => plugins.iter().map(type_of).collect(),
            None => vec![type_of(&value)],
        }
    }
}
