//! A pod of a lab.

use std::{collections::BTreeSet, net::IpAddr};

use anyhow::Result;
use enforcer::model::{ObjectName, Protocol};

use super::{LabId, Netns, address};

/// What a lab is asked for.
#[derive(Debug, Clone, Default)]
pub struct PodSpec {
    /// Namespace and name.
    pub name: ObjectName,
    /// Where servers listen.
    pub ports: BTreeSet<(Protocol, u16)>,
    /// Its addresses; when empty the lab gives it one of each family.
    pub addresses: BTreeSet<IpAddr>,
}

/// A pod that runs.
#[derive(Debug, Clone)]
pub struct Pod {
    name: ObjectName,
    netns: Netns,
    interface: String,
    addresses: BTreeSet<IpAddr>,
    ports: BTreeSet<(Protocol, u16)>,
}

impl Pod {
    pub(super) fn new(lab: &LabId, index: usize, spec: &PodSpec) -> Result<Self> {
        let addresses =
            if spec.addresses.is_empty() { address::of_pod(index)? } else { spec.addresses.clone() };
        // The dot keeps a pod's namespace apart from the node's. File names have 255 bytes at most.
        let mut label = format!("{}.{}", spec.name.namespace, spec.name.name);
        if label.len() > 200 {
            label = format!("pod.{index}");
        }
        // An interface's name has 15 bytes; the index makes what is left of the pod's name unique.
        let mut interface = format!("v{index}-{}", spec.name.name);
        interface.truncate(15);
        Ok(Self {
            name: spec.name.clone(),
            netns: Netns::new(format!("{}{label}", lab.prefix())),
            interface,
            addresses,
            ports: spec.ports.clone(),
        })
    }

    /// Namespace and name.
    #[must_use]
    pub fn name(&self) -> &ObjectName {
        &self.name
    }

    /// Its network namespace.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The host side of its veth, in the node's namespace. The pod's side is `eth0`.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Its addresses.
    #[must_use]
    pub fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    /// Where its servers listen.
    #[must_use]
    pub fn ports(&self) -> &BTreeSet<(Protocol, u16)> {
        &self.ports
    }

    /// What its server on this port says first, so that a client knows whom it reached.
    #[must_use]
    pub fn banner(&self, port: u16) -> String {
        format!("{}:{port}", self.name)
    }
}
