//! A part of an IP packet (RFC 791, RFC 8200 section 4.5).

use super::{Datagram, Extension, extension, ip};

/// The bytes from `from` to `to` of what may be cut up of a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fragment {
    /// The packet. Its extension headers are behind the fragment header.
    pub whole: Datagram,
    /// IPv6 extension headers in front of the fragment header.
    pub front: Vec<Extension>,
    /// The same for all fragments of a packet. IPv4 has room for its low half only.
    pub identification: u32,
    /// First byte, a multiple of eight.
    pub from: usize,
    /// Past the last byte.
    pub to: usize,
    /// More follow.
    pub more: bool,
    /// What an IPv6 fragment says that follows, where that is not what the packet has.
    pub next_header: Option<u8>,
}

impl Fragment {
    /// The first part of a packet.
    #[must_use]
    pub fn first(whole: Datagram, identification: u32, to: usize) -> Self {
        Self { whole, front: Vec::new(), identification, from: 0, to, more: true, next_header: None }
    }

    /// Another part of the same packet.
    #[must_use]
    pub fn later(&self, from: usize, to: usize, more: bool) -> Self {
        Self { from, to, more, ..self.clone() }
    }

    /// The parts between these places, in order.
    #[must_use]
    pub fn split(whole: &Datagram, identification: u32, places: &[usize]) -> Vec<Self> {
        let end = whole.fragmentable().len();
        let starts = std::iter::once(0).chain(places.iter().copied());
        let ends = places.iter().copied().chain([end]);
        let first = Self::first(whole.clone(), identification, end);
        starts.zip(ends).map(|(from, to)| first.later(from, to, to != end)).collect()
    }

    /// From the IP header on. Bytes past the packet's end are zero.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut part: Vec<u8> = self.whole.fragmentable().into_iter().take(self.to).skip(self.from).collect();
        part.resize(self.to.saturating_sub(self.from), 0);
        let offset = u16::try_from(self.from / 8).expect("an offset of thirteen bits");
        if self.whole.is_ipv4() {
            let [_, _, high, low] = self.identification.to_be_bytes();
            let word = offset | u16::from(self.more) << 13;
            return ip::v4(&self.whole, u16::from_be_bytes([high, low]), word, &part);
        }
        let (next, _) = self.whole.chain();
        let word = (offset << 3 | u16::from(self.more)).to_be_bytes();
        let header = [self.next_header.unwrap_or(next), 0, word[0], word[1]];
        let (first, front) = extension::chain(&self.front, 44, false);
        let payload = [&front[..], &header, &self.identification.to_be_bytes(), &part].concat();
        ip::v6(&self.whole, first, &payload)
    }
}
