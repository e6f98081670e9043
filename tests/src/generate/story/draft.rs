//! What a beat will be, before the frames in front of it are known.

use enforcer::model::Direction;
use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::{
    dress::{Dress, dress},
    fragment::{FirstPart, LaterPart, first_part, later_part},
    link::{self, LinkDraft},
    quote::{ErrorDraft, error},
    scene::{Scene, Stranger, stranger},
    sender,
};
use crate::{
    frame::{Content, Datagram, Frame, Sender},
    generate::{
        choice::pick,
        edit::{Edit, edit},
        history::{Flavour, flavour},
    },
};

#[derive(Debug, Clone)]
pub(super) enum Draft {
    Frame(Shape, Sender),
    Change(Edit),
    Undo,
    Wait(u64),
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A packet of a conversation.
    Packet(PacketDraft, Dress),
    First(PacketDraft, FirstPart, Dress),
    Later(LaterPart, Dress),
    Error(ErrorDraft, Dress),
    Link(LinkDraft, Dress),
    /// Bytes under an `EtherType`.
    Other(u16, Direction, Dress),
}

/// A packet of a conversation.
#[derive(Debug, Clone)]
pub(super) struct PacketDraft {
    conversation: Index,
    direction: Direction,
    flavour: Flavour,
    stranger: Option<Stranger>,
}

// Boxed, each: values of such trees are moved about on the stack, and threads of tests have little of it.

pub(super) fn draft() -> impl Strategy<Value = Draft> {
    let frame = (shape(), sender()).prop_map(|(shape, sender)| Draft::Frame(shape, sender)).boxed();
    prop_oneof![
        24 => frame,
        2 => edit().prop_map(Draft::Change).boxed(),
        1 => Just(Draft::Undo),
        1 => select(&[1, 14, 29, 31][..]).prop_map(Draft::Wait),
    ]
    .boxed()
}

fn shape() -> impl Strategy<Value = Shape> {
    let direction = select(&Direction::ALL[..]);
    // LLDP, Wake-on-LAN, MPLS, and QinQ's old number, which is no tag here.
    let other = select(&[0x88cc, 0x0842, 0x8847, 0x9100][..]);
    let whole = (packet(), dress()).prop_map(|(packet, dress)| Shape::Packet(packet, dress)).boxed();
    let first = (packet(), first_part(), dress())
        .prop_map(|(packet, part, dress)| Shape::First(packet, part, dress))
        .boxed();
    let later = (later_part(), dress()).prop_map(|(part, dress)| Shape::Later(part, dress)).boxed();
    let error = (error(), dress()).prop_map(|(error, dress)| Shape::Error(error, dress)).boxed();
    let link = (link::draft(), dress()).prop_map(|(link, dress)| Shape::Link(link, dress)).boxed();
    let other = (other, direction, dress())
        .prop_map(|(kind, direction, dress)| Shape::Other(kind, direction, dress))
        .boxed();
    prop_oneof![6 => whole, 4 => first, 6 => later, 5 => error, 5 => link, 1 => other].boxed()
}

pub(super) fn packet() -> impl Strategy<Value = PacketDraft> {
    let direction = select(&Direction::ALL[..]);
    (any::<Index>(), direction, flavour(), proptest::option::weighted(0.1, stranger()))
        .prop_map(|(conversation, direction, flavour, stranger)| PacketDraft {
            conversation,
            direction,
            flavour,
            stranger,
        })
        .boxed()
}

impl PacketDraft {
    pub(super) fn datagram(&self, scene: &Scene<'_>) -> Option<Datagram> {
        let conversation = pick(&self.conversation, &scene.conversations)?;
        let mut packet = conversation.packet(self.direction, self.flavour);
        if let Some(stranger) = self.stranger {
            packet.local = stranger.address(packet.local.is_ipv4());
        }
        (packet.local != packet.remote).then(|| Datagram::new(packet))
    }
}

impl Shape {
    pub(super) fn frame(&self, scene: &Scene<'_>) -> Option<Frame> {
        let (frame, dress) = match self {
            Self::Packet(packet, dress) => (Frame::whole(dress.datagram(packet.datagram(scene)?)), dress),
            Self::First(packet, part, dress) => {
                let whole = part.whole(scene).or_else(|| packet.datagram(scene))?;
                return Some(dress.wrap(Frame::fragment(part.cut(dress.fragmented(whole)))));
            }
            Self::Later(part, dress) => return Some(dress.wrap(Frame::fragment(part.fragment(scene)?))),
            Self::Error(error, dress) => {
                return Some(dress.wrap(Frame::whole(dress.readable(error.datagram(scene)?))));
            }
            Self::Link(link, dress) => match link.content(scene)? {
                (_, Content::Whole(datagram)) => {
                    return Some(dress.wrap(Frame::whole(dress.readable(datagram))));
                }
                (direction, content) => (Frame::plain(direction, content), dress),
            },
            Self::Other(kind, direction, dress) => (Frame::plain(*direction, Content::Other(*kind)), dress),
        };
        Some(dress.cut(dress.wrap(frame)))
    }
}
