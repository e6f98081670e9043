//! The JSON lines of `enforcer run --log-format json`, as far as the demo reads them.

use std::fmt;

use serde::Deserialize;

use super::grid::Trial;
use crate::{lab::Source, oracle::Family};

/// A line.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Record {
    /// A change is in force.
    Applied(Applied),
    /// The kernel dropped a packet.
    Drop(Box<Dropped>),
    /// Anything that the demo does not need.
    #[serde(other)]
    Other,
}

/// A change that is in force.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Applied {
    /// Counts the changes from 1.
    pub(super) revision: u64,
    /// Policies enforced.
    pub(super) policies: u64,
    /// Local pods.
    pub(super) endpoints: u64,
    /// Writes to the kernel's maps that it took.
    pub(super) operations: u64,
}

/// A packet that was dropped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dropped {
    /// When, RFC 3339.
    pub(super) time: String,
    reason: String,
    direction: String,
    protocol: String,
    source: Side,
    destination: Side,
    endpoint: Side,
    rule: Rule,
}

/// An end of a packet's way, or the interface that it crossed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct Side {
    address: Option<String>,
    port: Option<u16>,
    namespace: Option<String>,
    pod: Option<String>,
}

/// What decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct Rule {
    kind: String,
    policies: Vec<String>,
}

impl Dropped {
    /// Whether it is a packet of this connection, by the names that the enforcer gave.
    pub(super) fn names(&self, trial: &Trial) -> bool {
        let Source::Pod(from) = &trial.from else { return false };
        let address = self.destination.address.as_deref().unwrap_or_default();
        self.source.pod_name() == Some(from.to_string())
            && self.destination.pod_name() == Some(trial.to.to_string())
            && self.destination.port == Some(trial.port)
            && self.protocol.eq_ignore_ascii_case(&trial.protocol.to_string())
            && address.contains(':') == (trial.family == Family::V6)
    }

    /// Equal for drops that look the same but for time, source port and address family.
    pub(super) fn likeness(&self) -> impl Ord + use<> {
        let who = |side: &Side| side.pod_name().or_else(|| side.address.clone());
        (
            who(&self.source),
            who(&self.destination),
            self.destination.port,
            self.protocol.clone(),
            self.direction.clone(),
            self.reason.clone(),
            self.rule.clone(),
        )
    }

    fn because(&self) -> String {
        let policies = self.rule.policies.join(", ");
        match self.rule.kind.as_str() {
            "implicit-deny" => format!("no rule of {policies} allows it"),
            "" => self.reason.clone(),
            kind if policies.is_empty() => format!("{}, {kind}", self.reason),
            kind => format!("{}, {kind} of {policies}", self.reason),
        }
    }
}

impl Side {
    fn pod_name(&self) -> Option<String> {
        Some(format!("{}/{}", self.namespace.as_ref()?, self.pod.as_ref()?))
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pod_name(), &self.address) {
            (Some(name), _) => f.write_str(&name),
            (None, Some(address)) => f.write_str(address),
            (None, None) => f.write_str("?"),
        }
    }
}

impl Dropped {
    /// Who to whom.
    pub(super) fn whom(&self) -> String {
        format!("{} → {}", self.source, self.destination)
    }
}

/// As a line of a log; a width (`{:40}`) is that of "who → whom", so that lines stand in columns.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or_default();
        // Time of day is enough for a demo: 2026-01-02T03:04:05.678901Z.
        let time = self.time.get(11..23).unwrap_or(&self.time);
        let whom = self.whom();
        let port = self.destination.port.map(|port| format!(" {port}")).unwrap_or_default();
        let is_ipv6 = self.destination.address.as_deref().is_some_and(|address| address.contains(':'));
        let what = format!("{}{port}{}", self.protocol, if is_ipv6 { " IPv6" } else { "" });
        // Ingress is the destination's, egress the source's; whose else would be odd, so it is said.
        let usual = if self.direction == "ingress" { &self.destination } else { &self.source };
        let of = match self.endpoint.pod_name() {
            Some(name) if Some(&name) != usual.pod_name().as_ref() => format!(" of {name}"),
            _ => String::new(),
        };
        write!(f, "{time}  {whom:<width$}  {what:<13} {}{of}  {}", self.direction, self.because())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, bail};
    use enforcer::model::{ObjectName, Protocol};

    use super::*;

    const DROP: &str = r#"{"event":"drop","time":"2026-01-02T03:04:05.678901Z","reason":"policy",
        "direction":"ingress","protocol":"TCP",
        "source":{"address":"10.0.0.3","port":40112,"namespace":"shop","pod":"ads-0"},
        "destination":{"address":"10.0.0.5","port":7000,"namespace":"shop","pod":"cart-0"},
        "endpoint":{"namespace":"shop","pod":"cart-0","interface":"veth5"},
        "rule":{"kind":"implicit-deny","policies":["shop/cart","shop/default-deny"]},"length":74}"#;

    #[test]
    fn a_drop_names_its_connection_and_no_other() -> Result<()> {
        let Record::Drop(dropped) = serde_json::from_str(DROP)? else { bail!("not read as a drop") };
        let trial = Trial {
            from: Source::Pod(ObjectName::new("shop", "ads-0")),
            to: ObjectName::new("shop", "cart-0"),
            protocol: Protocol::Tcp,
            port: 7000,
            family: Family::V4,
        };
        assert!(dropped.names(&trial));
        assert!(!dropped.names(&Trial { port: 7001, ..trial.clone() }));
        assert!(!dropped.names(&Trial { family: Family::V6, ..trial.clone() }));
        assert!(!dropped.names(&Trial { from: Source::Node, ..trial }));
        let words: Vec<String> = dropped.to_string().split_whitespace().map(str::to_owned).collect();
        assert_eq!(
            words.join(" "),
            "03:04:05.678 shop/ads-0 → shop/cart-0 TCP 7000 ingress \
             no rule of shop/cart, shop/default-deny allows it"
        );
        Ok(())
    }

    #[test]
    fn other_events_are_passed_over() -> Result<()> {
        assert!(matches!(serde_json::from_str(r#"{"event":"hello","x":1}"#)?, Record::Other));
        Ok(())
    }
}
