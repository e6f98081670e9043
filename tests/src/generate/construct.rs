//! The constructs that generated cases must contain.

use std::fmt;

macro_rules! constructs {
    ($($name:ident: $text:literal,)*) => {
        /// Something that a generated case can contain.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Construct {
            $(#[doc = $text] $name,)*
        }

        impl Construct {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Whether only histories have it.
            #[must_use]
            pub const fn is_of_flows(self) -> bool {
                self as u32 >= Self::FlowOpenedByPod as u32
            }
        }

        impl fmt::Display for Construct {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

constructs! {
    SelectorEmpty: "selector: empty",
    SelectorLabels: "selector: matchLabels",
    SelectorIn: "selector: In",
    SelectorNotIn: "selector: NotIn",
    SelectorNotInMissing: "selector: NotIn, asked about an object without the key",
    SelectorExists: "selector: Exists",
    SelectorDoesNotExist: "selector: DoesNotExist",
    SelectorMixed: "selector: matchLabels and matchExpressions",

    PolicyIngress: "policy: ingress only",
    PolicyEgress: "policy: egress only",
    PolicyBoth: "policy: ingress and egress",
    PolicyNeither: "policy: neither direction",
    PolicyDeniesAll: "policy: a direction without rules",
    PolicyOverlap: "policy: several select one pod",
    PolicySelectsNobody: "policy: selects no pod",

    PeersMissing: "peers: missing",
    PeersSeveral: "peers: several",
    PeerPods: "peer: podSelector",
    PeerNamespaces: "peer: namespaceSelector",
    PeerCombined: "peer: namespaceSelector and podSelector",
    PeerEverybody: "peer: all pods of all namespaces",

    BlockV4: "ipBlock: IPv4",
    BlockV6: "ipBlock: IPv6",
    BlockWhole: "ipBlock: /0",
    BlockHost: "ipBlock: /32 or /128",
    BlockExcept: "ipBlock: except",
    BlockExceptNested: "ipBlock: except within except",
    BlockExceptElsewhere: "ipBlock: except within another block",
    BlockCoversPod: "ipBlock: covers a pod",
    BlockExceptsPod: "ipBlock: excepts a pod",

    PortsMissing: "ports: missing",
    PortsSeveral: "ports: several",
    PortSingle: "port: single",
    PortRange: "port: endPort",
    PortWhole: "port: whole protocol",
    PortNamedIngress: "port: named, ingress",
    PortNamedEgress: "port: named, egress",
    PortNamedEverywhere: "port: named, egress without peers",
    PortNamedBlock: "port: named, beside an ipBlock that covers a pod",
    PortNamedUnknown: "port: a name that nobody has",
    PortNamedOtherProtocol: "port: a name that pods have with another protocol only",
    PortNamedDiffers: "port: a name with different numbers on different pods",
    PortNamedOften: "port: a name with several numbers on one pod",
    PortNamedDisowned: "port: a name that a finished or host-network pod has",
    PortTcp: "port: TCP",
    PortUdp: "port: UDP",
    PortSctp: "port: SCTP",

    PodDualStack: "pod: dual stack",
    PodSingleStack: "pod: single stack",
    PodWithoutAddress: "pod: without address",
    PodHostNetwork: "pod: host network",
    PodFinished: "pod: finished",
    PodTerminating: "pod: terminating",
    PodAddressShared: "pod: address claimed twice",

    ProbePod: "remote: a pod",
    ProbeSelf: "remote: the subject itself",
    ProbeDisowned: "remote: only of finished or host-network pods",
    ProbeUnknown: "remote: nobody's address",
    ProbeEdge: "remote: edge of a block",
    ProbePortEdge: "traffic: edge of a port range",
    ProbePortNamed: "traffic: a named port's number on the destination",
    ProbePortElsewhere: "traffic: a named port's number on another pod only",
    ProbePortOtherProtocol: "traffic: a named port's number with another protocol",
    ProbeTcp: "traffic: TCP",
    ProbeUdp: "traffic: UDP",
    ProbeSctp: "traffic: SCTP",
    ProbeIcmp: "traffic: ICMP",
    ProbeIcmpV6: "traffic: ICMPv6",
    ProbeOther: "traffic: another protocol",
    ProbeNotIsolated: "answer: not isolated",
    ProbeAllowedOnce: "answer: allowed by one rule",
    ProbeAllowedOften: "answer: allowed by several rules",
    ProbeAllowedNamedIn: "answer: allowed by the subject's named port",
    ProbeAllowedNamedOut: "answer: allowed by the peer's named port",
    ProbeDenied: "answer: denied",

    FlowOpenedByPod: "flow: opened by the pod",
    FlowOpenedByPeer: "flow: opened by the peer",
    FlowOpenerUnknown: "flow: opener unknown",
    FlowOpeningDenied: "flow: opening denied",
    FlowTaken: "flow: taken over in mid-stream",
    FlowPassedBy: "flow: passes in mid-stream without an entry",
    FlowMidStreamDenied: "flow: denied in mid-stream",
    FlowNeverMade: "flow: packet that never makes an entry",
    FlowFollowed: "flow: entry followed",
    FlowFollowedDenied: "flow: denied entry followed",
    FlowJudgedAgain: "flow: judged again and allowed",
    FlowMarked: "flow: judged again and marked denied",
    FlowRevived: "flow: revived",
    FlowUnknownJudged: "flow: opener unknown, judged again",
    FlowReplaced: "flow: replaced by an opening",
    FlowKept: "flow: kept against a denied opening",
    FlowPolicyChange: "change: policy",
    FlowPodChange: "change: pod",
    FlowPodLabels: "change: labels of a pod",
    FlowPodAddresses: "change: addresses of a pod",
    FlowPodPorts: "change: container ports of a pod",
    FlowPodFinished: "change: a pod finishes",
    FlowPodGone: "change: a pod goes",
    FlowNamespaceChange: "change: namespace",
}
