//! A pod's interfaces as the pod's network namespace shows them, and where their other ends are.

use std::{collections::BTreeSet, fs::File, io, net::IpAddr, os::unix::fs::MetadataExt as _, path::Path};

use thiserror::Error;

use crate::{
    netns::{NetnsError, within},
    rtnetlink::{Link, list_addresses, list_links, number_namespace},
};

/// An interface that is not the loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) is_veth: bool,
    /// Without those that only work on the link.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// Kernel index of the other end, in our network namespace.
    pub(crate) host: Result<u32, NoHostSide>,
}

/// Why an interface has no other end at which we could judge its packets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum NoHostSide {
    /// A pair whose other end is in some other network namespace.
    #[error("the other end of {0} is not in the agent's network namespace")]
    Elsewhere(String),
    /// Not a veth.
    #[error("its interface {name} is of the kind {kind}, whose packets cross no veth on the host")]
    Kind {
        /// The interface's name.
        name: String,
        /// As the kernel says it: `ipvlan`, `macvlan`, `netkit`.
        kind: String,
    },
    /// A device: a virtual function (SR-IOV) or a whole one.
    #[error(
        "its interface {0} is hardware (SR-IOV or a device of the host), whose packets do not cross the host"
    )]
    Hardware(String),
}

/// Why a network namespace cannot be looked into.
#[derive(Debug, Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Netns(#[from] NetnsError),
    #[error("cannot ask the kernel for its interfaces: {0}")]
    Ask(#[from] io::Error),
}

/// A network namespace and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Identifies it while it lives.
    pub(crate) inode: u64,
    pub(crate) interfaces: Vec<Interface>,
}

/// Enters a network namespace and looks around. Needs `CAP_SYS_ADMIN`.
pub(crate) fn look_into(namespace: &Path) -> Result<Inside, LookError> {
    let own = File::open("/proc/thread-self/ns/net").map_err(NetnsError::Open)?;
    let target = File::open(namespace).map_err(NetnsError::Open)?;
    let inode = target.metadata().map_err(NetnsError::Open)?.ino();
    let interfaces = within(target, move || look_around(&own))??;
    Ok(Inside { inode, interfaces })
}

fn look_around(own: &File) -> io::Result<Vec<Interface>> {
    let links = list_links()?;
    let mut addresses = list_addresses()?;
    // After the links: listing them is what gives the namespace of another end its number.
    let own = number_namespace(own)?;
    let others = links.into_iter().filter(|link| !link.is_loopback);
    Ok(others
        .map(|link| Interface {
            host: host_side(&link, own),
            is_veth: link.is_veth(),
            addresses: addresses.remove(&link.index).unwrap_or_default(),
            name: link.name,
        })
        .collect())
}

/// `own` is the number that the link's namespace has for ours.
fn host_side(link: &Link, own: Option<i32>) -> Result<u32, NoHostSide> {
    let name = || link.name.clone();
    match &link.kind {
        None => Err(NoHostSide::Hardware(name())),
        Some(kind) if !link.is_veth() => Err(NoHostSide::Kind { name: name(), kind: kind.clone() }),
        // An index alone says nothing: every namespace counts its own.
        Some(_) => match link.peer_index {
            Some(index) if own.is_some() && link.peer_namespace == own => Ok(index),
            Some(_) | None => Err(NoHostSide::Elsewhere(name())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_veth_whose_other_end_is_ours_has_a_host_side() {
        let veth = Link {
            index: 2,
            name: "eth0".to_owned(),
            is_loopback: false,
            kind: Some("veth".to_owned()),
            peer_index: Some(7),
            peer_namespace: Some(0),
        };
        let elsewhere = Err(NoHostSide::Elsewhere("eth0".to_owned()));
        assert_eq!(host_side(&veth, Some(0)), Ok(7));
        assert_eq!(host_side(&veth, Some(1)), elsewhere);
        assert_eq!(host_side(&veth, None), elsewhere);
        // Both ends in the pod.
        assert_eq!(host_side(&Link { peer_namespace: None, ..veth.clone() }, None), elsewhere);
        let ipvlan = Link { kind: Some("ipvlan".to_owned()), ..veth.clone() };
        let kind = NoHostSide::Kind { name: "eth0".to_owned(), kind: "ipvlan".to_owned() };
        assert_eq!(host_side(&ipvlan, Some(0)), Err(kind));
        let hardware = Link { kind: None, peer_index: None, ..veth };
        assert_eq!(host_side(&hardware, Some(0)), Err(NoHostSide::Hardware("eth0".to_owned())));
    }
}
