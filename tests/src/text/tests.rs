//! What the text means, what it refuses, and that a case survives being written and read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use enforcer::model::Direction;
use proptest::test_runner::{Config, TestRunner};

use super::{Side, check, parse, write_case};
use crate::{
    builder::{block, cluster, does_not_exist, expressions, labels, pods, pods_in, policy, rule, tcp},
    generate::case,
};

#[test]
fn sentences_are_policies() {
    let script = parse(
        "namespace a team=a\n\
         pod a/web app=web 10.0.0.1   # a comment\n\
         allow tcp from team=a/app=web or app=web,!old to app=db port 5432\n\
         allow egress tcp from @b/app=web to cidr 10.0.0.0/8 except 10.1.0.0/16 port 80\n\
         deny to *\n",
    )
    .unwrap();
    let own = expressions([does_not_exist("old")]);
    let own = enforcer::model::Selector { match_labels: labels([("app", "web")]).match_labels, ..own };
    let peers = [pods_in(labels([("team", "a")]), labels([("app", "web")])), pods(own)];
    let expected = cluster()
        .namespace("a", [("team", "a")])
        .pod("a/web", [("app", "web")], ["10.0.0.1"])
        .change("a/web", |pod| pod.uid.clear())
        .policy(policy("a/line-3").select(labels([("app", "db")])).ingress([rule(peers, [tcp(5432)])]))
        .policy(
            policy("b/line-4")
                .select(labels([("app", "web")]))
                .egress([rule([block("10.0.0.0/8", ["10.1.0.0/16"])], [tcp(80)])]),
        )
        .policy(policy("a/line-5").ingress([]))
        .build();
    assert_eq!(script.cluster, expected);
}

#[test]
fn rules_belong_to_the_policy_above() {
    let script = parse(
        "pod a/x 10.0.0.1\n\
         policy a/p app isolates egress\n\
         allow from anywhere\n\
         allow tcp,udp from * port 1-2,7\n\
         policy a/q * isolates nothing\n",
    )
    .unwrap();
    let policies: Vec<_> = script.cluster.policies.values().collect();
    let [p, q] = policies.as_slice() else { panic!("{policies:?}") };
    assert_eq!(p.rules(Direction::Ingress).map(<[_]>::len), Some(2));
    assert_eq!(p.rules(Direction::Egress), Some(&[][..]));
    assert_eq!((&q.ingress, &q.egress), (&None, &None));
}

#[test]
fn mistakes_are_named_with_line_and_column() {
    let cases = [
        ("pood a/x", "1:1: `pood` is not namespace, pod, policy, allow, deny or expect"),
        ("\n  pod x", "2:7: `x` is not a name like `NAMESPACE/NAME`"),
        ("pod a/x 10.0.0.1 10.0.0.2", "1:18: a pod has one address of each family"),
        ("pod a/x\nallow tcp from a=b,,c to d", "2:20: something is missing here"),
        ("pod a/x\nallow tcp from a=b to d port 9-7", "2:30: the range ends before it begins"),
        ("pod a/x\nallow from a=b to d port 9", "2:21: ports are of a protocol: say `allow tcp …`"),
        ("pod a/x\nallow tcp from cidr 10.0.0.1/8 to d", "2:21: has host bits; the block is 10.0.0.0/8"),
        (
            "pod a/x\nallow from cidr 10.0.0.0/8 except 11.0.0.0/8 to d",
            "2:35: an exception lies strictly within its block, 10.0.0.0/8",
        ),
        ("pod a/x\nallow from a", "2:1: names one side only, so it belongs to a `policy`, and none is above"),
        ("expect allow tcp a/x a/y 80", "1:22: `a/y` is not `->`, which must stand here"),
        ("expect allow tcp a/x -> a/y", "1:28: the line ends, but a port is missing"),
        ("expect allow icmp a/x -> a/y 80", "1:30: `80`: nothing may follow here"),
        ("allow tcp from a to b", "1:21: there is no namespace yet"),
        ("pod a/x\npod a/x", "2:1: Pod a/x is there already"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    let denied = parse("pod a/x\ndeny tcp from a to b").unwrap_err().to_string();
    assert!(denied.starts_with("2:6: a NetworkPolicy denies no peer and no port"), "{denied}");
}

#[test]
fn a_wrong_expectation_is_found() {
    let text = "pod a/x 10.0.0.1\npod a/y 10.0.0.2\ndeny to *\nexpect allow tcp a/x -> a/y 80\n";
    let error = check(&parse(text).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("line 4: the text expects allow, but the oracle says"), "{error}");
    assert_eq!(check(&parse(&text.replace("allow", "deny")).unwrap()).unwrap().len(), 1);
}

/// Whatever the generators make can be written and reads back as the same.
#[test]
fn generated_cases_survive() {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case(1..16), |case| {
            let text = write_case(&case);
            let script = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let (read, written) = (&script.cluster, &case.cluster);
            assert_eq!(read.namespaces, written.namespaces, "{text}");
            assert_eq!(read.pods, written.pods, "{text}");
            assert_eq!(read.policies, written.policies, "{text}");
            assert_eq!(script.expectations.len(), case.probes.len());
            for (expectation, probe) in script.expectations.iter().zip(&case.probes) {
                let remote = Side::Address(probe.remote);
                assert!([&expectation.from, &expectation.to].contains(&&remote), "{text}");
                let subject = &script.cluster.pods[&probe.subject];
                let of_family = subject.addresses.iter().any(|own| own.is_ipv4() == probe.remote.is_ipv4());
                if subject.is_on_pod_network() && of_family {
                    assert!(expectation.probes(&case.cluster).unwrap().contains(probe), "{text}");
                }
            }
            Ok(())
        })
        .unwrap();
}
