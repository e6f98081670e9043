//! The JSON lines of `enforcer run --log-format json`, as far as tests read them.

use std::fmt;

use enforcer::model::{ObjectName, Protocol};
use serde::{Deserialize, Deserializer};

/// A line.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// A change is in force.
    Applied(Applied),
    /// The kernel dropped a packet.
    Drop(Box<Dropped>),
    /// Anything that no test needs.
    #[serde(other)]
    Other,
}

/// A change that is in force.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// Counts the changes from 1.
    pub revision: u64,
    /// Policies enforced.
    pub policies: u64,
    /// Local pods.
    pub endpoints: u64,
    /// Writes to the kernel's maps that it took.
    pub operations: u64,
}

/// A packet that was dropped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Dropped {
    /// When, RFC 3339.
    pub time: String,
    /// The drop reason's name.
    pub reason: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// The protocol's name.
    pub protocol: String,
    /// The sender; nobody where there is no IP header.
    #[serde(deserialize_with = "present")]
    pub source: Side,
    /// The receiver; nobody where there is no IP header.
    #[serde(deserialize_with = "present")]
    pub destination: Side,
    /// Who dropped it.
    pub endpoint: Side,
    #[serde(deserialize_with = "present")]
    rule: Rule,
}

/// An end of a packet's way, or the interface that it crossed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Side {
    /// Its address.
    pub address: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Its pod's namespace, if it is a pod.
    pub namespace: Option<String>,
    /// Its pod's name.
    pub pod: Option<String>,
}

/// What decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct Rule {
    kind: String,
    policies: Vec<String>,
}

/// `null` is the same as nothing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

impl Dropped {
    /// Whether it is a packet to this port, by the names that the enforcer gave.
    #[must_use]
    pub fn names(&self, from: &ObjectName, to: &ObjectName, protocol: Protocol, port: u16) -> bool {
        self.source.pod_name() == Some(from.to_string())
            && self.destination.pod_name() == Some(to.to_string())
            && self.destination.port == Some(port)
            && self.protocol.eq_ignore_ascii_case(&protocol.to_string())
    }

    /// Whether it happened at this pod's interface.
    #[must_use]
    pub fn is_at(&self, pod: &ObjectName) -> bool {
        self.endpoint.pod_name() == Some(pod.to_string())
    }

    /// Whether it is an IPv6 packet.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.destination.address.as_deref().is_some_and(|address| address.contains(':'))
    }

    /// Equal for drops that look the same but for time, source port and address family.
    pub fn likeness(&self) -> impl Ord + use<> {
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
    /// `namespace/name` of its pod.
    #[must_use]
    pub fn pod_name(&self) -> Option<String> {
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
    #[must_use]
    pub fn whom(&self) -> String {
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
        let what = format!("{}{port}{}", self.protocol, if self.is_ipv6() { " IPv6" } else { "" });
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
        let (ads, cart) = (ObjectName::new("shop", "ads-0"), ObjectName::new("shop", "cart-0"));
        assert!(dropped.names(&ads, &cart, Protocol::Tcp, 7000) && !dropped.is_ipv6());
        assert!(!dropped.names(&ads, &cart, Protocol::Tcp, 7001));
        assert!(!dropped.names(&ads, &cart, Protocol::Udp, 7000));
        assert!(!dropped.names(&cart, &ads, Protocol::Tcp, 7000));
        let words: Vec<String> = dropped.to_string().split_whitespace().map(str::to_owned).collect();
        assert_eq!(
            words.join(" "),
            "03:04:05.678 shop/ads-0 → shop/cart-0 TCP 7000 ingress \
             no rule of shop/cart, shop/default-deny allows it"
        );
        Ok(())
    }

    #[test]
    fn a_drop_without_addresses_and_rule_is_read_too() -> Result<()> {
        let text = r#"{"event":"drop","reason":"spoofed","direction":"egress","protocol":"0","source":null,
            "destination":null,"endpoint":{"namespace":"shop","pod":"cart-0"},"rule":null}"#;
        let Record::Drop(dropped) = serde_json::from_str(text)? else { bail!("not read as a drop") };
        assert!(dropped.is_at(&ObjectName::new("shop", "cart-0")));
        assert_eq!((dropped.reason.as_str(), dropped.source), ("spoofed", Side::default()));
        Ok(())
    }

    #[test]
    fn other_events_are_passed_over() -> Result<()> {
        assert!(matches!(serde_json::from_str(r#"{"event":"hello","x":1}"#)?, Record::Other));
        Ok(())
    }
}
