//! The outcome for one packet, and its names.

/// The way a packet travels, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Towards the pod: the egress hook of the host-side interface.
    Ingress = 0,
    /// From the pod: the ingress hook of the host-side interface.
    Egress = 1,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }

    /// From its number in an event.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Ingress),
            1 => Some(Self::Egress),
            _ => None,
        }
    }
}

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The rules do not allow it: no rule of the isolating policies matches.
    Policy = 1,
    /// A pod sent it with a source that is not its own, or link traffic that pods must not send.
    Spoofed = 2,
    /// Sent to a pod's interface with a unicast destination that is not the pod's.
    NotMine = 3,
    /// It cannot be parsed: truncated, or lengths that contradict each other.
    Malformed = 4,
    /// A fragment: its ports cannot be known.
    Fragment = 5,
    /// An IPv6 extension header that is not walked, or more of them than are walked.
    ExtensionHeader = 6,
    /// Neither IPv4, IPv6 nor ARP.
    EtherType = 7,
    /// The interface has the program but the tables do not know it: closed until they do.
    UnknownEndpoint = 8,
    /// The tables name a row that is not there: closed; a defect to report.
    Inconsistent = 9,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Policy,
        Self::Spoofed,
        Self::NotMine,
        Self::Malformed,
        Self::Fragment,
        Self::ExtensionHeader,
        Self::EtherType,
        Self::UnknownEndpoint,
        Self::Inconsistent,
    ];

    /// Its name in events, counters and the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Spoofed => "spoofed",
            Self::NotMine => "not-mine",
            Self::Malformed => "malformed",
            Self::Fragment => "fragment",
            Self::ExtensionHeader => "extension-header",
            Self::EtherType => "ether-type",
            Self::UnknownEndpoint => "unknown-endpoint",
            Self::Inconsistent => "inconsistent",
        }
    }

    /// From its number in an event.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == number)
    }
}

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, to other programs on the hook too.
    Pass,
    /// It ends here.
    Drop(Reason),
}
