//! Records as lines for people.

use std::fmt;

use super::record::{Applied, DropRecord, EndpointName, Party, Record, RuleReference};

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(applied) => applied.fmt(f),
            Self::Drop(record) => record.fmt(f),
            Self::Lost { records } => write!(f, "LOST {records} records: this output is too slow"),
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "APPLIED revision {}: {} policies, {} pods, {} local endpoints, {} rule sets; {} writes in {:.1} ms",
            self.revision,
            self.policies,
            self.pods,
            self.endpoints,
            self.rule_sets,
            self.operations,
            self.milliseconds
        )
    }
}

impl fmt::Display for DropRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} DROP {:7} {}", self.time, self.direction, self.protocol)?;
        if let (Some(source), Some(destination)) = (&self.source, &self.destination) {
            write!(f, " {source} -> {destination}")?;
        }
        let EndpointName { namespace, pod, interface } = &self.endpoint;
        write!(f, " at {namespace}/{pod} ({interface}): {}", self.reason)?;
        match &self.rule {
            None => Ok(()),
            Some(RuleReference::ImplicitDeny { policies }) => {
                write!(f, ", no {} rule of {} allows it", self.direction, policies.join(", "))
            }
            Some(RuleReference::Policy { policy, direction, index }) => {
                write!(f, ", {direction} rule {index} of {policy}")
            }
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => write!(f, "{namespace}/{pod} ({})", self.address)?,
            _ => write!(f, "{}", self.address)?,
        }
        match self.port {
            Some(port) => write!(f, " port {port}"),
            None => Ok(()),
        }
    }
}
