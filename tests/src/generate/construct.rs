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

            /// Whether it comes only with time, which passes on the host alone.
            #[must_use]
            pub const fn needs_time(self) -> bool {
                matches!(self, Self::StoryWait | Self::FragmentOld)
            }

            /// Whether only histories have it.
            #[must_use]
            pub const fn is_of_flows(self) -> bool {
                self as u32 >= Self::FlowOpenedByPod as u32 && !self.is_of_packets()
            }

            /// Whether only stories have it.
            #[must_use]
            pub const fn is_of_packets(self) -> bool {
                self as u32 >= Self::FrameTagged as u32
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

    ServiceClusterIp: "service: ClusterIP",
    ServiceHeadless: "service: headless",
    ServiceNodePort: "service: NodePort",
    ServiceLoadBalancer: "service: LoadBalancer with an address",
    ServiceExternalName: "service: ExternalName",
    ServiceExternalIp: "service: external address",
    ServiceDualStack: "service: dual stack",
    ServiceWithoutSelector: "service: without selector",
    ServiceSeveralPorts: "service: several ports",
    ServicePortTranslated: "service: targetPort is another number",
    ServiceNamedTarget: "service: targetPort is a name",
    ServiceInBlock: "service: address in an ipBlock",
    ServiceOutsideBlocks: "service: address in no ipBlock",
    ServiceClaimedTwice: "service: two claim one port of an address",
    ServiceAlias: "service: alias",
    SliceReady: "slice: ready endpoint",
    SliceEnding: "slice: endpoint that serves and terminates",
    SliceUnready: "slice: endpoint neither ready nor serving",
    SliceEveryPort: "slice: port without a number",
    SliceNames: "slice: of names",
    SliceOrphan: "slice: of no Service",

    ProbeServiceAllowed: "service asked: allowed",
    ProbeServiceDenied: "service asked: denied",
    ProbeServiceMixed: "service asked: some backends allowed, some not",
    ProbeServiceEmpty: "service asked: no backends",
    ProbeServiceEnding: "service asked: only terminating backends",
    ProbeServiceSelected: "service asked: backends by selector",
    ProbeServiceSliced: "service asked: backends by slices",
    ProbeServiceOwn: "service asked: allowed to its own backend only",
    ProbeServiceEveryPort: "service asked: backend without a port number",
    ProbeServiceHostPod: "service asked: backend on the host network",
    ProbeServiceExternal: "service asked: by an external or balanced address",
    ProbeServiceNodePort: "service asked: by a node port",
    ProbeServiceAlias: "service asked: by an alias",
    ProbeServiceOtherPort: "service asked: at a port that it has not",
    ProbeServiceIcmp: "service asked: by a protocol without ports",
    ProbeServiceIngress: "service address as a source",

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
    FlowServiceChange: "change: service",
    FlowSliceChange: "change: slice",
    FlowNodeChange: "change: node",
    FlowServiceKept: "flow: to a Service, closed to new ones and kept",
    FlowServiceMarked: "flow: to a Service, judged again and marked denied",

    FrameTagged: "frame: one VLAN tag",
    FrameTaggedTwice: "frame: two VLAN tags",
    FrameTaggedThrice: "frame: three VLAN tags",
    FrameServiceTag: "frame: an 802.1ad tag",
    FrameOther: "frame: another EtherType",
    FramePadded: "frame: padding",
    FrameCut: "frame: truncated behind the addresses",
    FrameCutShort: "frame: truncated before the addresses",
    FrameOpen: "frame: at an endpoint without rules",
    FrameOfNode: "frame: proved the node's",
    FrameOfSelf: "frame: proved the pod's own",
    FrameOfOtherPod: "frame: proved another pod's",
    FrameSpoofed: "frame: source of somebody else",
    FrameNotMine: "frame: destination of somebody else",
    FrameOfPrefix: "frame: source in a prefix of the endpoint's",
    FrameAnySource: "frame: any source, where that is allowed",

    ArpOwn: "ARP: own sender",
    ArpProbe: "ARP: probe",
    ArpClaim: "ARP: claim of somebody else's address",
    ArpMalformed: "ARP: malformed",

    HeaderOptions: "header: IPv4 options",
    HeaderHopByHop: "header: hop-by-hop options",
    HeaderRouting: "header: routing",
    HeaderDestination: "header: destination options",
    HeaderAuthentication: "header: authentication",
    HeaderAtomic: "header: atomic fragment",
    HeaderMobility: "header: mobility",
    HeaderUnknown: "header: unknown number",
    HeaderMany: "header: more than are walked",
    HeaderMisplaced: "header: hop-by-hop options not first",
    LieVersion: "lie: IP version",
    LieHeaderLength: "lie: IPv4 header length",
    LieLonger: "lie: length of more than there is",
    LieShorter: "lie: length of less than there is",
    LieDataOffset: "lie: TCP data offset",
    LieUdpLength: "lie: UDP length",
    LieExtensionLength: "lie: extension header length",

    PacketSynFin: "packet: TCP SYN+FIN",
    PacketRstAlone: "packet: TCP RST without a flow",
    PacketAckAlone: "packet: TCP ACK without a flow",
    PacketEcho: "packet: echo request",
    PacketEchoReply: "packet: echo reply",

    FragmentFirst: "fragment: first, passes",
    FragmentFirstDenied: "fragment: first, denied by the rules",
    FragmentTiny: "fragment: tiny first",
    FragmentOverwrites: "fragment: first, once more",
    FragmentFollows: "fragment: later, passes",
    FragmentDenied: "fragment: later, of a denied first",
    FragmentAlone: "fragment: later, out of order",
    FragmentOverlap: "fragment: later, over the transport header",
    FragmentOld: "fragment: later, too old",
    FragmentOutdated: "fragment: later, after a change",
    FragmentProved: "fragment: later, proves its origin",
    FragmentUnproved: "fragment: later, does not prove the first one's origin",
    FragmentUnequal: "fragment: later, with other headers in front",
    FragmentNextHeader: "fragment: later, with another next header",
    FragmentSecondHeader: "fragment: second fragment header",
    FragmentOfError: "fragment: first, of an ICMP error",

    ErrorAllowed: "error: about an allowed flow",
    ErrorThrough: "error: about an allowed flow, where rules deny ICMP",
    ErrorDenied: "error: about a denied flow",
    ErrorStale: "error: about a flow of an old generation",
    ErrorUnproved: "error: about a flow of an origin that it does not prove",
    ErrorFromPod: "error: from the pod about an allowed flow",
    ErrorForeign: "error: about a flow that is not there",
    ErrorElsewhere: "error: to another address than the quoted packet's",
    ErrorShort: "error: quotes too few bytes",
    ErrorGarbage: "error: quotes garbage",
    ErrorOptions: "error: quotes IPv4 options",
    ErrorFirstPart: "error: quotes a first fragment",
    ErrorLaterPart: "error: quotes a later fragment",
    ErrorNone: "error: a type that is none",

    LinkRouterSolicitation: "link: router solicitation",
    LinkRouterAdvertisement: "link: router advertisement of a pod",
    LinkSolicitation: "link: neighbour solicitation",
    LinkDuplicateDetection: "link: duplicate detection",
    LinkAdvertisement: "link: neighbour advertisement",
    LinkFalseAdvertisement: "link: neighbour advertisement for somebody else",
    LinkRedirect: "link: redirect of a pod",
    LinkRedirectV4: "link: IPv4 redirect or router advertisement of a pod",
    LinkMembership: "link: MLD report",
    LinkQuery: "link: MLD or IGMP query of a pod",
    LinkMembershipV4: "link: IGMP report",
    LinkTowards: "link: discovery towards the pod",
    LinkByRules: "link: left to the rules",
    DhcpAbove: "DHCP: above the rules",
    DhcpUnleased: "DHCP: at an endpoint that does not use it",

    StoryWait: "story: time passes",
    StoryChange: "story: the cluster changes",
}
