//! What every way to run is told of this node.

use std::{collections::BTreeMap, io, net::IpAddr, path::PathBuf};

use crate::{
    dataplane::{DataplaneError, Options, Timeouts},
    flow::Format,
    model::ObjectName,
    source::{endpoints::Endpoints, manifest::WatchError},
};

/// The settings of the node's side of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where local pods' interfaces are listed; `None` where the CNI plugin tells of them and the node is searched.
    pub endpoints: Option<Endpoints>,
    /// Addresses that stand for Services.
    pub aliases: BTreeMap<IpAddr, ObjectName>,
    /// The form of the output.
    pub format: Format,
    /// How to load and attach.
    pub options: Options,
    /// How long a flow may be idle.
    pub timeouts: Timeouts,
    /// What outlives the agent; nothing if `None`.
    pub pinning: Option<Pinning>,
}

/// What outlives the agent.
#[derive(Debug, Clone)]
pub struct Pinning {
    /// The folder of pins, on a bpffs.
    pub folder: PathBuf,
    /// All goes when the agent ends in peace.
    pub detach_on_exit: bool,
}

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kernel's side.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The folder or file cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Signals, threads, sockets.
    #[error("{0}")]
    Io(#[from] io::Error),
}
