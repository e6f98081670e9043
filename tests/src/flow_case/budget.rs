//! "Budget spent or table full: the flow stays in *opening*, counted" (DESIGN section 4).

use enforcer_common::flow::Opener;

use super::{
    Case, Entry, Step,
    case::{ACK, SYN, SYN_ACK, UDP, back, case, deny_all, drops, ingress, out, passes, rules, says},
};

pub(super) fn cases() -> Vec<Case> {
    let unconfirmed = Entry::confirmed(Opener::Pod).unconfirmed();
    vec![
        case(
            "without budget a flow goes on among the opening ones, and each of its packets is counted",
            [
                Step::Budget(0),
                rules([ingress([])]),
                passes(out(SYN)),
                Step::Unconfirmed(0),
                passes(back(SYN_ACK)),
                Step::Unconfirmed(1),
                says(out(ACK), unconfirmed),
                passes(out(ACK)),
                Step::Unconfirmed(2),
                deny_all(),
                drops(back(ACK)),
                says(out(ACK), unconfirmed.denied()),
            ],
        ),
        case(
            "a budget of one flow is the first one's",
            [
                Step::Budget(1),
                passes(out(SYN)),
                passes(back(SYN_ACK)),
                says(out(ACK), Entry::confirmed(Opener::Pod)),
                passes(out(UDP)),
                passes(back(UDP)),
                says(out(UDP), unconfirmed),
                Step::Unconfirmed(1),
                // More budget, as when other endpoints have gone.
                Step::Budget(2),
                passes(out(UDP)),
                says(out(UDP), Entry::confirmed(Opener::Pod)),
            ],
        ),
    ]
}
