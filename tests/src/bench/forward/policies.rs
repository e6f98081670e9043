//! The policies of a pair: the last one of each pod lets it speak with the other; those before are of other peers and
//! ports, so that each adds something to look at.

use super::{
    pair::{PORT, STREAM_PORT, client, server},
    variant::Variant,
};
use crate::scene::policy;

/// The manifests.
pub(super) fn manifests(variant: Variant) -> String {
    let (client, server) = (client(variant), server(variant));
    let last = variant.policies().saturating_sub(1);
    (0..variant.policies())
        .map(|number| {
            let rule = |side: &str, peer: &str| {
                if number == last { own(side, peer) } else { other(side, number) }
            };
            let ingress = format!("policyTypes: [Ingress], ingress: [{}]", rule("from", &client));
            let egress = format!("policyTypes: [Egress], egress: [{}]", rule("to", &server));
            policy(&format!("{server}-{number}"), &server, &ingress)
                + &policy(&format!("{client}-{number}"), &client, &egress)
        })
        .collect()
}

/// What the pair speaks.
fn own(side: &str, peer: &str) -> String {
    format!(
        "{{{side}: [{{podSelector: {{matchLabels: {{app: {peer}}}}}}}], ports: [{{protocol: TCP, port: {PORT}}}, \
         {{protocol: UDP, port: {PORT}}}, {{protocol: TCP, port: {STREAM_PORT}}}]}}"
    )
}

/// What nobody speaks: 198.18.0.0/15 is for benchmarks (RFC 2544), `2001:2::/48` too (RFC 5180).
fn other(side: &str, number: u16) -> String {
    let port = 8_000 + number;
    format!(
        "{{{side}: [{{podSelector: {{matchLabels: {{app: other-{number}}}}}}}, {{ipBlock: {{cidr: 198.18.{number}.0/24}}}}, \
         {{ipBlock: {{cidr: \"2001:2:0:{number}::/64\"}}}}], ports: [{{protocol: TCP, port: {port}}}]}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_has_as_many_policies_as_its_variant_says_and_one_that_lets_it_speak() {
        for variant in Variant::ALL {
            let text = manifests(variant);
            let count = |words: &str| text.matches(words).count();
            let policies = usize::from(variant.policies());
            for subject in [client(variant), server(variant)] {
                assert_eq!(
                    count(&format!("spec: {{podSelector: {{matchLabels: {{app: {subject}}}}}")),
                    policies
                );
            }
            assert_eq!(count(&format!("port: {STREAM_PORT}")), 2 * policies.min(1), "{variant:?}");
        }
    }
}
