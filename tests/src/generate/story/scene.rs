//! What drafts refer to: the endpoint, its conversations, and the frames so far.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enforcer::model::Endpoint;
use proptest::{prelude::*, sample::select};

use crate::{
    frame::{Content, Datagram, Fragment, Frame},
    generate::{history::Conversation, universe},
};

pub(super) struct Scene<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) conversations: Vec<Conversation>,
    pub(super) frames: Vec<Frame>,
}

impl Scene<'_> {
    /// The whole packets so far.
    pub(super) fn datagrams(&self) -> Vec<&Datagram> {
        let whole = |frame| match frame {
            &Frame { content: Content::Whole(ref datagram), .. } => Some(datagram),
            _ => None,
        };
        self.frames.iter().filter_map(whole).collect()
    }

    /// The fragments so far.
    pub(super) fn fragments(&self) -> Vec<&Fragment> {
        let fragment = |frame| match frame {
            &Frame { content: Content::Fragment(ref fragment), .. } => Some(fragment),
            _ => None,
        };
        self.frames.iter().filter_map(fragment).collect()
    }

    /// An own address of a family.
    pub(super) fn own(&self, is_ipv4: bool) -> Option<IpAddr> {
        self.endpoint.addresses.iter().copied().find(|address| address.is_ipv4() == is_ipv4)
    }
}

/// An address that is not, or not simply, the endpoint's own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stranger {
    /// Some pod's, or nobody's: perhaps in a prefix that is the endpoint's.
    Universe(usize),
    Unspecified,
    LinkLocal,
    Group,
    Broadcast,
}

pub(super) fn stranger() -> impl Strategy<Value = Stranger> {
    prop_oneof![
        5 => (0..64_usize).prop_map(Stranger::Universe),
        2 => select(&[Stranger::Unspecified, Stranger::LinkLocal, Stranger::Group, Stranger::Broadcast][..]),
    ]
}

impl Stranger {
    pub(super) fn address(self, is_ipv4: bool) -> IpAddr {
        if let Self::Universe(number) = self {
            let of_family = universe::addresses().into_iter().filter(|address| address.is_ipv4() == is_ipv4);
            let all: Vec<IpAddr> = of_family.collect();
            return all.get(number % all.len().max(1)).copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
        }
        match (self, is_ipv4) {
            (Self::Unspecified | Self::Universe(_), true) => Ipv4Addr::UNSPECIFIED.into(),
            (Self::Unspecified | Self::Universe(_), false) => Ipv6Addr::UNSPECIFIED.into(),
            (Self::LinkLocal, true) => [169, 254, 7, 7].into(),
            (Self::LinkLocal, false) => universe::address("fe80::7"),
            (Self::Group, true) => [224, 0, 0, 22].into(),
            (Self::Group, false) => universe::address("ff02::16"),
            (Self::Broadcast, true) => Ipv4Addr::BROADCAST.into(),
            (Self::Broadcast, false) => universe::address("ff02::1"),
        }
    }
}
