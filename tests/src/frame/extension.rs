//! IPv6 extension headers (RFC 8200 section 4, RFC 4302, RFC 6275).

/// An extension header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// Hop-by-hop options of so many units of eight bytes, from 1.
    HopByHop(u8),
    /// Routing header of so many units, from 1, without segments left.
    Routing(u8),
    /// Destination options of so many units, from 1.
    Destination(u8),
    /// Authentication header with so many words of check value, an odd number.
    Authentication(u8),
    /// A fragment header that says that this is the whole packet (RFC 6946), with its identification.
    Atomic(u32),
    /// Mobility header.
    Mobility,
    /// A number that is no extension header's, in front of something that looks like one.
    Unknown(u8),
}

impl Extension {
    /// IANA number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Routing(_) => 43,
            Self::Atomic(_) => 44,
            Self::Authentication(_) => 51,
            Self::Destination(_) => 60,
            Self::Mobility => 135,
            Self::Unknown(number) => number,
        }
    }

    /// Bytes.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::HopByHop(units) | Self::Routing(units) | Self::Destination(units) => 8 * usize::from(units),
            Self::Authentication(words) => 12 + 4 * usize::from(words),
            Self::Atomic(_) | Self::Mobility | Self::Unknown(_) => 8,
        }
    }

    fn bytes(self, next: u8) -> Vec<u8> {
        let mut bytes = vec![0; self.length()];
        match self {
            Self::HopByHop(units) | Self::Destination(units) => {
                // One option that pads: PadN and the bytes behind its length. What is left are Pad1, zeros.
                let padding = u8::try_from(self.length().saturating_sub(4)).unwrap_or(u8::MAX);
                super::datagram::set(&mut bytes, 1, &[units - 1, 1, padding]);
            }
            Self::Routing(units) => super::datagram::set(&mut bytes, 1, &[units - 1]),
            Self::Authentication(words) => super::datagram::set(&mut bytes, 1, &[words + 1]),
            Self::Atomic(identification) => {
                super::datagram::set(&mut bytes, 4, &identification.to_be_bytes());
            }
            Self::Mobility | Self::Unknown(_) => {}
        }
        super::datagram::set(&mut bytes, 0, &[next]);
        bytes
    }
}

/// The number of the first header, and all of them in front of what has the number `upper`. When `lying`, the last
/// one with a length says that it is the longest there can be.
pub(super) fn chain(extensions: &[Extension], upper: u8, lying: bool) -> (u8, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut next = upper;
    let mut lying = lying;
    for &extension in extensions.iter().rev() {
        let mut header = extension.bytes(next);
        if lying && has_length(extension) {
            super::datagram::set(&mut header, 1, &[255]);
            lying = false;
        }
        header.extend(bytes);
        bytes = header;
        next = extension.number();
    }
    (next, bytes)
}

/// Whether a header says how long it is.
#[must_use]
pub fn has_length(extension: Extension) -> bool {
    match extension {
        Extension::HopByHop(_)
        | Extension::Routing(_)
        | Extension::Destination(_)
        | Extension::Authentication(_) => true,
        Extension::Atomic(_) | Extension::Mobility | Extension::Unknown(_) => false,
    }
}
