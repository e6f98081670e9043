//! What is remembered of first fragments.

use std::{collections::BTreeMap, net::IpAddr};

use enforcer::model::Direction;

use super::Drop;
use crate::{
    frame::{Content, Fragment, Frame},
    oracle::flow::Ground,
};

/// "remembered … for 30 s"
const LIFE: u64 = 30;

/// "under (endpoint, direction, source, destination, identification, and for IPv4 the protocol)"
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    direction: Direction,
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    protocol: Option<u8>,
}

#[derive(Debug, Clone)]
struct First {
    /// Where its transport header ends.
    end: usize,
    outcome: Result<Ground, Drop>,
    seen: u64,
    generation: u64,
}

/// What a later fragment finds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It proves its own origin.
    Proved(Ground),
    /// Nothing: out of order, or another datagram's.
    Nothing,
    /// A first one of another generation.
    OtherGeneration,
    /// A first one from too long ago.
    TooOld,
    /// It would overwrite the transport's header.
    Overlap,
    /// A denied first one.
    Denied(Drop),
    /// A first one that passed for an origin which this one does not prove.
    OtherOrigin,
    /// A first one that passed.
    Follows,
}

/// First fragments, by what their later ones have in common with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    now: u64,
    generation: u64,
    firsts: BTreeMap<Key, First>,
}

impl Memory {
    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += seconds;
    }

    /// Another generation.
    pub(super) fn outdate(&mut self) {
        self.generation += 1;
    }

    /// "A new first fragment always overwrites, with a deny too."
    pub(super) fn first(&mut self, frame: &Frame, end: usize, outcome: Result<Ground, Drop>) {
        let (seen, generation) = (self.now, self.generation);
        if let Some(key) = key(frame) {
            self.firsts.insert(key, First { end, outcome, seen, generation });
        }
    }

    /// What a fragment finds that begins at an offset and is of a sender with this proof.
    pub(super) fn fate(&self, frame: &Frame, offset: usize, proved: Ground) -> Fate {
        // "node origin (or own token) proved by the fragment itself passes"
        if proved != Ground::Rules {
            return Fate::Proved(proved);
        }
        // "Else what was remembered under the same key, same generation, not older than 30 s"
        let Some(first) = key(frame).and_then(|key| self.firsts.get(&key)) else { return Fate::Nothing };
        if first.generation != self.generation {
            return Fate::OtherGeneration;
        }
        if self.now - first.seen > LIFE {
            return Fate::TooOld;
        }
        // "if its offset … lies below the end of the transport header of the first one …: `fragment`"
        if offset < first.end {
            return Fate::Overlap;
        }
        match &first.outcome {
            // "if denied: reason and rule of the first one's drop"
            Err(drop) => Fate::Denied(drop.clone()),
            Ok(Ground::Rules) => Fate::Follows,
            // "if the first one passed for its origin (node, own): the fragment must prove the same origin"
            Ok(Ground::Node | Ground::Own) => Fate::OtherOrigin,
        }
    }
}

impl Fate {
    pub(super) fn verdict(self) -> Result<Ground, Drop> {
        match self {
            Self::Proved(ground) => Ok(ground),
            Self::Follows => Ok(Ground::Rules),
            Self::Denied(drop) => Err(drop),
            // "Nothing remembered (also: out of order, later before first; after a generation change; too old):
            // `fragment`."
            Self::Nothing | Self::OtherGeneration | Self::TooOld | Self::Overlap | Self::OtherOrigin => {
                Err(Drop::Fragment)
            }
        }
    }
}

fn key(frame: &Frame) -> Option<Key> {
    let Content::Fragment(Fragment { whole, identification, .. }) = &frame.content else { return None };
    let is_ipv4 = whole.is_ipv4();
    Some(Key {
        direction: frame.direction,
        source: whole.packet.source(),
        destination: whole.packet.destination(),
        identification: if is_ipv4 { identification & 0xffff } else { *identification },
        // "IPv6's `next header` of later fragments does not count, RFC 8200 4.5"
        protocol: is_ipv4.then(|| whole.protocol()),
    })
}
