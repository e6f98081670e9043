//! Records as lines for people.

use std::fmt;

use super::record::{Applied, DropRecord, EndpointName, Party, Record, RuleReference};
use crate::quantity::quantity;

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(applied) => applied.fmt(f),
            Self::Drop(record) => record.fmt(f),
            Self::Lost { records } => {
                write!(f, "LOST {}: this output is too slow", quantity(*records, "record"))
            }
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, policies, pods, endpoints, rule_sets, operations, microseconds } = *self;
        let (policies, pods) = (quantity(policies, "policy"), quantity(pods, "pod"));
        let (endpoints, rule_sets) = (quantity(endpoints, "local endpoint"), quantity(rule_sets, "rule set"));
        let (writes, milliseconds, tenths) =
            (quantity(operations, "write"), microseconds / 1000, microseconds / 100 % 10);
        write!(
            f,
            "APPLIED revision {revision}: {policies}, {pods}, {endpoints}, {rule_sets}; {writes} in \
             {milliseconds}.{tenths} ms"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_is_singular() {
        let one = Applied {
            revision: 1,
            policies: 1,
            pods: 1,
            endpoints: 1,
            rule_sets: 1,
            operations: 1,
            microseconds: 12_345,
        };
        let text = "APPLIED revision 1: 1 policy, 1 pod, 1 local endpoint, 1 rule set; 1 write in 12.3 ms";
        assert_eq!(Record::Applied(one).to_string(), text);
        let none =
            "APPLIED revision 0: 0 policies, 0 pods, 0 local endpoints, 0 rule sets; 0 writes in 0.0 ms";
        assert_eq!(Record::Applied(Applied::default()).to_string(), none);
        assert_eq!(Record::Lost { records: 1 }.to_string(), "LOST 1 record: this output is too slow");
    }

    /// Who reads JSON with whole-number types must not meet `1.0`.
    #[test]
    fn every_number_of_a_record_is_whole() -> Result<(), serde_json::Error> {
        let applied = Applied { microseconds: 12_345, ..Applied::default() };
        for record in [Record::Applied(applied), Record::Lost { records: 3 }] {
            let json = serde_json::to_value(&record)?;
            let numbers: Vec<_> =
                json.as_object().into_iter().flatten().filter(|(_, value)| value.is_number()).collect();
            assert!(!numbers.is_empty() && numbers.iter().all(|(_, value)| value.is_u64()), "{json}");
        }
        Ok(())
    }
}
