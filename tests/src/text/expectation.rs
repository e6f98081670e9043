//! What is expected: whether a flow may open.

use std::net::IpAddr;

use enforcer::{
    model::{Direction, ObjectName, Pod},
    store::Cluster,
};

use super::{
    parse::parse_name,
    word::{Sentence, TextError, Word},
};
use crate::generate::Probe;

/// One `expect` sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Its line, from 1.
    pub line: usize,
    /// `allow` or `deny`.
    pub passes: bool,
    /// Who opens.
    pub from: Side,
    /// Whom to.
    pub to: Side,
    /// By what.
    pub carrier: Carrier,
    /// The destination port, of protocols that have ports.
    pub port: Option<u16>,
}

/// One end of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A pod, whose rules are asked.
    Pod(ObjectName),
    /// An address somewhere, whose rules nobody asks.
    Address(IpAddr),
}

/// The protocol of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// By its IANA number.
    Number(u8),
    /// ICMP or ICMPv6.
    Icmp,
}

/// `expect`, after its first word.
pub(super) fn parse_expectation(mut sentence: Sentence<'_>, line: usize) -> Result<Expectation, TextError> {
    let verdict = sentence.expect("allow or deny")?;
    let passes = match verdict.text {
        "allow" => true,
        "deny" => false,
        _ => return Err(verdict.not("allow or deny")),
    };
    let (carrier, has_ports) = parse_carrier(sentence.expect("a protocol")?)?;
    let from = parse_side(sentence.expect("who opens")?)?;
    sentence.keyword("->")?;
    let to = parse_side(sentence.expect("whom to")?)?;
    let port = if has_ports { Some(sentence.expect("a port")?.parse("a port")?) } else { None };
    sentence.end()?;
    Ok(Expectation { line, passes, from, to, carrier, port })
}

fn parse_carrier(word: Word<'_>) -> Result<(Carrier, bool), TextError> {
    Ok(match (word.text, word.after("proto:")) {
        ("tcp", _) => (Carrier::Number(6), true),
        ("udp", _) => (Carrier::Number(17), true),
        ("sctp", _) => (Carrier::Number(132), true),
        ("icmp", _) => (Carrier::Icmp, false),
        (_, Some(number)) => (Carrier::Number(number.parse("an IP protocol's number")?), false),
        _ => return Err(word.not("tcp, udp, sctp, icmp or proto:NUMBER")),
    })
}

fn parse_side(word: Word<'_>) -> Result<Side, TextError> {
    if let Ok(address) = word.text.parse() {
        return Ok(Side::Address(address));
    }
    parse_name(word).map(Side::Pod).map_err(|_| word.not("a pod `NAMESPACE/NAME` or an address"))
}

impl Expectation {
    /// The questions: both sides' rules, over each family that both have.
    ///
    /// # Errors
    /// When it names a pod that is not there, or there is nothing to ask.
    pub fn probes(&self, cluster: &Cluster) -> anyhow::Result<Vec<Probe>> {
        let addresses = |side: &Side| -> anyhow::Result<Vec<IpAddr>> {
            Ok(match side {
                Side::Address(address) => vec![*address],
                Side::Pod(name) => pod(cluster, name)?.addresses.iter().copied().collect(),
            })
        };
        let (from, to) = (addresses(&self.from)?, addresses(&self.to)?);
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
        let mut probes = Vec::new();
        for (from, to) in pairs.filter(|(from, to)| from.is_ipv4() == to.is_ipv4()) {
            let protocol = match self.carrier {
                Carrier::Number(number) => number,
                Carrier::Icmp if to.is_ipv4() => 1,
                Carrier::Icmp => 58,
            };
            let sides = [(&self.from, Direction::Egress, to), (&self.to, Direction::Ingress, from)];
            for (side, direction, remote) in sides {
                // Host-network and finished pods have no rules of their own.
                if let Side::Pod(name) = side
                    && pod(cluster, name)?.is_on_pod_network()
                {
                    probes.push(Probe {
                        subject: name.clone(),
                        direction,
                        remote,
                        protocol,
                        port: self.port,
                    });
                }
            }
        }
        anyhow::ensure!(!probes.is_empty(), "there is no pod with rules, or no family that both sides have");
        Ok(probes)
    }
}

fn pod<'a>(cluster: &'a Cluster, name: &ObjectName) -> anyhow::Result<&'a Pod> {
    cluster.pods.get(name).ok_or_else(|| anyhow::anyhow!("there is no pod {name}"))
}
