//! Frames at one endpoint, as DESIGN sections 3.1 and 3.3–3.6 have them.
//!
//! What is judged is the description that the frame was built from, never its bytes: a parser that misreads
//! them has nobody here who misreads them likewise. What the design leaves open is written down where it is decided.

mod address;
mod fragment;
mod link;
mod reading;

use enforcer::{
    model::{Direction, Endpoint},
    store::Cluster,
};

pub use fragment::Fate;
pub use reading::{Part, Reading, read};

use super::flow::{Denial, FlowOracle, Ground};
use crate::frame::{
    Arp, Content, Datagram, Extension, Fragment, Frame, Packet, Quote, Sender, Transport, Upper,
};
use fragment::Memory;

/// Why a frame ends here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drop {
    /// No rule of the isolating policies allows it.
    Policy(Denial),
    /// The pod speaks for somebody else.
    Spoofed,
    /// It is for somebody else.
    NotMine,
    /// It cannot be parsed.
    Malformed,
    /// A part of a packet whose beginning says nothing for it.
    Fragment,
    /// An extension header that is not walked.
    ExtensionHeader,
    /// Neither IPv4, IPv6 nor ARP.
    EtherType,
}

/// One endpoint with its flows and the fragments that it remembers.
#[derive(Debug, Clone)]
pub struct PacketOracle {
    endpoint: Endpoint,
    flows: FlowOracle,
    memory: Memory,
}

impl PacketOracle {
    /// An endpoint that has seen no frame yet.
    #[must_use]
    pub fn new(cluster: &Cluster, endpoint: &Endpoint) -> Self {
        let flows = FlowOracle::new(cluster, endpoint);
        Self { endpoint: endpoint.clone(), flows, memory: Memory::default() }
    }

    /// From now on the cluster is this. `moved`: the endpoint's generation was raised, which is left to whoever
    /// plans: it must be when a verdict changes, and may be otherwise.
    pub fn update(&mut self, cluster: &Cluster, moved: bool) {
        self.flows.update(cluster);
        if moved {
            self.memory.outdate();
        }
    }

    /// Time passes.
    pub fn wait(&mut self, seconds: u64) {
        self.memory.wait(seconds);
    }

    /// The flows.
    #[must_use]
    pub fn flows(&self) -> &FlowOracle {
        &self.flows
    }

    /// Whether this is a "rules endpoint": a policy isolates a direction.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.flows.has_rules()
    }

    /// Judges the next frame. What passes, passes on a ground.
    ///
    /// # Errors
    /// With why it ends here.
    pub fn frame(&mut self, frame: &Frame, sender: Sender) -> Result<Ground, Drop> {
        // "up to two in the frame's bytes: skipped; the inner packet is judged exactly as if untagged … A third
        // tag, or anything else inside: reason ether-type at rules endpoints."
        if frame.tags.len() > 2 {
            return self.unparsed(frame, sender, Drop::EtherType);
        }
        match &frame.content {
            Content::Other(_) => self.unparsed(frame, sender, Drop::EtherType),
            Content::Arp(arp) => self.arp(frame, *arp),
            Content::Whole(datagram) => self.ip(frame, datagram, sender),
            Content::Fragment(fragment) => self.ip(frame, &fragment.whole, sender),
        }
    }

    /// "fragments, unparsable packets and other EtherTypes pass" without rules; "At an endpoint with rules, what
    /// cannot be parsed is dropped, with its reason" (3.1). "What this node itself sends to its local pods passes
    /// above every tier" (3.3).
    fn unparsed(&self, frame: &Frame, sender: Sender, why: Drop) -> Result<Ground, Drop> {
        let proved = Ground::of(frame.direction, sender);
        if self.has_rules() && proved == Ground::Rules { Err(why) } else { Ok(proved) }
    }

    /// "ARP with E's own sender address (or 0.0.0.0, a probe)" (3.5).
    fn arp(&self, frame: &Frame, arp: Arp) -> Result<Ground, Drop> {
        if frame.direction == Direction::Ingress {
            return Ok(Ground::Rules);
        }
        // The sender's address ends at byte 18.
        if !arp.well_formed || frame.there().0 < 18 {
            return self.unparsed(frame, Sender::Elsewhere, Drop::Malformed);
        }
        let is_own = arp.sender.is_unspecified() || self.speaks_as(arp.sender.into());
        if is_own { Ok(Ground::Rules) } else { Err(Drop::Spoofed) }
    }

    fn ip(&mut self, frame: &Frame, datagram: &Datagram, sender: Sender) -> Result<Ground, Drop> {
        let Some(reading) = read(frame, datagram) else {
            return self.unparsed(frame, sender, Drop::Malformed);
        };
        let has_rules = self.has_rules();
        let verdict = match reading.part {
            Part::Later { offset } => {
                let proved = Ground::of(frame.direction, sender);
                self.addresses(datagram)?;
                // "At an endpoint with no rules nothing is dropped but spoofed sources (3.5): fragments … pass".
                return if has_rules {
                    self.memory.fate(frame, offset, proved).verdict()
                } else {
                    Ok(Ground::Rules)
                };
            }
            Part::Whole | Part::First { .. } => self.readable(frame, &reading, datagram, sender),
        };
        // "At a rules endpoint the outcome of each first fragment is remembered"; "Spoofed, not-mine firsts are
        // remembered as nothing".
        if let Part::First { end } = reading.part
            && has_rules
            && !matches!(verdict, Err(Drop::Spoofed | Drop::NotMine))
        {
            // "if the first one passed for its origin": who proves one passes for it, whatever else allows it.
            let proved = Ground::of(frame.direction, sender);
            self.memory.first(frame, end, verdict.clone().map(|_| proved));
        }
        verdict
    }

    /// A whole packet, or the first part of one, which is "judged like the whole packet".
    fn readable(
        &mut self,
        frame: &Frame,
        reading: &Reading,
        datagram: &Datagram,
        sender: Sender,
    ) -> Result<Ground, Drop> {
        if reading.fault.is_none()
            && !reading.hidden
            && let Some(verdict) = self.above_the_rules(frame, datagram, reading.part == Part::Whole)
        {
            return verdict;
        }
        // "Never router advertisements" (3.5): nor what may be one, since it cannot be parsed and has come from no
        // further than the link.
        let may_be_discovery = !datagram.is_ipv4() && datagram.hop_limit == 255 && reading.fault.is_some();
        if datagram.packet.direction == Direction::Egress && may_be_discovery {
            return Err(Drop::Spoofed);
        }
        self.addresses(datagram)?;
        let proved = Ground::of(datagram.packet.direction, sender);
        if let Some(fault) = &reading.fault {
            // "What this node itself sends to its local pods passes above every tier" (3.3).
            return if self.has_rules() && proved == Ground::Rules { Err(fault.clone()) } else { Ok(proved) };
        }
        let mut packet = datagram.packet;
        if reading.hidden {
            packet.transport = Transport::Other { protocol: reading.protocol };
        } else if let Some(verdict) = self.error(datagram, reading, sender) {
            return match verdict {
                // "above every tier", once more.
                Err(_) if proved != Ground::Rules => Ok(proved),
                verdict => verdict.map_err(Drop::Policy),
            };
        }
        // What goes through the pod's interface to somebody else is no flow of the pod's: it could answer with
        // that address.
        let to_others = packet.direction == Direction::Ingress && !self.speaks_as(packet.local);
        let verdict = if is_membership(datagram, reading) {
            self.flows.judge_alone(&packet, sender)
        } else if to_others {
            self.flows.clone().judge(&packet, sender)
        } else {
            self.flows.judge(&packet, sender)
        };
        verdict.map_err(Drop::Policy)
    }

    /// "ICMP errors follow the flow that they quote" (3.6); `None` where they quote none.
    fn error(
        &self,
        datagram: &Datagram,
        reading: &Reading,
        sender: Sender,
    ) -> Option<Result<Ground, Denial>> {
        self.flows.error(&about(datagram, reading)?, sender)
    }

    /// What a later fragment of this sender finds; `None` of another frame.
    #[must_use]
    pub fn fate(&self, frame: &Frame, sender: Sender) -> Option<Fate> {
        let Content::Fragment(fragment) = &frame.content else { return None };
        match read(frame, &fragment.whole)?.part {
            Part::Later { offset } => {
                Some(self.memory.fate(frame, offset, Ground::of(frame.direction, sender)))
            }
            Part::Whole | Part::First { .. } => None,
        }
    }
}

/// Membership messages of IGMP are the link's: where the rules are asked about one, it makes no flow.
fn is_membership(datagram: &Datagram, reading: &Reading) -> bool {
    let Upper::Link(crate::frame::Link::Igmp { kind }) = datagram.upper else { return false };
    let is_near = datagram.hop_limit == 1 && reading.part == Part::Whole;
    !reading.hidden && (kind == 0x11 || (is_near && matches!(kind, 0x12 | 0x16 | 0x17 | 0x22)))
}

/// The packet that an error is about, as it travelled; `None` where there is none to be read, or where it is
/// somebody else's.
#[must_use]
pub fn about(datagram: &Datagram, reading: &Reading) -> Option<Packet> {
    let Upper::Error(error) = &datagram.upper else { return None };
    // "ICMPv4 types 3, 4, 11, 12; ICMPv6 types 1–4"
    let kinds: &[u8] = if datagram.is_ipv4() { &[3, 4, 11, 12] } else { &[1, 2, 3, 4] };
    let Quote::Packet(content, _) = &error.quote else { return None };
    let (quoted, unwalked) = quoted(content, datagram.is_ipv4())?;
    // "at least 8 bytes of its transport", in what there is of the error here.
    let missing = (8 + error.quote_length()).saturating_sub(reading.upper_length);
    let behind = unwalked.map_or(error.kept(), |headers| error.quote_length().saturating_sub(headers));
    if !kinds.contains(&error.kind) || behind.saturating_sub(missing) < 8 {
        return None;
    }
    as_travelled(&quoted, &datagram.packet)
}

/// "the IP header behind the 8 bytes of ICMP header, IPv4 with options, IPv6 with at most one fragment header and no
/// other extension header, not a later fragment": the packet; and of one whose first number nobody walks over, the bytes of
/// the headers before it: the rest is what it carries.
fn quoted(content: &Content, is_ipv4: bool) -> Option<(Packet, Option<usize>)> {
    let (datagram, fragment) = match content {
        Content::Whole(datagram) => (datagram, None),
        Content::Fragment(fragment) => (&fragment.whole, Some(fragment)),
        Content::Arp(_) | Content::Other(_) => return None,
    };
    let readable = datagram.is_ipv4() == is_ipv4
        && fragment.is_none_or(|fragment| fragment.from == 0 || is_hidden(fragment))
        && datagram.lie.is_none();
    if !readable {
        return None;
    }
    let mut chain = fragment.map_or_else(Vec::new, |fragment| fragment.front.clone());
    chain.extend(fragment.map(|fragment| Extension::Atomic(fragment.identification)));
    chain.extend(&datagram.extensions);
    if is_ipv4 {
        chain.clear();
    }
    let (walked, behind) = match chain.split_first() {
        Some((Extension::Atomic(_), behind)) => (8, behind),
        _ => (0, &chain[..]),
    };
    match behind.first() {
        None => Some((datagram.packet, None)),
        Some(&Extension::Unknown(protocol)) => {
            let packet = Packet { transport: Transport::Other { protocol }, ..datagram.packet };
            Some((packet, Some(40 + walked)))
        }
        Some(_) => None,
    }
}

/// Whether the fragment header stands behind a number that nobody walks over.
fn is_hidden(fragment: &Fragment) -> bool {
    !fragment.whole.is_ipv4() && matches!(fragment.front.first(), Some(Extension::Unknown(_)))
}

/// "The quoted packet travelled in the other direction: for an error towards the pod, quoted source = pod. The quoted
/// local address must equal the error's own local address".
fn as_travelled(quoted: &Packet, error: &Packet) -> Option<Packet> {
    // "the quoted tuple is the reverse of the error's direction". Who tells the pod may be any router on the way; the pod
    // tells him whose packet it was.
    let is_answer = error.direction == Direction::Ingress || quoted.remote == error.remote;
    (quoted.direction != error.direction && quoted.local == error.local && is_answer).then_some(*quoted)
}
