//! Cases as text: clusters that read like policies, and what is expected of them.
//!
//! ```text
//! # The database of namespace a is for its web servers, and nobody else's.
//! namespace a team=a
//! pod a/web app=web 10.0.0.1
//! pod a/db  app=db  10.0.0.2
//! allow tcp from team=a/app=web to app=db port 5432
//! expect allow tcp a/web -> a/db 5432
//! expect deny  tcp a/web -> a/db 5433
//! ```
//!
//! A line is a sentence; `#` begins a comment. Words are separated by blanks, and what belongs together has none.
//!
//! - `namespace NAME [LABEL=VALUE …]`. The label `kubernetes.io/metadata.name` comes by itself, and so does a namespace
//!   that only a pod names.
//! - `pod NAMESPACE/NAME [LABEL=VALUE | ADDRESS | WORD …]`, where the words are `finished`, `terminating`,
//!   `host-network`, `uid ID`, `started SECONDS`, and `port [NAME:]PROTOCOL:NUMBER` for a container port.
//! - **A policy of one rule.** `allow TRAFFIC from PEERS to PODS [port PORTS]` isolates *ingress* of the pods after `to`, and
//!   `allow egress TRAFFIC from PODS to PEERS [port PORTS]` isolates *egress* of the pods after `from`: the word
//!   `egress` alone says whose policy it is. `deny to PODS` and `deny egress from PODS` isolate and allow nothing; more than
//!   that no NetworkPolicy can deny. PODS is a selector in the first namespace of the text, or `@NAMESPACE/SELECTOR`.
//! - **A policy of several rules.** `policy NAMESPACE/NAME SELECTOR [isolates ingress|egress|both|nothing]`, and below it
//!   `allow TRAFFIC from PEERS [port PORTS]` for ingress and `allow TRAFFIC to PEERS [port PORTS]` for egress. A rule isolates
//!   its direction; `isolates` is for those without one.
//! - `expect allow|deny TRAFFIC FROM -> TO [PORT]`: whether a flow may open. FROM and TO are pods or addresses. The egress of
//!   a pod that is named first and the ingress of one that is named last are both asked; an address is somebody
//!   elsewhere, and nobody's rules are asked for it. Pods of two families are asked in each that both have.
//!
//! TRAFFIC of a rule is `any` (or left out): no `ports`, so every protocol; or a list like `tcp`, `tcp,udp`, `tcp:80,udp:53-60,sctp`. PORTS
//! is a list like `80,8000-8010,http` for every protocol of the list. TRAFFIC of an expectation is `tcp`, `udp`,
//! `sctp`, `icmp` (of the addresses' family) or `proto:NUMBER`.
//!
//! PEERS are joined by `or`: `anywhere` (no `from` or `to` at all), `SELECTOR` (pods of the policy's namespace),
//! `NAMESPACES/PODS` (both selectors in one peer, `@NAME` standing for the one namespace of that name), and
//! `cidr CIDR [except CIDR,…]`.
//!
//! A selector is `*` for the empty one, or requirements with commas: `app=web` (matchLabels), `app==web|db` (In),
//! `app!=web|db` (NotIn), `app` (Exists), `!app` (DoesNotExist).

mod check;
mod expectation;
mod folder;
mod parse;
mod peer;
mod policy;
mod selector;
mod traffic;
mod word;
mod write;

pub use check::{check, compare_script};
pub use expectation::{Expectation, Side};
pub use folder::scripts;
pub use parse::{Script, parse};
pub use word::TextError;
pub use write::write_case;

#[cfg(test)]
mod tests;
