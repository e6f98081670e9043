//! What can be read of a frame, by arithmetic on its description.

use super::Drop;
use crate::frame::{Content, Datagram, Extension, Fragment, Frame, Lie, Transport, Upper, has_length};

/// How many extension headers are walked, the fragment header among them (the design leaves the number open).
const WALK: usize = 4;

/// Which part of its packet a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    /// The beginning: more follows.
    First {
        /// Where the transport header ends, from the start of what was cut up.
        end: usize,
    },
    /// What follows.
    Later {
        /// Where it begins, from the start of what was cut up.
        offset: usize,
    },
}

/// What can be read of a frame with addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// Which part it is, as far as it can be seen.
    pub part: Part,
    /// Why it cannot be read to its transport header.
    pub fault: Option<Drop>,
    /// The protocol behind the headers that are walked.
    pub protocol: u8,
    /// That protocol is an unknown number: what the packet carries is not seen.
    pub hidden: bool,
    /// Bytes of the transport's header and payload.
    pub upper_length: usize,
}

/// What stops the walk over extension headers.
enum Stop {
    /// The upper layer, so many bytes on.
    Upper(usize),
    /// An unknown number.
    Unknown(u8, usize),
    /// A fault.
    Fault(Drop),
}

/// Reads a frame that carries this packet or a part of it. `None`: not even the addresses are there.
#[must_use]
pub fn read(frame: &Frame, datagram: &Datagram) -> Option<Reading> {
    let (there, should) = frame.there();
    let least = if datagram.is_ipv4() { 20 } else { 40 };
    if there < least {
        return None;
    }
    // Until a fragment header has been seen there is no knowing that this is a part.
    let fault =
        |drop| Reading { part: Part::Whole, fault: Some(drop), protocol: 0, hidden: false, upper_length: 0 };
    let header = least + if datagram.is_ipv4() { 4 * usize::from(datagram.options) } else { 0 };
    let claimed = match datagram.lie {
        // A header of fewer words than any has, or of another version.
        Some(Lie::Version(_) | Lie::HeaderLength(_)) => return Some(fault(Drop::Malformed)),
        Some(Lie::Length(more)) => should.checked_add_signed(more.into()),
        _ => Some(should),
    };
    // Padding belongs to nobody; a length past the frame's end is a lie.
    let Some(claimed) = claimed.filter(|claimed| *claimed <= there && *claimed >= header) else {
        return Some(fault(Drop::Malformed));
    };
    let available = claimed - header;
    Some(match &frame.content {
        Content::Fragment(fragment) if datagram.is_ipv4() => {
            // Neither flag nor offset: the whole packet.
            if fragment.from == 0 && !fragment.more {
                upper(datagram, Part::Whole, 0, available)
            } else {
                part(fragment, 0, available)
            }
        }
        Content::Fragment(fragment) => {
            let mut walk = Walk { steps: 0, fragments: 0, at: 0, available };
            match walk.over(&fragment.front, datagram.lie) {
                Stop::Fault(drop) => return Some(fault(drop)),
                Stop::Unknown(protocol, at) => return Some(hidden(protocol, available - at)),
                Stop::Upper(_) => {}
            }
            // "A second fragment header in one packet: `extension-header`"; so is one header too many.
            if walk.fragments > 0 || walk.steps == WALK {
                return Some(fault(Drop::ExtensionHeader));
            }
            if walk.at + 8 > available {
                return Some(fault(Drop::Malformed));
            }
            let behind = available - walk.at - 8;
            if fragment.from == 0 && !fragment.more {
                let walk = Walk { steps: walk.steps + 1, fragments: 1, at: 0, available: behind };
                return Some(walked(datagram, walk, Part::Whole));
            }
            part(fragment, walk.steps + 1, behind)
        }
        _ if datagram.is_ipv4() => upper(datagram, Part::Whole, 0, available),
        Content::Whole(_) | Content::Arp(_) | Content::Other(_) => {
            walked(datagram, Walk { steps: 0, fragments: 0, at: 0, available }, Part::Whole)
        }
    })
}

/// A fragment with `available` bytes of its packet, after so many headers.
fn part(fragment: &Fragment, steps: usize, available: usize) -> Reading {
    if fragment.from > 0 {
        let protocol = fragment.whole.protocol();
        let part = Part::Later { offset: fragment.from };
        return Reading { part, fault: None, protocol, hidden: false, upper_length: 0 };
    }
    let part = Part::First { end: 0 };
    if fragment.whole.is_ipv4() {
        return upper(&fragment.whole, part, 0, available);
    }
    walked(&fragment.whole, Walk { steps, fragments: 1, at: 0, available }, part)
}

/// The extension headers, then the upper layer.
fn walked(datagram: &Datagram, mut walk: Walk, part: Part) -> Reading {
    match walk.over(&datagram.extensions, datagram.lie) {
        Stop::Upper(at) => upper(datagram, part, at, walk.available - at),
        Stop::Unknown(protocol, at) => {
            // "with extension headers between fragment header and transport counted"
            let part = if part == Part::Whole { part } else { Part::First { end: at } };
            Reading { part, ..hidden(protocol, walk.available - at) }
        }
        // "Its transport header must be whole inside this fragment", and what is in front of it.
        Stop::Fault(Drop::Malformed) if part != Part::Whole => faulty(datagram, part, Drop::Fragment),
        Stop::Fault(drop) => faulty(datagram, part, drop),
    }
}

fn hidden(protocol: u8, upper_length: usize) -> Reading {
    Reading { part: Part::Whole, fault: None, protocol, hidden: true, upper_length }
}

fn faulty(datagram: &Datagram, part: Part, drop: Drop) -> Reading {
    let protocol = datagram.protocol();
    Reading { part, fault: Some(drop), protocol, hidden: false, upper_length: 0 }
}

struct Walk {
    /// Headers so far.
    steps: usize,
    /// Fragment headers so far.
    fragments: usize,
    /// Bytes so far, from where the walk's part begins.
    at: usize,
    /// Bytes that there are.
    available: usize,
}

impl Walk {
    /// "walk a fixed list; else fail closed": hop-by-hop options first or not at all, routing, fragment,
    /// authentication, destination options.
    fn over(&mut self, extensions: &[Extension], lie: Option<Lie>) -> Stop {
        let liar = extensions.iter().rposition(|header| has_length(*header));
        for (index, &extension) in extensions.iter().enumerate() {
            let is_walked = match extension {
                Extension::Unknown(number) => return Stop::Unknown(number, self.at),
                Extension::HopByHop(_) => self.steps == 0,
                Extension::Atomic(_) => self.fragments == 0,
                Extension::Mobility => false,
                Extension::Routing(_) | Extension::Destination(_) | Extension::Authentication(_) => true,
            };
            if !is_walked || self.steps == WALK {
                return Stop::Fault(Drop::ExtensionHeader);
            }
            self.steps += 1;
            self.fragments += usize::from(matches!(extension, Extension::Atomic(_)));
            let lies = lie == Some(Lie::ExtensionLength) && liar == Some(index);
            // No packet here is as long as the longest header.
            self.at += extension.length();
            if lies || self.at > self.available {
                return Stop::Fault(Drop::Malformed);
            }
        }
        Stop::Upper(self.at)
    }
}

/// The upper-layer header, `skipped` bytes behind the start of what was or could be cut up.
fn upper(datagram: &Datagram, part: Part, skipped: usize, available: usize) -> Reading {
    let is_part = part != Part::Whole;
    let needs = header_length(datagram);
    let tiny = if is_part { Drop::Fragment } else { Drop::Malformed };
    let drop = match needs {
        // TCP's header shorter than any is a lie wherever it stands whole.
        None => Some(if available < 20 { tiny } else { Drop::Malformed }),
        Some(needs) if needs > available => Some(tiny),
        Some(_) => lying_length(datagram, is_part, available).then_some(Drop::Malformed),
    };
    let part = if is_part { Part::First { end: skipped + needs.unwrap_or(0) } } else { part };
    let protocol = datagram.protocol();
    Reading { part, fault: drop, protocol, hidden: false, upper_length: available }
}

/// Bytes that the transport's header needs (TCP: as many as it says); `None`: fewer than any has.
fn header_length(datagram: &Datagram) -> Option<usize> {
    match (&datagram.upper, datagram.packet.transport) {
        (Upper::Transport, Transport::Tcp { .. }) => match datagram.lie {
            Some(Lie::DataOffset(words)) => Some(4 * usize::from(words)).filter(|bytes| *bytes >= 20),
            _ => Some(20),
        },
        (Upper::Transport, Transport::Udp { .. }) => Some(8),
        // A common header, and a chunk's.
        (Upper::Transport, Transport::Sctp { .. }) => Some(16),
        (_, Transport::Icmp { .. }) => Some(8),
        (
            _,
            Transport::Other { .. } | Transport::Tcp { .. } | Transport::Udp { .. } | Transport::Sctp { .. },
        ) => Some(0),
    }
}

/// UDP's length counts its header, and what it counts is there, all of it unless this is a part. 0 is what segmentation
/// offload leaves of a datagram that is too long for the field.
fn lying_length(datagram: &Datagram, is_part: bool, available: usize) -> bool {
    if datagram.upper != Upper::Transport || !matches!(datagram.packet.transport, Transport::Udp { .. }) {
        return false;
    }
    let length = match datagram.lie {
        Some(Lie::UdpLength(length)) => usize::from(length),
        _ => datagram.upper_bytes().len(),
    };
    (length < 8 && length != 0) || (length > available && !is_part)
}
