//! Ours, as the agent runs it, but for the thread that watches files: its own loop from a cluster to the kernel, in the lab's
//! node.

use anyhow::{Context as _, Result};
use enforcer::{
    agent::Agent,
    dataplane::{Dataplane, Options},
    model::Endpoint,
    store::Cluster,
};
use nix::net::if_::if_nametoindex;

use crate::lab::Lab;

/// The agent and its endpoints.
pub(super) struct Ours {
    agent: Agent,
    endpoints: Vec<Endpoint>,
}

impl Ours {
    /// Loads the programs. They are attached with the first cluster.
    ///
    /// # Errors
    /// When the kernel refuses, or an interface is missing.
    pub(super) fn new(lab: &Lab) -> Result<Self> {
        let endpoint = |pod: &crate::lab::Pod| -> Result<Endpoint> {
            let interface = pod.interface().to_owned();
            let interface_index = if_nametoindex(interface.as_str()).with_context(|| interface.clone())?;
            let (name, addresses) = (pod.name().clone(), pod.addresses().clone());
            Ok(Endpoint { pod: name, interface_index, interface, addresses, ..Endpoint::default() })
        };
        let endpoints: Vec<Endpoint> = lab.node().enter(|| lab.pods().values().map(endpoint).collect())?;
        Ok(Self { agent: Agent::new(Dataplane::load(Options::default())?), endpoints })
    }

    /// Brings a cluster into force. To be called in the node.
    ///
    /// # Errors
    /// When the change does not fit, or the kernel refuses.
    pub(super) fn enforce(&mut self, cluster: &Cluster) -> Result<()> {
        let (applied, failed) = self.agent.reconcile(cluster, &self.endpoints);
        applied?;
        failed.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }
}
