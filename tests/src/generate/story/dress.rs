//! What is around a packet and what is wrong with it.

use proptest::{collection, option, prelude::*, sample::select};

use crate::frame::{Content, Datagram, Extension, Fragment, Frame, Lie, Tag, Upper};

#[derive(Debug, Clone)]
pub(super) struct Dress {
    tags: Vec<Tag>,
    options: u8,
    extensions: Vec<Extension>,
    payload: usize,
    lie: Option<Lie>,
    padding: usize,
    cut: Option<usize>,
}

pub(super) fn dress() -> impl Strategy<Value = Dress> {
    let tag = select(&[Tag::Customer, Tag::Service][..]);
    let tags = prop_oneof![5 => Just(Vec::new()), 1 => collection::vec(tag, 1..=3)];
    let options = prop_oneof![4 => Just(0), 1 => 1..=10_u8];
    let extensions = prop_oneof![4 => Just(Vec::new()), 1 => collection::vec(extension(), 1..=5)];
    let payload = prop_oneof![1 => Just(0), 2 => 0..96_usize];
    let padding = prop_oneof![6 => Just(0), 1 => 1..40_usize];
    let cut = option::weighted(0.04, 0..70_usize);
    (tags, options, extensions, payload, option::weighted(0.08, lie()), padding, cut)
        .prop_map(|(tags, options, extensions, payload, lie, padding, cut)| Dress {
            tags,
            options,
            extensions,
            payload,
            lie,
            padding,
            cut,
        })
        .boxed()
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        2 => (1..=3_u8).prop_map(Extension::HopByHop),
        2 => (1..=3_u8).prop_map(Extension::Routing),
        3 => (1..=3_u8).prop_map(Extension::Destination),
        2 => select(&[3, 5][..]).prop_map(Extension::Authentication),
        2 => (0..3_u32).prop_map(Extension::Atomic),
        1 => Just(Extension::Mobility),
        // "No next header", and a number that nobody has assigned.
        1 => select(&[59, 200][..]).prop_map(Extension::Unknown),
    ]
}

fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        1 => select(&[0, 5, 6, 4, 15][..]).prop_map(Lie::Version),
        1 => (0..5_u8).prop_map(Lie::HeaderLength),
        1 => (-60..60_i16).prop_map(Lie::Length),
        1 => select(&[i16::MAX, i16::MIN][..]).prop_map(Lie::Length),
        1 => (0..16_u8).prop_map(Lie::DataOffset),
        1 => select(&[0, 1, 7, 8, 9, 24, 60, 200, u16::MAX][..]).prop_map(Lie::UdpLength),
        3 => Just(Lie::ExtensionLength),
    ]
}

impl Dress {
    /// All that is of the network layer.
    pub(super) fn datagram(&self, datagram: Datagram) -> Datagram {
        Datagram { payload: self.payload, lie: self.fitting(&datagram), ..self.readable(datagram) }
    }

    /// What leaves a message readable that is more than its header.
    pub(super) fn readable(&self, mut datagram: Datagram) -> Datagram {
        if datagram.is_ipv4() {
            datagram.options = self.options;
        } else {
            datagram.extensions.clone_from(&self.extensions);
        }
        datagram
    }

    /// For a packet that will be cut up, whose IP header each part has its own of.
    pub(super) fn fragmented(&self, datagram: Datagram) -> Datagram {
        let mut datagram = self.datagram(datagram);
        datagram.lie = datagram.lie.filter(|lie| matches!(lie, Lie::DataOffset(_) | Lie::UdpLength(_)));
        datagram
    }

    /// Tags and padding. Behind an error padding would be more of the quote, as good as any that a forger writes.
    pub(super) fn wrap(&self, frame: Frame) -> Frame {
        let quotes = match &frame.content {
            Content::Whole(datagram) | Content::Fragment(Fragment { whole: datagram, .. }) => {
                matches!(datagram.upper, Upper::Error(_))
            }
            Content::Arp(_) | Content::Other(_) => false,
        };
        Frame { tags: self.tags.clone(), padding: if quotes { 0 } else { self.padding }, ..frame }
    }

    /// Truncates.
    pub(super) fn cut(&self, frame: Frame) -> Frame {
        let padding = if self.cut.is_some() { 0 } else { frame.padding };
        Frame { cut: self.cut, padding, ..frame }
    }

    /// The lie, where it is one: the right version is none, and no header of IPv6 counts words.
    fn fitting(&self, datagram: &Datagram) -> Option<Lie> {
        let version = if datagram.is_ipv4() { 4 } else { 6 };
        self.lie.filter(|lie| match lie {
            Lie::Version(claimed) => *claimed != version,
            Lie::HeaderLength(_) => datagram.is_ipv4(),
            Lie::ExtensionLength => self.extensions.iter().any(|header| crate::frame::has_length(*header)),
            Lie::Length(more) => *more != 0,
            Lie::DataOffset(_) | Lie::UdpLength(_) => true,
        })
    }
}
