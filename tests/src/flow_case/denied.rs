//! "A flow that is now denied keeps its entry, marked denied: both directions are dropped, counted. A TCP SYN in either
//! direction, or a UDP packet of the opener, is judged afresh and may replace the mark; a later generation may revive
//! it."

use enforcer_common::flow::Opener;

use super::{
    Case, Entry,
    case::{
        ACK, FIN_ACK, RST, SYN, SYN_ACK, UDP, back, case, deny_all, drops, egress, ingress, out, passes,
        rules, says, sctp,
    },
};
use crate::{
    builder::{any, rule, udp},
    frame::SctpChunk,
};

pub(super) fn cases() -> Vec<Case> {
    let denied = Entry::confirmed(Opener::Pod).denied();
    vec![
        case(
            "a denied flow is dropped from both sides, also where the reply's direction is open",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                rules([egress([])]),
                drops(back(ACK)),
                drops(out(ACK)),
                drops(out(FIN_ACK)),
                drops(back(FIN_ACK)),
                drops(back(RST)),
                says(out(ACK), denied),
            ],
        ),
        case(
            "a SYN of the side that may open replaces the mark, and that side is the opener then",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                rules([egress([])]),
                drops(out(ACK)),
                drops(out(SYN)),
                says(out(ACK), denied),
                passes(back(SYN)),
                says(out(ACK), Entry::confirmed(Opener::Remote).restarted()),
                passes(out(SYN_ACK)),
                says(out(ACK), Entry::confirmed(Opener::Remote)),
            ],
        ),
        case(
            "a SYN of the opener replaces the mark once the rules allow it",
            [
                passes(out(SYN)),
                deny_all(),
                drops(out(SYN)),
                rules([egress([any()]), ingress([])]),
                passes(out(SYN)),
                says(out(SYN), Entry::opening(Opener::Pod)),
            ],
        ),
        case(
            "a datagram of the opener is judged afresh, one of the other side is not",
            [
                passes(out(UDP)),
                passes(back(UDP)),
                // The other side may open; this flow was the pod's.
                rules([egress([]), ingress([any()])]),
                drops(back(UDP)),
                drops(back(UDP)),
                drops(out(UDP)),
                says(out(UDP), denied),
                rules([egress([rule([], [udp(53)])]), ingress([])]),
                passes(out(UDP)),
                says(out(UDP), Entry::confirmed(Opener::Pod).restarted()),
                passes(back(UDP)),
                says(out(UDP), Entry::confirmed(Opener::Pod)),
            ],
        ),
        case(
            "a later generation revives, at a packet of either side",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                deny_all(),
                drops(back(ACK)),
                says(out(ACK), denied),
                rules([egress([any()]), ingress([])]),
                says(out(ACK), denied.stale()),
                passes(back(ACK)),
                says(out(ACK), Entry::confirmed(Opener::Pod)),
                passes(out(ACK)),
            ],
        ),
        case(
            "a later generation that still denies leaves the mark",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                deny_all(),
                drops(back(ACK)),
                rules([egress([])]),
                drops(back(ACK)),
                says(out(ACK), denied),
            ],
        ),
        case(
            "SCTP: only an INIT replaces the mark",
            [
                passes(out(sctp(SctpChunk::INIT))),
                passes(back(sctp(SctpChunk::INIT_ACK))),
                rules([egress([])]),
                drops(out(sctp(SctpChunk::DATA))),
                drops(back(sctp(SctpChunk::DATA))),
                drops(back(sctp(SctpChunk::INIT_ACK))),
                passes(back(sctp(SctpChunk::INIT))),
                says(out(sctp(SctpChunk::DATA)), Entry::confirmed(Opener::Remote).restarted()),
            ],
        ),
    ]
}
