//! "A SYN against an entry's direction is a new flow"; and what becomes of a tuple when its connection ends.

use enforcer_common::flow::Opener;

use super::{
    Case, Entry,
    case::{
        ACK, FIN_ACK, RST, SYN, SYN_ACK, back, case, drops, egress, ingress, out, passes, rules, says, sctp,
    },
};
use crate::{builder::any, frame::SctpChunk};

pub(super) fn cases() -> Vec<Case> {
    let open = || [passes(out(SYN)), passes(back(SYN_ACK)), passes(out(ACK))];
    let mut cases = vec![
        case(
            "a SYN against the entry's direction that is denied leaves the entry alone",
            [
                rules([ingress([])]),
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                drops(back(SYN)),
                says(out(ACK), Entry::confirmed(Opener::Pod)),
                passes(back(ACK)),
            ],
        ),
        case(
            "a SYN against the entry's direction that is allowed makes a flow of its sender's",
            [
                rules([ingress([any()])]),
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                passes(back(SYN)),
                says(out(ACK), Entry::confirmed(Opener::Remote).restarted()),
                rules([ingress([])]),
                drops(out(ACK)),
            ],
        ),
        case(
            "an INIT against the entry's direction is a new flow",
            [
                rules([ingress([])]),
                passes(out(sctp(SctpChunk::INIT))),
                drops(back(sctp(SctpChunk::INIT))),
                says(out(sctp(SctpChunk::DATA)), Entry::opening(Opener::Pod)),
            ],
        ),
        case(
            "a SYN that is repeated begins nothing new",
            [
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                passes(out(SYN)),
                says(out(SYN), Entry::confirmed(Opener::Pod)),
            ],
        ),
    ];
    let after = |name, end: Vec<super::Step>| {
        let again = [passes(out(SYN)), says(out(SYN), Entry::confirmed(Opener::Pod).restarted())];
        let turned = [passes(back(SYN)), says(out(SYN), Entry::confirmed(Opener::Remote).restarted())];
        [again, turned].map(|steps| case(name, open().into_iter().chain(end.clone()).chain(steps)))
    };
    cases.extend(after(
        "a tuple is used again after a FIN from both sides, by either side",
        vec![passes(out(FIN_ACK)), passes(back(FIN_ACK)), passes(out(ACK))],
    ));
    cases.extend(after(
        "a tuple is used again after a RST of the peer, by either side",
        vec![passes(back(RST))],
    ));
    cases.extend(after(
        "a tuple is used again after a RST of the pod, by either side",
        vec![passes(out(RST))],
    ));
    cases.push(case(
        "what is left of a connection that has ended still passes, as a flow of its opener",
        [
            rules([ingress([])]),
            passes(out(SYN)),
            passes(back(SYN_ACK)),
            passes(out(FIN_ACK)),
            passes(back(FIN_ACK)),
            passes(back(FIN_ACK)),
            passes(out(ACK)),
            drops(back(SYN)),
            says(out(ACK), Entry::confirmed(Opener::Pod)),
        ],
    ));
    cases.push(case(
        "a half-closed connection goes on, and a SYN does not begin it anew",
        [
            rules([ingress([]), egress([any()])]),
            passes(out(SYN)),
            passes(back(SYN_ACK)),
            passes(out(FIN_ACK)),
            passes(back(ACK)),
            passes(back(ACK)),
            passes(out(ACK)),
            passes(out(SYN)),
            says(out(ACK), Entry::confirmed(Opener::Pod)),
        ],
    ));
    cases.push(case(
        "a connection that was refused is not confirmed: a pod that scans does not press out flows that live",
        [passes(out(SYN)), passes(back(RST)), says(out(ACK), Entry::confirmed(Opener::Pod).unconfirmed())],
    ));
    cases
}
