//! The flow entry: what is remembered of one flow at one endpoint.
//!
//! Two CPUs may carry the two directions at once and there are no locks: the word that decides is
//! written by one plain 8-byte store, and each direction owns its own [`Side`]. The state of a flow is
//! derived from both sides by whoever reads it.

use core::cell::Cell;

use crate::Direction;

/// Who opened a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Opener {
    /// Seen in mid-stream where neither direction was isolated.
    Unknown = 0,
    /// The remote side: the flow came towards the pod.
    Remote = 1,
    /// The pod.
    Pod = 2,
}

impl Opener {
    /// The sender of a packet that travels in this direction.
    #[must_use]
    #[inline(always)]
    pub const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Remote,
            Direction::Egress => Self::Pod,
        }
    }
}

/// Why a flow is allowed, and so how it is judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ground {
    /// The rules, or the lack of any.
    Rules = 0,
    /// The node itself sent its first packet.
    Node = 1,
    /// The pod itself did, and it came back to it.
    Own = 2,
}

/// What was decided of a flow. One `u64`: generation 32 bits, slot 16, a tag of the key 11, denied 1, ground 2,
/// opener 2.
///
/// The tag stands in the word itself because elements of the flow tables are recycled under readers: a word
/// that was read after its element went to another flow says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judgement {
    /// The generation under which it was decided.
    pub generation: u32,
    /// The slot of that generation, hence the endpoint's token.
    pub slot: u16,
    /// Who opened it.
    pub opener: Opener,
    /// Why it was allowed.
    pub ground: Ground,
    /// Both directions are dropped.
    pub denied: bool,
}

impl Judgement {
    /// The word in the entry.
    #[must_use]
    #[inline(always)]
    pub const fn pack(self, fingerprint: u32) -> u64 {
        (self.generation as u64) << 32
            | (self.slot as u64) << 16
            | tag(fingerprint) << 5
            | (self.denied as u64) << 4
            | (self.ground as u64) << 2
            | self.opener as u64
    }

    /// From the word in the entry.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    pub const fn unpack(word: u64) -> Self {
        let opener = match word & 3 {
            1 => Opener::Remote,
            2 => Opener::Pod,
            _ => Opener::Unknown,
        };
        let ground = match word >> 2 & 3 {
            1 => Ground::Node,
            2 => Ground::Own,
            _ => Ground::Rules,
        };
        Self {
            generation: (word >> 32) as u32,
            slot: (word >> 16) as u16,
            opener,
            ground,
            denied: word & 16 != 0,
        }
    }
}

/// The part of a key's fingerprint that a judgement's word has room for.
#[inline(always)]
const fn tag(fingerprint: u32) -> u64 {
    (fingerprint >> 21) as u64
}

/// What one direction saw. Only packets of that direction write it.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct Side {
    /// Packets.
    pub packets: Cell<u64>,
    /// Bytes, with the link-layer header.
    pub bytes: Cell<u64>,
    /// Low half of the jiffies at the last packet; meaningless while `packets` is 0.
    pub seen: Cell<u32>,
    /// All TCP flags seen, or-ed.
    pub tcp_flags: Cell<u32>,
}

/// One flow at one endpoint, 64 bytes.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct FlowEntry {
    /// A packed [`Judgement`].
    pub judgement: Cell<u64>,
    /// Id of the rule that decided.
    pub rule: Cell<u32>,
    /// Fingerprint of the key: an entry that was recycled under its reader shows by it.
    fingerprint: Cell<u32>,
    /// Towards the pod.
    pub ingress: Side,
    /// From the pod.
    pub egress: Side,
}

const _: () = assert!(size_of::<FlowEntry>() == 64);

impl FlowEntry {
    /// A flow of which nothing was seen yet.
    #[must_use]
    #[inline(always)]
    pub fn new(judgement: Judgement, rule: u32, fingerprint: u32) -> Self {
        Self {
            judgement: Cell::new(judgement.pack(fingerprint)),
            rule: Cell::new(rule),
            fingerprint: Cell::new(fingerprint),
            ingress: Side::default(),
            egress: Side::default(),
        }
    }

    /// What was decided of the flow with this fingerprint; `None` when the entry is another flow's.
    #[must_use]
    #[inline(always)]
    pub fn judgement(&self, fingerprint: u32) -> Option<Judgement> {
        let word = self.judgement.get();
        if word >> 5 & 0x7ff != tag(fingerprint) || self.fingerprint.get() != fingerprint {
            return None;
        }
        Some(Judgement::unpack(word))
    }

    /// Decides anew about the flow with this fingerprint. It is the writer's own: where the element has gone to another
    /// flow in the meantime, the word that is written says that it is not that one's.
    #[inline(always)]
    pub fn judge(&self, judgement: Judgement, rule: u32, fingerprint: u32) {
        self.rule.set(rule);
        self.judgement.set(judgement.pack(fingerprint));
    }

    /// The side of a direction.
    #[must_use]
    #[inline(always)]
    pub const fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether the connection has ended: a RST, or a FIN from both sides. Its tuple may be used again.
    #[must_use]
    #[inline(always)]
    pub fn is_closed(&self) -> bool {
        const FIN: u32 = 0x01;
        const RST: u32 = 0x04;
        let (ingress, egress) = (self.ingress.tcp_flags.get(), self.egress.tcp_flags.get());
        (ingress | egress) & RST != 0 || ingress & egress & FIN != 0
    }

    /// Whether packets of a direction were seen.
    #[must_use]
    #[inline(always)]
    pub fn saw(&self, direction: Direction) -> bool {
        self.side(direction).packets.get() != 0
    }

    /// Notes a packet.
    #[inline(always)]
    pub fn touch(&self, direction: Direction, now: u32, length: u32, tcp_flags: u8) {
        let side = self.side(direction);
        side.seen.set(now);
        side.packets.set(side.packets.get() + 1);
        side.bytes.set(side.bytes.get() + u64::from(length));
        side.tcp_flags.set(side.tcp_flags.get() | u32::from(tcp_flags));
    }

    /// The entry's bytes, as they stand in the table.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let mut rest = bytes.as_mut_slice();
        let mut put = |word: &[u8]| {
            let (to, behind) = core::mem::take(&mut rest).split_at_mut(word.len());
            to.copy_from_slice(word);
            rest = behind;
        };
        put(&self.judgement.get().to_ne_bytes());
        put(&self.rule.get().to_ne_bytes());
        put(&self.fingerprint.get().to_ne_bytes());
        for side in [&self.ingress, &self.egress] {
            put(&side.packets.get().to_ne_bytes());
            put(&side.bytes.get().to_ne_bytes());
            put(&side.seen.get().to_ne_bytes());
            put(&side.tcp_flags.get().to_ne_bytes());
        }
        bytes
    }

    /// Forgets what was seen: the tuple is used for a new flow.
    #[inline(always)]
    pub fn restart(&self) {
        for side in [&self.ingress, &self.egress] {
            side.packets.set(0);
            side.bytes.set(0);
            side.tcp_flags.set(0);
        }
    }
}

/// A copy of what an entry says of its flow, made from the bytes of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowState {
    /// What was decided of it.
    pub judgement: Judgement,
    /// Id of the rule that decided.
    pub rule: u32,
    /// Jiffies since the last packet of either direction.
    pub idle: u32,
    /// Whether packets of both directions were seen.
    pub answered: bool,
    /// All TCP flags seen towards the pod, or-ed.
    pub ingress_flags: u8,
    /// All TCP flags seen from the pod, or-ed.
    pub egress_flags: u8,
}

impl FlowState {
    /// From an entry's bytes; `now` tells which direction was seen last, since jiffies come round.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "flags are the low byte of their word")]
    pub fn from_bytes(bytes: &[u8; 64], now: u32) -> Self {
        let half = |at: usize| {
            let mut word = [0; 4];
            for (to, from) in word.iter_mut().zip(bytes.iter().skip(at)) {
                *to = *from;
            }
            u32::from_ne_bytes(word)
        };
        let wide = |at: usize| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes.iter().skip(at)) {
                *to = *from;
            }
            u64::from_ne_bytes(word)
        };
        let side = core::mem::size_of::<Side>();
        let (ingress, egress) = (16, 16 + side);
        // A packet that came after `now` was read makes a negative age: none. Time-outs are below 2³¹ ticks.
        let age = |at: usize| match wide(at) {
            0 => u32::MAX,
            _ => u32::try_from(now.wrapping_sub(half(at + 16)).cast_signed()).unwrap_or(0),
        };
        let youngest = age(ingress).min(age(egress));
        Self {
            judgement: Judgement::unpack(wide(0)),
            rule: half(8),
            idle: youngest,
            answered: wide(ingress) != 0 && wide(egress) != 0,
            ingress_flags: half(ingress + 20) as u8,
            egress_flags: half(egress + 20) as u8,
        }
    }
    /// An entry's bytes with both last-seen times moved back by some ticks: for tests of what becomes of old ones.
    #[must_use]
    pub fn aged(bytes: &[u8; 64], ticks: u32) -> [u8; 64] {
        let mut aged = *bytes;
        for (word, from) in aged.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // Behind the judgement, the rule and the fingerprint each side has packets, bytes and the time.
            if word == 8 || word == 14 {
                *from = u32::from_ne_bytes(*from).wrapping_sub(ticks).to_ne_bytes();
            }
        }
        aged
    }
}
