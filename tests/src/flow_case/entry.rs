//! "One entry per endpoint and flow; both directions find it. It records who opened it, why it was allowed and under
//! which generation."

use enforcer::model::Direction;
use enforcer_common::flow::{Ground, Opener};

use super::{
    Case, Entry,
    case::{
        ACK, SYN, SYN_ACK, UDP, back, case, drops, egress, ingress, out, passes, passes_from, rules, says,
        says_nothing,
    },
};
use crate::{
    builder::{any, labels, policy},
    frame::{Packet, Transport},
    reason::Sender,
};

pub(super) fn cases() -> Vec<Case> {
    let ping = |kind, identifier| Transport::Icmp { kind, code: 0, identifier };
    vec![
        case(
            "both directions find the one entry",
            [
                rules([ingress([])]),
                says_nothing(out(SYN)),
                passes(out(SYN)),
                says(out(SYN), Entry::opening(Opener::Pod)),
                says(back(SYN_ACK), Entry::opening(Opener::Pod)),
                passes(back(SYN_ACK)),
                says(out(ACK), Entry::confirmed(Opener::Pod)),
                passes(back(ACK)),
            ],
        ),
        case(
            "an entry knows that the other side opened it",
            [
                rules([ingress([any()]), egress([])]),
                passes(back(SYN)),
                says(out(SYN_ACK), Entry::opening(Opener::Remote)),
                passes(out(SYN_ACK)),
                says(out(SYN_ACK), Entry::confirmed(Opener::Remote)),
            ],
        ),
        case(
            "an entry knows why it was allowed: the rules, the node, the pod itself",
            [
                rules([ingress([any()])]),
                passes_from(Sender::OtherPod, back(SYN)),
                says(back(SYN), Entry::opening(Opener::Remote)),
                passes_from(Sender::Node, back(UDP)),
                says(back(UDP), Entry::opening(Opener::Remote).on(Ground::Node)),
                passes_from(Sender::Own, back(ping(8, 1))),
                says(back(ping(8, 1)), Entry::opening(Opener::Remote).on(Ground::Own)),
            ],
        ),
        case(
            "an entry knows the generation that it was judged under",
            [
                passes(out(SYN)),
                says(out(SYN), Entry::opening(Opener::Pod)),
                rules([egress([any()])]),
                says(out(SYN), Entry::opening(Opener::Pod).stale()),
                passes(out(SYN)),
                says(out(SYN), Entry::opening(Opener::Pod)),
            ],
        ),
        case(
            "an echo's replies follow its requests, and the other side's requests are another flow",
            [
                rules([ingress([]), egress([any()])]),
                passes(out(ping(8, 7))),
                passes(back(ping(0, 7))),
                says(out(ping(8, 7)), Entry::confirmed(Opener::Pod)),
                drops(back(ping(8, 7))),
                says_nothing(back(ping(8, 7))),
                drops(back(ping(0, 8))),
            ],
        ),
        two_pods(),
    ]
}

/// What crosses two interfaces of this node is judged at both, and remembered at both.
fn two_pods() -> Case {
    let packet = |direction, local: [u8; 4], remote: [u8; 4], transport| Packet {
        direction,
        local: local.into(),
        remote: remote.into(),
        transport,
    };
    let (one, two) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    // The first pod's 40000 is the second's remote port.
    let seen = |transport| {
        if let Transport::Tcp { local, remote, flags } = transport {
            Transport::Tcp { local: remote, remote: local, flags }
        } else {
            transport
        }
    };
    let leaves = |transport| packet(Direction::Egress, one, two, transport);
    let arrives = |transport| packet(Direction::Ingress, two, one, seen(transport));
    let answers = |transport| packet(Direction::Egress, two, one, seen(transport));
    let returns = |transport| packet(Direction::Ingress, one, two, transport);
    let closed = policy("a/two").select(labels([("app", "two")])).ingress([]);
    let both = case(
        "two pods of one node have an entry each",
        [
            passes(leaves(SYN)),
            says(leaves(SYN), Entry::opening(Opener::Pod)),
            says_nothing(arrives(SYN)).at_second(),
            passes(arrives(SYN)).at_second(),
            says(arrives(SYN), Entry::opening(Opener::Remote)).at_second(),
            passes(answers(SYN_ACK)).at_second(),
            says(arrives(SYN), Entry::confirmed(Opener::Remote)).at_second(),
            says(leaves(SYN), Entry::opening(Opener::Pod)),
            passes(returns(SYN_ACK)),
            says(leaves(SYN), Entry::confirmed(Opener::Pod)),
            // What is denied at one is not denied at the other.
            rules([closed.into()]),
            passes(leaves(ACK)),
            drops(arrives(ACK)).at_second(),
            says(arrives(ACK), Entry::confirmed(Opener::Remote).denied()).at_second(),
            says(leaves(ACK), Entry::confirmed(Opener::Pod)),
            passes(returns(ACK)),
            drops(answers(ACK)).at_second(),
        ],
    );
    Case { both_local: true, ..both }
}
