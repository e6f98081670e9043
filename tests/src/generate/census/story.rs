//! What frames are made of, and what becomes of them in the oracle's eyes.

use std::collections::BTreeSet;

use enforcer::model::{Direction, Endpoint};

use super::{Census, Construct as C};
use crate::{
    frame::{
        Arp, Content, Datagram, Extension, Frame, IcmpError, Lie, Link, Quote, Sender, Tag, TcpFlags,
        Transport, Upper,
    },
    generate::{Beat, Story},
    oracle::{
        flow::{Ground, Segment},
        packet::{Drop, Fate, PacketOracle, Part, about, read},
    },
};

type Verdict = Result<Ground, Drop>;

pub(super) fn count(census: &mut Census, story: &Story) {
    let mut cluster = story.cluster.clone();
    let mut oracle = PacketOracle::new(&cluster, &story.endpoint);
    let mut firsts = BTreeSet::new();
    for beat in &story.beats {
        match beat {
            Beat::Wait(seconds) => {
                census.note(C::StoryWait);
                oracle.wait(*seconds);
            }
            Beat::Change(event) => {
                census.note(C::StoryChange);
                cluster.apply(event.clone());
                oracle.update(&cluster, true);
            }
            Beat::Frame(frame, sender) => {
                let fate = oracle.fate(frame, *sender);
                count_error(census, &oracle, frame, *sender);
                count_segment(census, &oracle, frame);
                let verdict = oracle.frame(frame, *sender);
                count_frame(census, frame, &verdict);
                census.note_if(!oracle.has_rules(), C::FrameOpen);
                match sender {
                    Sender::Elsewhere => {}
                    Sender::Node => census.note(C::FrameOfNode),
                    Sender::Own => census.note(C::FrameOfSelf),
                    Sender::OtherPod => census.note(C::FrameOfOtherPod),
                }
                count_source(census, &story.endpoint, frame, &verdict);
                if oracle.has_rules() {
                    count_part(census, frame, &verdict, fate, &mut firsts);
                }
                count_link(census, &story.endpoint, frame, &verdict);
            }
        }
    }
}

fn count_frame(census: &mut Census, frame: &Frame, verdict: &Verdict) {
    match frame.tags.len() {
        0 => {}
        1 => census.note(C::FrameTagged),
        2 => census.note(C::FrameTaggedTwice),
        _ => census.note(C::FrameTaggedThrice),
    }
    census.note_if(frame.tags.contains(&Tag::Service), C::FrameServiceTag);
    census.note_if(frame.padding > 0, C::FramePadded);
    match &frame.content {
        Content::Other(_) => census.note(C::FrameOther),
        Content::Arp(Arp { sender, well_formed, .. }) if frame.direction == Direction::Egress => {
            match verdict {
                Err(Drop::Spoofed) => census.note(C::ArpClaim),
                _ if !well_formed => census.note(C::ArpMalformed),
                _ if sender.is_unspecified() => census.note(C::ArpProbe),
                _ => census.note(C::ArpOwn),
            }
        }
        Content::Arp(_) => {}
        Content::Whole(datagram) => {
            let cut = frame.cut.is_some_and(|cut| cut < frame.content.bytes().len());
            let whole = read(frame, datagram).is_some();
            census.note_if(cut, if whole { C::FrameCut } else { C::FrameCutShort });
            count_datagram(census, datagram);
        }
        Content::Fragment(fragment) => {
            if fragment.from == 0 {
                count_datagram(census, &fragment.whole);
            }
            let ahead = fragment.front.iter().chain(&fragment.whole.extensions);
            let atomic = ahead.filter(|header| matches!(header, Extension::Atomic(_))).count();
            census.note_if(*verdict == Err(Drop::ExtensionHeader) && atomic > 0, C::FragmentSecondHeader);
        }
    }
}

fn count_datagram(census: &mut Census, datagram: &Datagram) {
    census.note_if(datagram.options > 0, C::HeaderOptions);
    for (index, extension) in datagram.extensions.iter().enumerate() {
        census.note(match extension {
            Extension::HopByHop(_) if index > 0 => C::HeaderMisplaced,
            Extension::HopByHop(_) => C::HeaderHopByHop,
            Extension::Routing(_) => C::HeaderRouting,
            Extension::Destination(_) => C::HeaderDestination,
            Extension::Authentication(_) => C::HeaderAuthentication,
            Extension::Atomic(_) => C::HeaderAtomic,
            Extension::Mobility => C::HeaderMobility,
            Extension::Unknown(_) => C::HeaderUnknown,
        });
    }
    census.note_if(datagram.extensions.len() > 4, C::HeaderMany);
    let Some(lie) = datagram.lie else { return };
    census.note(match lie {
        Lie::Version(_) => C::LieVersion,
        Lie::HeaderLength(_) => C::LieHeaderLength,
        Lie::Length(more) if more > 0 => C::LieLonger,
        Lie::Length(_) => C::LieShorter,
        Lie::DataOffset(_) if datagram.protocol() == 6 => C::LieDataOffset,
        Lie::UdpLength(_) if datagram.protocol() == 17 => C::LieUdpLength,
        Lie::DataOffset(_) | Lie::UdpLength(_) => return,
        Lie::ExtensionLength => C::LieExtensionLength,
    });
}

fn count_segment(census: &mut Census, oracle: &PacketOracle, frame: &Frame) {
    let Content::Whole(Datagram { packet, upper: Upper::Transport, .. }) = &frame.content else { return };
    let unknown = oracle.flows().entry(packet).is_none();
    if let Transport::Tcp { flags, .. } = packet.transport {
        census.note_if(flags.contains(TcpFlags::SYN | TcpFlags::FIN), C::PacketSynFin);
        census.note_if(unknown && flags.contains(TcpFlags::RST), C::PacketRstAlone);
        census.note_if(unknown && Segment::of(packet) == Segment::MidStream, C::PacketAckAlone);
    }
    census.note_if(packet.is_echo_request(), C::PacketEcho);
    census.note_if(packet.is_echo() && !packet.is_echo_request(), C::PacketEchoReply);
}

fn count_source(census: &mut Census, endpoint: &Endpoint, frame: &Frame, verdict: &Verdict) {
    let Content::Whole(Datagram { packet, upper: Upper::Transport, .. }) = &frame.content else { return };
    census.note_if(*verdict == Err(Drop::Spoofed), C::FrameSpoofed);
    census.note_if(*verdict == Err(Drop::NotMine), C::FrameNotMine);
    let foreign = frame.direction == Direction::Egress && !endpoint.addresses.contains(&packet.local);
    let in_prefix = endpoint.prefixes.iter().any(|prefix| prefix.contains(&packet.local));
    census.note_if(foreign && in_prefix && verdict.is_ok(), C::FrameOfPrefix);
    census.note_if(foreign && endpoint.any_source && verdict.is_ok(), C::FrameAnySource);
}

fn count_part(
    census: &mut Census,
    frame: &Frame,
    verdict: &Verdict,
    fate: Option<Fate>,
    firsts: &mut BTreeSet<String>,
) {
    let Content::Fragment(fragment) = &frame.content else { return };
    let Some(reading) = read(frame, &fragment.whole) else { return };
    if let Part::First { .. } = reading.part {
        census.note_if(verdict.is_ok(), C::FragmentFirst);
        census.note_if(matches!(verdict, Err(Drop::Policy(_))), C::FragmentFirstDenied);
        census.note_if(*verdict == Err(Drop::Fragment), C::FragmentTiny);
        census.note_if(matches!(fragment.whole.upper, Upper::Error(_)), C::FragmentOfError);
        let packet = &fragment.whole.packet;
        let key = format!("{} {} {}", packet.source(), packet.destination(), fragment.identification);
        census.note_if(!firsts.insert(key), C::FragmentOverwrites);
    }
    let Some(fate) = fate.filter(|_| !matches!(verdict, Err(Drop::Spoofed | Drop::NotMine))) else { return };
    let follows = fate == Fate::Follows;
    census.note_if(follows && !fragment.front.is_empty(), C::FragmentUnequal);
    census.note_if(follows && fragment.next_header.is_some(), C::FragmentNextHeader);
    census.note(match fate {
        Fate::Proved(_) => C::FragmentProved,
        Fate::Nothing => C::FragmentAlone,
        Fate::OtherGeneration => C::FragmentOutdated,
        Fate::TooOld => C::FragmentOld,
        Fate::Overlap => C::FragmentOverlap,
        Fate::Denied(_) => C::FragmentDenied,
        Fate::OtherOrigin => C::FragmentUnproved,
        Fate::Follows => C::FragmentFollows,
    });
}

/// Before the frame is judged: what it finds.
fn count_error(census: &mut Census, oracle: &PacketOracle, frame: &Frame, sender: Sender) {
    let Content::Whole(datagram) = &frame.content else { return };
    let Upper::Error(IcmpError { kind, quote, .. }) = &datagram.upper else { return };
    let Some(reading) = read(frame, datagram).filter(|reading| reading.fault.is_none()) else { return };
    match quote {
        Quote::Garbage(_) => census.note(C::ErrorGarbage),
        Quote::Packet(content, kept) => {
            census.note_if(*kept < 8, C::ErrorShort);
            census.note_if([5, 6, 127].contains(kind), C::ErrorNone);
            match content.as_ref() {
                Content::Whole(quoted) => {
                    census.note_if(quoted.options > 0, C::ErrorOptions);
                    census.note_if(quoted.packet.local != datagram.packet.local, C::ErrorElsewhere);
                }
                Content::Fragment(part) => {
                    census.note(if part.from == 0 { C::ErrorFirstPart } else { C::ErrorLaterPart });
                }
                Content::Arp(_) | Content::Other(_) => {}
            }
        }
    }
    let Some(packet) = about(datagram, &reading) else { return };
    let Some(entry) = oracle.flows().entry(&packet) else {
        census.note(C::ErrorForeign);
        return;
    };
    census.note_if(!oracle.flows().is_current(entry), C::ErrorStale);
    let Some(verdict) = oracle.flows().error(&packet, sender) else {
        census.note(C::ErrorUnproved);
        return;
    };
    census.note(if verdict.is_ok() { C::ErrorAllowed } else { C::ErrorDenied });
    if verdict.is_ok() {
        census.note_if(frame.direction == Direction::Egress, C::ErrorFromPod);
        // The same message, had it quoted nothing.
        let denied = oracle.flows().clone().judge(&datagram.packet, Sender::Elsewhere).is_err();
        census.note_if(denied, C::ErrorThrough);
    }
}

fn count_link(census: &mut Census, endpoint: &Endpoint, frame: &Frame, verdict: &Verdict) {
    let Content::Whole(datagram) = &frame.content else { return };
    let from_pod = frame.direction == Direction::Egress;
    match datagram.upper {
        Upper::Transport => count_other_link(census, endpoint, datagram, verdict),
        Upper::Error(_) => {}
        Upper::Link(link) => {
            let near = matches!((link, datagram.hop_limit), (Link::Discovery { .. }, 255) | (_, 1));
            census.note_if(!near, C::LinkByRules);
            census.note_if(near && !from_pod && verdict.is_ok(), C::LinkTowards);
            let passes = near && from_pod && verdict.is_ok();
            let spoofed = from_pod && *verdict == Err(Drop::Spoofed);
            match link {
                Link::Discovery { kind: 133, .. } => census.note_if(passes, C::LinkRouterSolicitation),
                Link::Discovery { kind: 134, .. } => census.note_if(spoofed, C::LinkRouterAdvertisement),
                Link::Discovery { kind: 135, .. } => {
                    census.note_if(passes, C::LinkSolicitation);
                    let nobody = datagram.packet.source().is_unspecified();
                    census.note_if(passes && nobody, C::LinkDuplicateDetection);
                }
                Link::Discovery { kind: 136, .. } => {
                    census.note_if(passes, C::LinkAdvertisement);
                    census.note_if(spoofed, C::LinkFalseAdvertisement);
                }
                Link::Discovery { .. } => census.note_if(spoofed, C::LinkRedirect),
                Link::Mld { kind: 130 } | Link::Igmp { kind: 0x11 } => census.note_if(spoofed, C::LinkQuery),
                Link::Mld { .. } => census.note_if(passes, C::LinkMembership),
                Link::Igmp { .. } => census.note_if(passes, C::LinkMembershipV4),
            }
        }
    }
}

fn count_other_link(census: &mut Census, endpoint: &Endpoint, datagram: &Datagram, verdict: &Verdict) {
    match datagram.packet.transport {
        Transport::Icmp { kind: 5 | 9, .. } if datagram.is_ipv4() && *verdict == Err(Drop::Spoofed) => {
            census.note(C::LinkRedirectV4);
        }
        Transport::Udp { local: 68, remote: 67 } | Transport::Udp { local: 546, remote: 547 } => {
            census.note(if endpoint.dhcp { C::DhcpAbove } else { C::DhcpUnleased });
        }
        Transport::Tcp { .. }
        | Transport::Udp { .. }
        | Transport::Sctp { .. }
        | Transport::Icmp { .. }
        | Transport::Other { .. } => {}
    }
}
