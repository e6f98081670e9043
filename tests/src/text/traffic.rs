//! Protocols and ports of rules.

use std::fmt;

use enforcer::model::{NamedPort, PortMatch, PortRange, Ports, Protocol};

use super::word::{Sentence, TextError, Word};

/// What stands before `from` or `to`; the ports may follow at the end of the line.
pub(super) struct Traffic<'a> {
    entries: Vec<Entry<'a>>,
}

/// One part of the list.
struct Entry<'a> {
    word: Word<'a>,
    protocol: Protocol,
    /// If they stand here.
    ports: Option<Word<'a>>,
}

impl<'a> Traffic<'a> {
    /// `any`, nothing, or a list.
    pub(super) fn parse(sentence: &mut Sentence<'a>) -> Result<Self, TextError> {
        let mut entries = Vec::new();
        if !matches!(sentence.peek(), Some("from" | "to")) && !sentence.take("any") {
            for word in sentence.expect("a protocol")?.list(",")? {
                entries.push(match word.cut(":") {
                    Some((name, ports)) => Entry { word, protocol: protocol(name)?, ports: Some(ports) },
                    None => Entry { word, protocol: protocol(word)?, ports: None },
                });
            }
        }
        Ok(Self { entries })
    }

    /// With the ports that may stand at the end of the line.
    pub(super) fn ports(self, sentence: &mut Sentence<'a>) -> Result<Ports, TextError> {
        let mut listed = Vec::new();
        if sentence.peek() == Some("port") {
            let word = sentence.keyword("port")?;
            let ranges = sentence.expect("a list of ports")?.list(",")?;
            if self.entries.is_empty() {
                return Err(word.wrong("ports are of a protocol: say `allow tcp …`"));
            }
            for Entry { word, protocol, ports } in self.entries {
                if ports.is_some() {
                    return Err(word.wrong("ports stand here or at the end of the line, not in both places"));
                }
                for part in &ranges {
                    listed.push(port(protocol, *part)?);
                }
            }
        } else {
            for Entry { protocol, ports, .. } in self.entries {
                let whole = PortMatch::Range(PortRange { protocol, first: 0, last: u16::MAX });
                listed.push(ports.map_or(Ok(whole), |word| port(protocol, word))?);
            }
        }
        Ok(if listed.is_empty() { Ports::Any } else { Ports::Listed(listed) })
    }
}

/// `tcp`, `udp`, `sctp`.
pub(super) fn protocol(word: Word<'_>) -> Result<Protocol, TextError> {
    Protocol::ALL
        .into_iter()
        .find(|protocol| name(*protocol) == word.text)
        .ok_or_else(|| word.not("a protocol that a rule can name: tcp, udp or sctp"))
}

/// As it is read.
pub(super) fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

/// A number, a range of them, or a name: what is no number.
fn port(protocol: Protocol, word: Word<'_>) -> Result<PortMatch, TextError> {
    let wanted = "a port, a range like 8000-8010, or a name";
    if word.text.contains(|letter: char| letter.is_ascii_alphabetic()) {
        return Ok(PortMatch::Named(NamedPort { protocol, name: word.text.to_owned() }));
    }
    let (first, last) = word.cut("-").unwrap_or((word, word));
    let (first, last) = (first.parse(wanted)?, last.parse(wanted)?);
    if first > last {
        return Err(word.wrong("the range ends before it begins"));
    }
    Ok(PortMatch::Range(PortRange { protocol, first, last }))
}

/// Written as it is read, before `from` or `to`.
pub(super) struct Written<'a>(pub(super) &'a Ports);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ports::Listed(listed) = self.0 else { return f.write_str("any") };
        let parts = listed.iter().map(|entry| match entry {
            PortMatch::Named(NamedPort { protocol, name: port }) => format!("{}:{port}", name(*protocol)),
            PortMatch::Range(PortRange { protocol, first, last }) => match (name(*protocol), first, last) {
                (protocol, 0, &u16::MAX) => protocol.to_owned(),
                (protocol, first, last) if first == last => format!("{protocol}:{first}"),
                (protocol, first, last) => format!("{protocol}:{first}-{last}"),
            },
        });
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}
