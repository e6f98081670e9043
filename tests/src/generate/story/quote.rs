//! ICMP errors about frames that were seen, and about others.

use enforcer::model::Direction;
use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{
    draft::{PacketDraft, packet},
    scene::{Scene, Stranger, stranger},
};
use crate::{
    frame::{Content, Datagram, Fragment, Frame, IcmpError, Packet, Quote},
    generate::{choice::pick, universe},
};

#[derive(Debug, Clone)]
pub(super) struct ErrorDraft {
    about: About,
    kind: Index,
    code: u8,
    kept: usize,
    /// Who complains: the packet's other side, or a router.
    router: Option<usize>,
    change: Change,
}

#[derive(Debug, Clone)]
enum About {
    /// A frame of this story.
    Frame(Index),
    /// The last but so many.
    Recent(usize),
    /// A packet of one of its conversations that was perhaps never sent.
    Packet(PacketDraft),
    /// The same as a part of it, this far in.
    Part(PacketDraft, usize),
    /// Nothing.
    Garbage(Vec<u8>),
}

/// In what the quote does not fit.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    /// The error is to, or from, another address than the quoted packet's.
    Stranger(Stranger),
    /// The error travels as the quoted packet did.
    SameWay,
    /// Words of options, or an atomic fragment header.
    Headers,
}

pub(super) fn error() -> impl Strategy<Value = ErrorDraft> {
    let about = prop_oneof![
        4 => any::<Index>().prop_map(About::Frame),
        4 => (1..4_usize).prop_map(About::Recent),
        4 => packet().prop_map(About::Packet),
        1 => (packet(), select(&[0, 8, 64][..])).prop_map(|(packet, from)| About::Part(packet, from)),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(About::Garbage),
    ];
    let kept = prop_oneof![3 => Just(8), 3 => 8..64_usize, 1 => 0..8_usize];
    let router = proptest::option::weighted(0.4, 0..64_usize);
    let change = prop_oneof![
        8 => Just(Change::Nothing),
        1 => stranger().prop_map(Change::Stranger),
        1 => Just(Change::SameWay),
        2 => Just(Change::Headers),
    ];
    (about, any::<Index>(), 0..5_u8, kept, router, change).prop_map(
        |(about, kind, code, kept, router, change)| ErrorDraft { about, kind, code, kept, router, change },
    )
}

impl ErrorDraft {
    pub(super) fn datagram(&self, scene: &Scene<'_>) -> Option<Datagram> {
        let (about, quote) = match &self.about {
            About::Garbage(bytes) => {
                let conversation = pick(&self.kind, &scene.conversations)?;
                let direction =
                    if self.kept.is_multiple_of(2) { Direction::Ingress } else { Direction::Egress };
                let transport = crate::frame::Transport::Other { protocol: 0 };
                let (local, remote) = (conversation.local, conversation.remote);
                (Packet { direction, local, remote, transport }, Quote::Garbage(bytes.clone()))
            }
            about @ (About::Frame(_) | About::Recent(_) | About::Packet(_) | About::Part(..)) => {
                let content = self.quoted(quotable(about, scene)?);
                let (Content::Whole(Datagram { packet, .. })
                | Content::Fragment(Fragment { whole: Datagram { packet, .. }, .. })) = &content
                else {
                    return None;
                };
                (*packet, Quote::Packet(Box::new(content), self.kept))
            }
        };
        let mut packet = if matches!(self.change, Change::SameWay) { about } else { about.reversed() };
        let is_ipv4 = packet.local.is_ipv4();
        if let Change::Stranger(stranger) = self.change {
            packet.local = stranger.address(is_ipv4);
        }
        if let Some(router) = self.router {
            let routers: Vec<_> = universe::addresses()
                .into_iter()
                .filter(|address| address.is_ipv4() == is_ipv4 && !scene.endpoint.addresses.contains(address))
                .collect();
            packet.remote = *routers.get(router % routers.len())?;
        }
        // Errors, and a type that is none although it quotes: a redirect, a parameter problem's neighbour.
        let kinds: &[u8] = if is_ipv4 { &[3, 3, 4, 11, 12, 5, 6] } else { &[1, 2, 2, 3, 4, 5, 127] };
        let kind = *pick(&self.kind, kinds)?;
        if packet.local == packet.remote {
            return None;
        }
        Some(Datagram::new(packet).with_error(IcmpError { kind, code: self.code, quote }))
    }

    fn quoted(&self, mut content: Content) -> Content {
        if let (Change::Headers, Content::Whole(datagram)) = (self.change, &mut content) {
            if datagram.is_ipv4() {
                datagram.options = 1 + self.code;
            } else {
                datagram.extensions = vec![crate::frame::Extension::Atomic(7)];
            }
        }
        content
    }
}

/// A copy without lies: what a router quotes, it could read.
fn quotable(about: &About, scene: &Scene<'_>) -> Option<Content> {
    let of_frame = |frame: &Frame| {
        let mut content = frame.content.clone();
        if let Content::Whole(datagram) | Content::Fragment(Fragment { whole: datagram, .. }) = &mut content {
            datagram.lie = None;
        }
        content
    };
    match about {
        About::Frame(index) => pick(index, &scene.frames).map(of_frame),
        About::Recent(back) => {
            scene.frames.len().checked_sub(*back).and_then(|at| scene.frames.get(at)).map(of_frame)
        }
        About::Packet(packet) => packet.datagram(scene).map(Content::Whole),
        About::Part(packet, from) => {
            let mut whole = packet.datagram(scene)?;
            whole.payload = 64;
            Some(Content::Fragment(Fragment::first(whole, 1, 24).later(*from, from + 24, true)))
        }
        About::Garbage(_) => None,
    }
}
