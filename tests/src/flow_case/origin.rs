//! "A node-origin or self entry admits only the pod's replies, and a packet towards the pod must prove its origin itself
//! each time, else it is judged as new."

use enforcer_common::flow::{Ground, Opener};

use super::{
    Case, Entry, Step,
    case::{
        ACK, FIN_ACK, SYN, SYN_ACK, UDP, back, case, deny_all, drops, drops_from, egress, ingress, out,
        passes, passes_from, rules, says,
    },
};
use crate::{
    builder::{any, rule, tcp},
    reason::Sender,
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        outranked("the rules do not cut a flow whose opener proves to be the node", vec![]),
        outranked("nor where they have denied the pod's reply before", vec![drops(out(ACK))]),
        outranked_datagrams(),
        pods_own(),
    ];
    for (sender, ground) in [(Sender::Node, Ground::Node), (Sender::Own, Ground::Own)] {
        cases.extend([
            replies_only(sender, ground),
            proof_each_time(sender, ground),
            judged_as_new(sender, ground),
            survives(sender, ground),
        ]);
    }
    cases
}

fn replies_only(sender: Sender, ground: Ground) -> Case {
    case(
        "an entry of the node's or of the pod itself admits the pod's replies",
        [
            deny_all(),
            passes_from(sender, back(SYN)),
            says(back(SYN), Entry::opening(Opener::Remote).on(ground)),
            passes(out(SYN_ACK)),
            says(back(SYN), Entry::confirmed(Opener::Remote).on(ground)),
            passes(out(ACK)),
            // The pod's own opening is no reply.
            drops(out(SYN)),
        ],
    )
}

fn proof_each_time(sender: Sender, ground: Ground) -> Case {
    case(
        "towards the pod each packet proves its origin",
        [
            deny_all(),
            passes_from(sender, back(UDP)),
            drops(back(UDP)),
            drops_from(Sender::OtherPod, back(UDP)),
            passes(out(UDP)),
            drops(back(UDP)),
            passes_from(sender, back(UDP)),
            says(back(UDP), Entry::confirmed(Opener::Remote).on(ground)),
        ],
    )
}

fn judged_as_new(sender: Sender, ground: Ground) -> Case {
    case(
        "what proves nothing is judged as new, and where it passes the entry stays what it was",
        [
            rules([ingress([rule([], [tcp(40_000)])]), egress([])]),
            passes_from(sender, back(SYN)),
            passes(out(SYN_ACK)),
            passes(back(ACK)),
            says(back(ACK), Entry::confirmed(Opener::Remote).on(ground)),
        ],
    )
}

fn survives(sender: Sender, ground: Ground) -> Case {
    case(
        "a change of the rules is nothing to it",
        [
            passes_from(sender, back(SYN)),
            passes(out(SYN_ACK)),
            deny_all(),
            passes(out(ACK)),
            says(back(ACK), Entry::confirmed(Opener::Remote).on(ground)),
            passes_from(sender, back(ACK)),
            drops(back(ACK)),
            rules([ingress([])]),
            passes_from(sender, back(FIN_ACK)),
            passes(out(FIN_ACK)),
        ],
    )
}

/// It was learnt at first attach, or its first packets had lost their proof.
fn outranked(name: &'static str, first: Vec<Step>) -> Case {
    let begin = vec![passes(back(SYN)), passes(out(SYN_ACK)), deny_all()];
    let end = vec![
        passes_from(Sender::Node, back(ACK)),
        says(back(ACK), Entry::confirmed(Opener::Remote).on(Ground::Node).restarted()),
        passes(out(ACK)),
        drops(back(ACK)),
    ];
    case(name, [begin, first, end].concat())
}

fn outranked_datagrams() -> Case {
    case(
        "nor datagrams",
        [
            passes(back(UDP)),
            passes(out(UDP)),
            deny_all(),
            drops(out(UDP)),
            passes_from(Sender::Node, back(UDP)),
            passes(out(UDP)),
            drops(back(UDP)),
        ],
    )
}

/// Else a pod's connections to the node would be exempt from the rules once the node has answered.
fn pods_own() -> Case {
    case(
        "a flow that the pod opened stays the rules' business, also where the node answers",
        [
            rules([egress([any()]), ingress([])]),
            passes(out(SYN)),
            passes_from(Sender::Node, back(SYN_ACK)),
            says(out(ACK), Entry::confirmed(Opener::Pod)),
            deny_all(),
            drops_from(Sender::Node, back(ACK)),
            drops(out(ACK)),
            says(out(ACK), Entry::confirmed(Opener::Pod).denied()),
        ],
    )
}
