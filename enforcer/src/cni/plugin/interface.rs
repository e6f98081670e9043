//! The pod's interface, by the kernel's word.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use nix::net::if_::if_indextoname;

use crate::{
    cni::{
        protocol::{HostSide, Netns},
        spec::{CniError, code},
    },
    peer::look_into,
};

/// What the pod's network namespace shows of the interface.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) netns: Netns,
    pub(super) host: HostSide,
    pub(super) addresses: BTreeSet<IpAddr>,
}

/// Looks for the interface of this name.
pub(super) fn find(netns: &Path, name: &str) -> Result<Found, CniError> {
    let failed = |why: &dyn std::fmt::Display| {
        CniError::new(
            code::IO,
            format!("cannot look for interface {name} in the network namespace {}", netns.display()),
            why,
        )
    };
    let inside = look_into(netns).map_err(|error| failed(&error))?;
    let interface = inside.interfaces.into_iter().find(|interface| interface.name == name);
    let Some(interface) = interface else {
        return Err(failed(&"it is not there; the main plugin of this network makes it, before this one"));
    };
    let host = match interface.host {
        Ok(index) => {
            let name = if_indextoname(index).map_err(|error| failed(&error))?;
            HostSide::Interface { index, name: name.to_string_lossy().into_owned() }
        }
        Err(cause) => HostSide::None { cause: cause.to_string() },
    };
    let netns = Netns { path: netns.to_owned(), inode: inside.inode };
    Ok(Found { netns, host, addresses: interface.addresses })
}
