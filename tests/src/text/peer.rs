//! Peers of rules.

use std::fmt;

use enforcer::model::{IpBlock, NamespaceScope, Peer, Selector};
use ipnet::IpNet;

use super::{
    parse::NAME_LABEL,
    selector::{self, parse_selector},
    word::{Sentence, TextError, Word},
};

/// Peers joined by `or`; `None` for `anywhere`.
pub(super) fn parse_peers(sentence: &mut Sentence<'_>) -> Result<Option<Vec<Peer>>, TextError> {
    if sentence.take("anywhere") {
        return Ok(None);
    }
    let mut peers = vec![parse_peer(sentence)?];
    while sentence.take("or") {
        peers.push(parse_peer(sentence)?);
    }
    Ok(Some(peers))
}

fn parse_peer(sentence: &mut Sentence<'_>) -> Result<Peer, TextError> {
    let word = sentence.expect("a peer")?;
    if word.text == "cidr" {
        let cidr = net(sentence.expect("a CIDR")?)?;
        let mut except = Vec::new();
        if sentence.take("except") {
            for part in sentence.expect("a list of CIDRs")?.list(",")? {
                let inner = net(part)?;
                if !cidr.contains(&inner) || inner == cidr {
                    return Err(part.wrong(format!("an exception lies strictly within its block, {cidr}")));
                }
                except.push(inner);
            }
        }
        return Ok(Peer::IpBlock(IpBlock { cidr, except }));
    }
    Ok(match word.cut("/") {
        None => Peer::Pods { namespaces: NamespaceScope::Own, pods: parse_selector(word)? },
        Some((namespaces, pods)) => {
            let namespaces = match namespaces.after("@") {
                Some(name) => named(selector::key(name)?),
                None => parse_selector(namespaces)?,
            };
            Peer::Pods { namespaces: NamespaceScope::Matching(namespaces), pods: parse_selector(pods)? }
        }
    })
}

/// The namespace of this name.
fn named(name: String) -> Selector {
    Selector { match_labels: [(NAME_LABEL.to_owned(), name)].into(), match_expressions: Vec::new() }
}

fn net(word: Word<'_>) -> Result<IpNet, TextError> {
    let net: IpNet = word.parse("a CIDR like 10.0.0.0/8")?;
    if net == net.trunc() {
        Ok(net)
    } else {
        Err(word.wrong(format!("has host bits; the block is {}", net.trunc())))
    }
}

/// Written as it is read.
pub(super) struct Written<'a>(pub(super) &'a Option<Vec<Peer>>);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(peers) = self.0 else { return f.write_str("anywhere") };
        let parts = peers.iter().map(|peer| match peer {
            Peer::Pods { namespaces: NamespaceScope::Own, pods } => selector::Written(pods).to_string(),
            Peer::Pods { namespaces: NamespaceScope::Matching(namespaces), pods } => {
                let alone = namespaces.match_expressions.is_empty() && namespaces.match_labels.len() == 1;
                match namespaces.match_labels.get(NAME_LABEL).filter(|_| alone) {
                    Some(name) => format!("@{name}/{}", selector::Written(pods)),
                    None => format!("{}/{}", selector::Written(namespaces), selector::Written(pods)),
                }
            }
            Peer::IpBlock(IpBlock { cidr, except }) if except.is_empty() => format!("cidr {cidr}"),
            Peer::IpBlock(IpBlock { cidr, except }) => {
                let except: Vec<String> = except.iter().map(ToString::to_string).collect();
                format!("cidr {cidr} except {}", except.join(","))
            }
        });
        f.write_str(&parts.collect::<Vec<_>>().join(" or "))
    }
}
