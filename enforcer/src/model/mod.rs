//! Our own validated types. Everything after `source` works on these, never on Kubernetes' own.
//!
//! A value of these types is valid by construction or was checked by `source`; no later stage
//! has to ask again. Collections are ordered (`BTree*`), since every later stage is deterministic.

mod endpoint;
mod endpoint_slice;
mod labels;
mod node;
mod object;
mod pod;
mod policy;
mod protocol;
mod selector;
mod service;

pub use endpoint::{Endpoint, Identity};
pub use endpoint_slice::{AddressType, EndpointSlice, SliceEndpoint, SlicePort};
pub use labels::Labels;
pub use node::Node;
pub use object::{ClusterEvent, Kind, Object, ObjectKey, ObjectName};
pub use pod::{ContainerPort, Namespace, Pod, PodState};
pub use policy::{
    Direction, IpBlock, NamedPort, NamespaceScope, Peer, Policy, PortMatch, PortRange, Ports, Rule,
};
pub use protocol::Protocol;
pub use selector::{Requirement, Selector};
pub use service::{Service, ServiceKind, ServicePort, TargetPort};
