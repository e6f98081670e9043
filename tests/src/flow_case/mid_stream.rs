//! "TCP: only a SYN opens. A mid-stream packet without an entry is judged by its own direction", in all four
//! combinations of what is isolated; and what never makes an entry.

use enforcer_common::flow::Opener;

use super::{
    Case, Entry,
    case::tcp as segment,
    case::{
        ACK, FIN_ACK, SYN, back, case, drops, egress, ingress, out, passes, rules, says, says_nothing, sctp,
    },
};
use crate::{
    builder::{any, rule, tcp},
    frame::{SctpChunk, TcpFlags},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "mid-stream, only its own direction is isolated: the sender is the opener if that allows",
            [
                rules([egress([rule([], [tcp(80)])])]),
                passes(out(ACK)),
                says(out(ACK), Entry::opening(Opener::Pod)),
            ],
        ),
        case(
            "mid-stream, only its own direction is isolated and denies: dropped without an entry",
            [rules([egress([rule([], [tcp(81)])])]), drops(out(FIN_ACK)), says_nothing(out(ACK))],
        ),
        case(
            "mid-stream, only the other direction is isolated: passes and makes no entry",
            [
                rules([egress([])]),
                passes(back(ACK)),
                says_nothing(back(ACK)),
                drops(out(ACK)),
                rules([ingress([])]),
                passes(out(ACK)),
                says_nothing(out(ACK)),
                drops(back(ACK)),
            ],
        ),
        case(
            "mid-stream, both directions are isolated: each is judged by its own",
            [
                rules([ingress([rule([], [tcp(40_000)])]), egress([])]),
                drops(out(ACK)),
                says_nothing(out(ACK)),
                passes(back(ACK)),
                says(back(ACK), Entry::opening(Opener::Remote)),
                // That is a reply now.
                passes(out(ACK)),
            ],
        ),
        case(
            "mid-stream, neither is isolated: the opener is unknown, and both directions must allow later",
            [
                passes(out(ACK)),
                says(out(ACK), Entry::opening(Opener::Unknown)),
                passes(back(ACK)),
                says(out(ACK), Entry::confirmed(Opener::Unknown)),
                rules([ingress([rule([], [tcp(40_000)])]), egress([rule([], [tcp(80)])])]),
                passes(back(ACK)),
                rules([egress([])]),
                drops(back(ACK)),
                says(out(ACK), Entry::confirmed(Opener::Unknown).denied()),
                rules([ingress([])]),
                drops(out(ACK)),
                rules([]),
                passes(out(ACK)),
            ],
        ),
        case(
            "a SYN on a flow of unknown opener is a new flow",
            [
                passes(back(ACK)),
                rules([egress([any()]), ingress([])]),
                drops(back(SYN)),
                passes(out(SYN)),
                says(out(ACK), Entry::opening(Opener::Pod)),
            ],
        ),
        case(
            "SCTP: only an INIT opens",
            [
                rules([ingress([any()])]),
                passes(back(sctp(SctpChunk::INIT))),
                says(back(sctp(SctpChunk::INIT)), Entry::opening(Opener::Remote)),
                passes(out(sctp(SctpChunk::INIT_ACK))),
                says(back(sctp(SctpChunk::DATA)), Entry::confirmed(Opener::Remote)),
            ],
        ),
        case(
            "SCTP: what follows is mid-stream",
            [
                rules([egress([])]),
                passes(back(sctp(SctpChunk::DATA))),
                says_nothing(back(sctp(SctpChunk::DATA))),
                drops(out(sctp(SctpChunk::COOKIE_ECHO))),
                rules([]),
                passes(out(sctp(SctpChunk::HEARTBEAT))),
                says(out(sctp(SctpChunk::HEARTBEAT)), Entry::opening(Opener::Unknown)),
            ],
        ),
        case(
            "SCTP: an INIT ACK and an ABORT never make an entry",
            [
                passes(out(sctp(SctpChunk::INIT_ACK))),
                passes(back(sctp(SctpChunk::ABORT))),
                says_nothing(out(sctp(SctpChunk::DATA))),
            ],
        ),
    ];
    cases.extend([rules([]), rules([egress([any()]), ingress([any()])])].map(|setting| {
        let impossible = [
            TcpFlags::SYN_ACK,
            TcpFlags::RST,
            TcpFlags::RST | TcpFlags::ACK,
            TcpFlags::NONE,
            TcpFlags::FIN,
            TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG,
            TcpFlags::SYN | TcpFlags::FIN,
            TcpFlags::SYN | TcpFlags::RST,
            TcpFlags(0xff),
        ];
        let both = |flags| [passes(out(segment(flags))), passes(back(segment(flags)))];
        let packets = impossible.into_iter().flat_map(both);
        let steps = std::iter::once(setting).chain(packets).chain([says_nothing(out(ACK))]);
        case("SYN+ACK, RST and impossible flags never make an entry", steps)
    }));
    cases
}
