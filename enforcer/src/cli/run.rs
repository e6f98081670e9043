//! `enforcer run`: enforce a folder of manifests, without a cluster.

use std::path::PathBuf;

use clap::Args;

use super::{
    block_on,
    node::{Node, check_there},
};
use crate::{agent::Standalone, source::endpoints::NAMESPACES_DIR};

/// Enforce the policies of a folder of manifests on local pods, without a cluster.
///
/// Records (what was applied, what was dropped) go to standard output, messages to standard error.
/// The folder and the mapping are read again when they change. SIGINT or SIGTERM ends enforcement,
/// unless --pin-dir is given.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Folder of YAML or JSON manifests: Namespaces, Pods, workloads, NetworkPolicies, Services, EndpointSlices, Nodes.
    #[arg(long, value_name = "DIR")]
    manifests: PathBuf,
    #[command(flatten)]
    node: Node,
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        check_there("--manifests", &self.manifests)?;
        let run = Standalone {
            manifests: self.manifests,
            settings: self.node.settings(Some(NAMESPACES_DIR.into()), None)?,
        };
        Ok(block_on(run.run())??)
    }
}
