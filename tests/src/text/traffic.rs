//! Protocols and ports of rules.

use std::fmt;

use enforcer::model::{PortMatch, Ports, Protocol};

use super::word::{Sentence, TextError, Word};

/// What stands before `from` or `to`; the ports may follow at the end of the line.
pub(super) struct Traffic<'a> {
    entries: Vec<Entry<'a>>,
}

/// One part of the list.
struct Entry<'a> {
    word: Word<'a>,
    protocol: Protocol,
    /// First and last port, if they stand here.
    ports: Option<(u16, u16)>,
}

impl<'a> Traffic<'a> {
    /// `any`, nothing, or a list.
    pub(super) fn parse(sentence: &mut Sentence<'a>) -> Result<Self, TextError> {
        let mut entries = Vec::new();
        if !matches!(sentence.peek(), Some("from" | "to")) && !sentence.take("any") {
            for word in sentence.expect("a protocol")?.list(",")? {
                entries.push(match word.cut(":") {
                    Some((name, ports)) => {
                        Entry { word, protocol: protocol(name)?, ports: Some(range(ports)?) }
                    }
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
                    let (first, last) = range(*part)?;
                    listed.push(PortMatch { protocol, first, last });
                }
            }
        } else {
            for Entry { protocol, ports, .. } in self.entries {
                let (first, last) = ports.unwrap_or((0, u16::MAX));
                listed.push(PortMatch { protocol, first, last });
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

fn range(word: Word<'_>) -> Result<(u16, u16), TextError> {
    let wanted = "a port or a range like 8000-8010";
    let (first, last) = word.cut("-").unwrap_or((word, word));
    let (first, last) = (first.parse(wanted)?, last.parse(wanted)?);
    if first > last { Err(word.wrong("the range ends before it begins")) } else { Ok((first, last)) }
}

/// Written as it is read, before `from` or `to`.
pub(super) struct Written<'a>(pub(super) &'a Ports);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ports::Listed(listed) = self.0 else { return f.write_str("any") };
        let parts = listed.iter().map(|entry| match (name(entry.protocol), entry.first, entry.last) {
            (protocol, 0, u16::MAX) => protocol.to_owned(),
            (protocol, first, last) if first == last => format!("{protocol}:{first}"),
            (protocol, first, last) => format!("{protocol}:{first}-{last}"),
        });
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}
