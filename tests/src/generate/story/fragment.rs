//! Parts of packets.

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::scene::Scene;
use crate::{
    frame::{Datagram, Extension, Fragment, Transport},
    generate::choice::pick,
};

/// The first part of a packet that was sent whole, or of a new one.
#[derive(Debug, Clone)]
pub(super) struct FirstPart {
    of: Option<Index>,
    identification: u32,
    /// In units of eight bytes.
    length: usize,
    more: bool,
    front: Vec<Extension>,
}

/// Another part of a packet of which there was a part.
#[derive(Debug, Clone)]
pub(super) struct LaterPart {
    of: Of,
    from: usize,
    length: usize,
    more: bool,
    change: Change,
}

/// Of which.
#[derive(Debug, Clone, Copy)]
enum Of {
    Any(Index),
    /// The last but so many.
    Recent(usize),
}

/// In what a later part is not like the one it follows.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    Identification,
    HighIdentification,
    WayRound,
    /// IPv4: another protocol. IPv6: another next header, which does not count.
    Protocol,
    /// IPv6: another header in front.
    Front(Extension),
    /// It is as the first part was: sent again.
    Again,
}

fn front() -> impl Strategy<Value = Vec<Extension>> {
    prop_oneof![
        6 => Just(Vec::new()),
        1 => Just(vec![Extension::HopByHop(1)]),
        1 => Just(vec![Extension::Destination(2), Extension::Routing(1)]),
        1 => Just(vec![Extension::Atomic(1)]),
        1 => Just(vec![Extension::Destination(1); 4]),
        1 => Just(vec![Extension::Unknown(200)]),
    ]
}

pub(super) fn first_part() -> impl Strategy<Value = FirstPart> {
    let of = proptest::option::weighted(0.3, any::<Index>());
    // Few numbers, so that datagrams meet, and one whose halves tell families apart.
    let identification = select(&[0, 1, 2, 0x0007_0001][..]);
    let more = prop_oneof![9 => Just(true), 1 => Just(false)];
    (of, identification, 1..10_usize, more, front()).prop_map(|(of, identification, length, more, front)| {
        FirstPart { of, identification, length, more, front }
    })
}

pub(super) fn later_part() -> impl Strategy<Value = LaterPart> {
    let change = prop_oneof![
        6 => Just(Change::Nothing),
        1 => Just(Change::Identification),
        1 => Just(Change::HighIdentification),
        1 => Just(Change::WayRound),
        6 => Just(Change::Protocol),
        6 => select(&[Extension::HopByHop(1), Extension::Destination(1), Extension::Atomic(1)][..])
            .prop_map(Change::Front),
        1 => Just(Change::Again),
    ];
    let of = prop_oneof![2 => (0..2_usize).prop_map(Of::Recent), 1 => any::<Index>().prop_map(Of::Any)];
    (of, 1..12_usize, 1..4_usize, any::<bool>(), change)
        .prop_map(|(of, from, length, more, change)| LaterPart { of, from, length, more, change })
}

impl FirstPart {
    pub(super) fn whole(&self, scene: &Scene<'_>) -> Option<Datagram> {
        let mut whole = (*pick(self.of.as_ref()?, &scene.datagrams())?).clone();
        whole.lie = None;
        Some(whole)
    }

    pub(super) fn cut(&self, whole: Datagram) -> Fragment {
        let there = whole.fragmentable().len();
        // Without its last part it is a multiple of eight long.
        let to = if self.more { (8 * self.length).min(there / 8 * 8).max(8) } else { there };
        let front = if whole.is_ipv4() { Vec::new() } else { self.front.clone() };
        Fragment { front, more: self.more, ..Fragment::first(whole, self.identification, to) }
    }
}

impl LaterPart {
    pub(super) fn fragment(&self, scene: &Scene<'_>) -> Option<Fragment> {
        let fragments = scene.fragments();
        let mut fragment = match &self.of {
            Of::Any(index) => (*pick(index, &fragments)?).clone(),
            Of::Recent(back) => (*fragments.iter().rev().nth(*back)?).clone(),
        };
        let is_ipv4 = fragment.whole.is_ipv4();
        match self.change {
            Change::Again => return Some(fragment),
            Change::Nothing => {}
            Change::Identification => fragment.identification ^= 1,
            // IPv4 has no room for it: the same fragment.
            Change::HighIdentification => fragment.identification ^= 0x0001_0000,
            Change::WayRound => fragment.whole.packet = fragment.whole.packet.reversed(),
            Change::Protocol if is_ipv4 => {
                fragment.whole.packet.transport = Transport::Other { protocol: 253 };
                fragment.whole.upper = crate::frame::Upper::Transport;
            }
            Change::Protocol => fragment.next_header = Some(253),
            Change::Front(_) if is_ipv4 => {}
            Change::Front(extension) => fragment.front = vec![extension],
        }
        let from = 8 * self.from;
        Some(fragment.later(from, from + 8 * self.length, self.more))
    }
}
