//! ICMP errors and what they quote (RFC 792, RFC 4443 section 2.4).

use super::Content;

/// An ICMP error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IcmpError {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// What stands behind the eight bytes of its header.
    pub quote: Quote,
}

/// What an error quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quote {
    /// The start of a packet as it travelled: its IP header, its fragment header, and so many bytes behind them.
    Packet(Box<Content>, usize),
    /// Something else.
    Garbage(Vec<u8>),
}

impl IcmpError {
    /// Bytes of what it quotes.
    #[must_use]
    pub fn quote_length(&self) -> usize {
        self.quote.bytes().len()
    }

    /// Bytes that it quotes behind the quoted packet's headers.
    #[must_use]
    pub fn kept(&self) -> usize {
        match &self.quote {
            Quote::Packet(content, _) => self.quote_length().saturating_sub(headers(content)),
            Quote::Garbage(_) => 0,
        }
    }

    /// From its type on, with room for the checksum.
    pub(super) fn bytes(&self) -> Vec<u8> {
        // Four bytes of MTU, pointer or nothing.
        let header = [self.kind, self.code, 0, 0, 0, 0, 0x05, 0xdc];
        [&header[..], &self.quote.bytes()].concat()
    }
}

impl Quote {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Garbage(bytes) => bytes.clone(),
            Self::Packet(content, kept) => {
                let mut bytes = content.bytes();
                bytes.truncate(headers(content) + kept);
                bytes
            }
        }
    }
}

/// Bytes in front of the transport's header, or of the part of it that a fragment has.
fn headers(content: &Content) -> usize {
    match content {
        Content::Whole(datagram) if datagram.is_ipv4() => 20 + 4 * usize::from(datagram.options),
        Content::Whole(datagram) => 40 + datagram.chain().1.len(),
        Content::Fragment(fragment) if fragment.whole.is_ipv4() => {
            20 + 4 * usize::from(fragment.whole.options)
        }
        Content::Fragment(fragment) => {
            let front: usize = fragment.front.iter().map(|header| header.length()).sum();
            let behind = if fragment.from == 0 { fragment.whole.chain().1.len() } else { 0 };
            40 + front + 8 + behind
        }
        Content::Arp(_) | Content::Other(_) => 0,
    }
}
