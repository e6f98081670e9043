//! Records as outputs have them. The JSON form is one object a line; its field `event` tells the kinds apart.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::plan::RuleName;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record {
    /// A change of the input is in force.
    Applied(Applied),
    /// A packet was dropped.
    Drop(Box<DropRecord>),
    /// Records that this output did not keep up with.
    Lost {
        /// How many.
        records: u64,
    },
}

/// A change of the input that is in force in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// How often all that is known was brought into the kernel, from 1. A look that found nothing to write counts too, and is
    /// no record.
    pub revision: u64,
    /// Policies known.
    pub policies: usize,
    /// Pods known, of all nodes.
    pub pods: usize,
    /// Local endpoints enforced.
    pub endpoints: usize,
    /// Distinct rule sets.
    pub rule_sets: usize,
    /// Writes to the kernel's tables.
    pub operations: usize,
    /// From the change's reading to the last write, in microseconds.
    pub microseconds: u64,
}

/// A dropped packet with names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropRecord {
    /// When, by the node's clock.
    pub time: jiff::Timestamp,
    /// The drop reason's name.
    pub reason: &'static str,
    /// `ingress` towards the endpoint's pod, `egress` from it.
    pub direction: &'static str,
    /// The protocol's name, or its IANA number.
    pub protocol: String,
    /// The sender; missing where there is no IP header.
    pub source: Option<Party>,
    /// The receiver; missing where there is no IP header.
    pub destination: Option<Party>,
    /// The endpoint that dropped it.
    pub endpoint: EndpointName,
    /// The rule that decided, if one did.
    pub rule: Option<RuleReference>,
    /// The endpoint's generation.
    pub generation: u32,
    /// Bytes, with the link-layer header.
    pub length: u32,
}

/// One side of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its address.
    pub address: IpAddr,
    /// Its port, if the protocol has ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The owning pod's namespace, if a pod owns the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The owning pod's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// An endpoint's pod and interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EndpointName {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The host-side interface.
    pub interface: String,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RuleReference {
    /// A rule of a policy.
    Policy {
        /// `namespace/name`.
        policy: String,
        /// `ingress` or `egress`.
        direction: String,
        /// Index in that list.
        index: usize,
    },
    /// No rule of these isolating policies matched.
    ImplicitDeny {
        /// `namespace/name` of each.
        policies: Vec<String>,
    },
}

impl From<&RuleName> for RuleReference {
    fn from(name: &RuleName) -> Self {
        match name {
            RuleName::Policy { policy, direction, index } => {
                Self::Policy { policy: policy.to_string(), direction: direction.to_string(), index: *index }
            }
            RuleName::Isolated { policies, .. } => {
                Self::ImplicitDeny { policies: policies.iter().map(ToString::to_string).collect() }
            }
        }
    }
}
