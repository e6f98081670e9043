//! Endpoints by looking: pods that were there before the agent, whatever CNI plugin made their interfaces.
//!
//! Every network namespace of the node is entered, and each veth in it whose other end is on the host is given to a pod, by
//! the strongest witness that there is:
//! 1. what the CNI plugin told at ADD, while the interface and the namespace are still those;
//! 2. the pod's UID in the control group of a process in the namespace, which no pod can forge;
//! 3. an address that `status.podIPs` says is the pod's.
//!
//! **Addresses inside a pod prove nothing**: who has `CAP_NET_ADMIN` there can give its interface any. An endpoint's
//! addresses are therefore the CNI plugin's, else those of `status.podIPs` that are on the interface, and an address that
//! is on two interfaces without a better witness is nobody's: both stay closed, and the problem says so.

mod assign;
mod cgroup;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use scan::Scan;
use std::{
    collections::BTreeMap,
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

pub use crate::peer::NoHostSide;
use crate::{
    cni::protocol::{Attachment, AttachmentId},
    model::{Endpoint, ObjectName, Pod},
};

/// Where network namespaces are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The host's procfs: `/proc` with `hostPID`, or where it is mounted.
    pub proc: PathBuf,
    /// Folders in which namespaces are mounted, as this process sees them.
    pub folders: Vec<PathBuf>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { proc: "/proc".into(), folders: ["/run/netns", "/var/run/netns"].map(PathBuf::from).into() }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of pods. One whose address is disputed has none, and is closed.
    pub endpoints: Vec<Endpoint>,
    /// Files of the endpoints' network namespaces, by the index of the host-side interface, where they were seen.
    pub namespaces: BTreeMap<u32, PathBuf>,
    /// Pods that have no endpoint, or a closed one, and why.
    pub problems: Vec<EndpointProblem>,
    /// What the CNI plugin told of interfaces that are no more, or are another pod's now.
    pub stale: Vec<AttachmentId>,
    /// Namespaces that could not be looked into. Pods in them may be missing above.
    pub unseen: Vec<String>,
}

/// A pod at which nothing, or everything, is dropped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointProblem {
    /// The pod.
    pub pod: ObjectName,
    /// Why.
    pub cause: Cause,
}

/// Why a pod has no endpoint, or a closed one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Cause {
    /// No error: it is the node, as far as policies go (DESIGN 3.2).
    #[error("it is on the host's network, where no policy selects it")]
    HostNetwork,
    /// Its packets do not pass an interface of the host that we can attach to.
    #[error("{0}")]
    Interface(NoHostSide),
    /// The same, in the words of the CNI plugin.
    #[error("{0}")]
    Told(String),
    /// Not on this node, or where we do not look.
    #[error("no network namespace of this node has its addresses")]
    NotFound,
    /// Two pods claim an address, and the other's claim is stronger.
    #[error("its address {address} is that of {owner} now")]
    Taken {
        /// The address.
        address: IpAddr,
        /// Whose it is.
        owner: ObjectName,
    },
    /// Several interfaces have its address, and nothing tells which is its own.
    #[error("its address {0} is on several interfaces of this node; all of them are closed")]
    Disputed(IpAddr),
}

impl fmt::Display for EndpointProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pod {}: {}", self.pod, self.cause)
    }
}

impl Found {
    /// The file of an endpoint's network namespace, where it was seen.
    #[must_use]
    pub fn namespace_of(&self, endpoint: &Endpoint) -> Option<&Path> {
        self.namespaces.get(&endpoint.interface_index).map(PathBuf::as_path)
    }
}

impl Scan {
    /// The second half: gives what was seen to pods.
    pub(crate) fn assign<'a>(&self, pods: impl IntoIterator<Item = &'a Pod>, told: &[Attachment]) -> Found {
        let pods: Vec<&Pod> = pods.into_iter().collect();
        assign::assign(self, &pods, told)
    }
}

impl Discovery {
    /// Looks at the whole node. `pods` are those of this node; `told` is what the CNI plugin told, oldest first.
    /// Needs `CAP_SYS_ADMIN` and, for others' processes, `CAP_SYS_PTRACE`; to be called in the host's network namespace.
    ///
    /// # Errors
    /// When the host's own interfaces or processes cannot be listed: nothing is known then, which is not "no endpoints".
    pub fn find<'a>(
        &self,
        pods: impl IntoIterator<Item = &'a Pod>,
        told: &[Attachment],
    ) -> io::Result<Found> {
        Ok(self.scan()?.assign(pods, told))
    }

    /// The first half of [`find`](Self::find), which takes as long as there are namespaces and processes.
    pub(crate) fn scan(&self) -> io::Result<Scan> {
        scan::scan(self)
    }
}
