//! "An entry whose generation is current gives its verdict. Else it is judged again in the direction in which it was
//! opened, for its own reason."

use enforcer_common::flow::Opener;

use super::{
    Case, Entry,
    case::{ACK, SYN, SYN_ACK, UDP, back, case, deny_all, drops, egress, ingress, out, passes, rules, says},
};
use crate::builder::{any, rule, tcp, udp};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "a reply passes although its own direction is closed",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                rules([egress([rule([], [tcp(80)])]), ingress([])]),
                passes(back(ACK)),
                says(back(ACK), Entry::confirmed(Opener::Pod)),
                passes(out(ACK)),
            ],
        ),
        case(
            "a reply does not pass where its own direction is open and the opener's is not",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                rules([egress([rule([], [tcp(81)])]), ingress([any()])]),
                drops(back(ACK)),
                says(back(ACK), Entry::confirmed(Opener::Pod).denied()),
            ],
        ),
        case(
            "what the other side opened is judged as ingress, whoever sends first after the change",
            [
                passes(back(SYN)),
                passes(out(SYN_ACK)),
                rules([ingress([rule([], [tcp(40_000)])]), egress([])]),
                passes(out(ACK)),
                passes(back(ACK)),
                rules([ingress([rule([], [tcp(80)])]), egress([any()])]),
                drops(out(ACK)),
                drops(back(ACK)),
            ],
        ),
        case(
            "datagrams too",
            [
                passes(out(UDP)),
                passes(back(UDP)),
                rules([egress([rule([], [udp(53)])]), ingress([])]),
                passes(back(UDP)),
                rules([egress([rule([], [udp(54)])]), ingress([any()])]),
                drops(back(UDP)),
            ],
        ),
        case(
            "a flow that nobody has used is judged again under the newest rules only",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                deny_all(),
                says(out(ACK), Entry::confirmed(Opener::Pod).stale()),
                rules([egress([any()]), ingress([])]),
                says(out(ACK), Entry::confirmed(Opener::Pod).stale()),
                passes(back(ACK)),
                says(out(ACK), Entry::confirmed(Opener::Pod)),
            ],
        ),
    ]
}
