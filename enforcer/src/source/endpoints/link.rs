//! The two ends of a pod's veth pair.

use std::{collections::BTreeSet, fs::File, io, net::IpAddr, path::Path};

use thiserror::Error;

use super::netlink::{Link, list_addresses, list_links, number_namespace};
use crate::netns::{NetnsError, within};

/// The interface that CNI plugins make in a pod, by convention.
const POD_INTERFACE: &str = "eth0";

/// Why a network namespace gives no endpoint.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Netns(#[from] NetnsError),
    #[error("cannot ask the kernel for its interfaces: {0}")]
    Ask(#[from] io::Error),
    #[error("has no veth interface")]
    NoVeth,
    #[error("has {0} veth interfaces, and none is called eth0")]
    ManyVeths(usize),
    #[error("the other end of {0} is not in the agent's network namespace")]
    Elsewhere(String),
}

/// A pod's interface, seen from inside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PodLink {
    /// Index of the other end, in the agent's network namespace.
    pub(super) host_index: u32,
    /// Of the pod's end.
    pub(super) addresses: BTreeSet<IpAddr>,
}

/// Enters a network namespace and looks.
pub(super) fn inspect(namespace: &Path) -> Result<PodLink, LinkError> {
    let own = File::open("/proc/thread-self/ns/net").map_err(NetnsError::Open)?;
    let target = File::open(namespace).map_err(NetnsError::Open)?;
    within(target, move || look_around(&own))?
}

fn look_around(agent: &File) -> Result<PodLink, LinkError> {
    let veth = choose(list_links()?)?;
    // An index alone says nothing: every namespace counts its own.
    let is_agents = veth.peer_namespace.is_some() && number_namespace(agent)? == veth.peer_namespace;
    match veth.peer_index {
        Some(host_index) if is_agents => {
            Ok(PodLink { host_index, addresses: list_addresses(veth.index)?.into_iter().collect() })
        }
        Some(_) | None => Err(LinkError::Elsewhere(veth.name)),
    }
}

fn choose(links: Vec<Link>) -> Result<Link, LinkError> {
    let mut veths: Vec<Link> = links.into_iter().filter(|link| link.is_veth).collect();
    if let Some(position) = veths.iter().position(|link| link.name == POD_INTERFACE) {
        return Ok(veths.swap_remove(position));
    }
    match (veths.pop(), veths.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), others) => Err(LinkError::ManyVeths(others + 1)),
        (None, _) => Err(LinkError::NoVeth),
    }
}
