//! A scene whose enforcer leaves its programs in place when it ends.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use enforcer::agent::memory_of;

use super::{Scene, filters, ingress, links_of};
use crate::agent::Agent;

/// Both ways to attach.
pub const HOOKS: [&str; 2] = ["tcx", "clsact"];
/// Who may talk, who may not, and to whom.
pub const PODS: [&str; 3] = ["client", "other", "server"];

/// A scene with pins, in which only the client may talk to the server.
pub fn pinned(attach: &str) -> Result<Scene> {
    let mut scene = Scene::new(&PODS)?;
    scene.settings.attach = Some(attach.to_owned());
    scene.settings.pins = Some(scene.lab.pins());
    scene.write("policies.yaml", &ingress("server", &["client"]))?;
    Ok(scene)
}

/// What is in a folder.
pub fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Two programs at each of three pods, held by the hook that is asked for and by no other.
pub fn check_hooks(scene: &Scene, agent: &Agent, attach: &str) -> Result<()> {
    let found =
        (links_of(agent.pid())?.len(), filters(scene)?, names(&scene.lab.pins().join("links"))?.len());
    let wanted = if attach == "tcx" { (6, 0, 6) } else { (0, 6, 0) };
    ensure!(found == wanted, "{attach}: TCX links, clsact filters and pins are {found:?}");
    Ok(())
}

/// The file beside the pins.
pub fn memory(scene: &Scene) -> Result<PathBuf> {
    memory_of(&scene.lab.pins()).context("there are no pins")
}

/// Writes of the change that is in force.
pub fn writes(agent: &Agent) -> u64 {
    agent.said().last_applied().map_or(0, |applied| applied.operations)
}
