//! Fragments (RFC 791; RFC 8200, section 4.5).

/// Which part of a packet is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// All of it, an IPv6 atomic fragment (RFC 6946) included.
    Whole = 0,
    /// The first fragment: it has the upper-layer header.
    First = 1,
    /// A later one.
    Later = 2,
}
