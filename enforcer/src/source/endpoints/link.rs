//! Which interface of a network namespace is its pod's.

use std::path::Path;

use thiserror::Error;

use crate::peer::{Interface, LookError, NoHostSide, look_into};

/// The interface that CNI plugins make in a pod, by convention.
const POD_INTERFACE: &str = "eth0";

/// Why a network namespace gives no endpoint.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Look(#[from] LookError),
    #[error("has no veth interface")]
    NoVeth,
    #[error("has {0} veth interfaces, and none is called eth0")]
    ManyVeths(usize),
    #[error(transparent)]
    NoHostSide(#[from] NoHostSide),
}

/// Enters a network namespace and looks. Returns the interface and the index of its other end.
pub(super) fn inspect(namespace: &Path) -> Result<(Interface, u32), LinkError> {
    let interface = choose(look_into(namespace)?.interfaces)?;
    let host = interface.host.clone()?;
    Ok((interface, host))
}

fn choose(interfaces: Vec<Interface>) -> Result<Interface, LinkError> {
    let mut veths: Vec<Interface> = interfaces.into_iter().filter(|interface| interface.is_veth).collect();
    if let Some(position) = veths.iter().position(|interface| interface.name == POD_INTERFACE) {
        return Ok(veths.swap_remove(position));
    }
    match (veths.pop(), veths.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), others) => Err(LinkError::ManyVeths(others + 1)),
        (None, _) => Err(LinkError::NoVeth),
    }
}
