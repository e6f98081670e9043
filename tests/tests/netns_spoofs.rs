//! Level 6: what a pod forges arrives nowhere, with or without policies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};
use enforcer_tests::{
    agent::Agent,
    lab::{BRIDGE, NODE_ADDRESSES, Topology},
    oracle::Family,
    scene::{PORT, RawPod, Scene, families},
    wire::Tap,
    wire::{Datagram, arp, framed},
};

const BROADCAST: [u8; 6] = [0xff; 6];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL_HOSTS_MAC: [u8; 6] = [0x01, 0, 0x5e, 0, 0, 1];
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66);
const ON_LINK: u8 = 255;

/// A frame that must not arrive, and bytes by which it would be known.
struct Forgery {
    what: &'static str,
    frame: Vec<u8>,
    trace: Vec<u8>,
}

/// Who listens: two pods and the node.
struct Listeners {
    taps: Vec<(&'static str, Tap)>,
}

impl Listeners {
    fn open(scene: &Scene) -> Result<Self> {
        let pods = ["victim", "bystander"].map(|name| (name, Tap::open(scene.netns(name).unwrap()).unwrap()));
        let node = ("node", Tap::behind_programs(scene.lab.node())?);
        Ok(Self { taps: pods.into_iter().chain([node]).collect() })
    }

    /// Who has heard it.
    fn of(&mut self, trace: &[u8]) -> Result<Vec<&'static str>> {
        let mut found = Vec::new();
        for (name, tap) in &mut self.taps {
            if tap.has(|frame| frame.windows(trace.len()).any(|part| part == trace))? {
                found.push(*name);
            }
        }
        Ok(found)
    }
}

/// The scene of a forger and of those to whom he lies.
struct Stage {
    scene: Scene,
    attacker: RawPod,
    /// A neighbour's hardware address: the victim's, or where the link ends at the node, the node's.
    neighbour: [u8; 6],
}

impl Stage {
    fn new(topology: Topology) -> Result<Self> {
        let scene = Scene::on(topology, &["attacker", "victim", "bystander"])?;
        let attacker = scene.raw("attacker")?;
        let neighbour = scene.next_hop(&attacker, "victim")?;
        Ok(Self { scene, attacker, neighbour })
    }

    fn ipv4(&self, name: &str) -> Ipv4Addr {
        match self.scene.at(name, Family::V4).unwrap().ip() {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) => panic!("{address} is no IPv4 address"),
        }
    }

    fn ipv6(&self, name: &str) -> Ipv6Addr {
        match self.scene.at(name, Family::V6).unwrap().ip() {
            IpAddr::V6(address) => address,
            IpAddr::V4(address) => panic!("{address} is no IPv6 address"),
        }
    }

    fn packet(&self, what: &'static str, to: [u8; 6], packet: &Datagram, trace: &[u8]) -> Forgery {
        Forgery { what, frame: self.attacker.ip(to, &packet.bytes()), trace: trace.to_vec() }
    }

    /// Datagrams to the victim that say that somebody else sent them.
    fn sources(&self) -> Vec<Forgery> {
        let [node4, node6] = NODE_ADDRESSES;
        let mut list = Vec::new();
        for family in families() {
            let victim = self.scene.at("victim", family).unwrap();
            let (node, far, nobody, local): (IpAddr, IpAddr, IpAddr, IpAddr) = match family {
                Family::V4 => (
                    node4,
                    Ipv4Addr::new(192, 0, 2, 1).into(),
                    Ipv4Addr::UNSPECIFIED.into(),
                    Ipv4Addr::new(169, 254, 1, 1).into(),
                ),
                Family::V6 => (
                    node6,
                    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
                    Ipv6Addr::UNSPECIFIED.into(),
                    LINK_LOCAL.into(),
                ),
            };
            let other = self.scene.at("bystander", family).unwrap().ip();
            for (what, source) in [
                ("a datagram from the node", node),
                ("a datagram from afar", far),
                ("a datagram from nobody", nobody),
                ("a datagram from the link", local),
                ("a datagram from another pod", other),
                ("a datagram from the victim itself", victim.ip()),
            ] {
                let content = format!("{what}, {family:?}");
                let packet = Datagram::udp(SocketAddr::new(source, 4444), victim, content.as_bytes());
                list.push(self.packet(what, self.neighbour, &packet, content.as_bytes()));
            }
        }
        list
    }

    /// Claims of addresses by ARP.
    fn claims(&self) -> Vec<Forgery> {
        let (own, victim, bystander) = (self.attacker.own, self.ipv4("victim"), self.ipv4("bystander"));
        let IpAddr::V4(node) = NODE_ADDRESSES[0] else { panic!("the node's first address is IPv4") };
        let gratuitous = arp(1, (own, victim), ([0; 6], victim));
        let announced = arp(2, (own, victim), (BROADCAST, victim));
        let answer = arp(2, (own, bystander), (self.neighbour, victim));
        let question = arp(1, (own, bystander), ([0; 6], node));
        let gateway = arp(2, (own, node), (BROADCAST, node));
        [
            ("a gratuitous ARP request", BROADCAST, gratuitous),
            ("a gratuitous ARP reply", BROADCAST, announced),
            ("an ARP reply for another", self.neighbour, answer),
            ("an ARP request in another's name", BROADCAST, question),
            ("an ARP reply for the gateway", BROADCAST, gateway),
        ]
        .map(|(what, to, content)| Forgery { what, frame: framed(to, own, 0x0806, &content), trace: content })
        .into()
    }

    /// Neighbour discovery in others' names.
    fn discovery(&self) -> Vec<Forgery> {
        let IpAddr::V6(node) = NODE_ADDRESSES[1] else { panic!("the node's second address is IPv6") };
        let (own, victim, other) = (self.ipv6("attacker"), self.ipv6("victim"), self.ipv6("bystander"));
        let address = |kind: u8| [&[kind, 1], &self.attacker.own[..]].concat();
        // Lifetime 1800 s; then a prefix to make addresses of.
        let prefix = [3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0, 0xfd, 0x66];
        let router = [&[64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0], &prefix[..], &[0; 14], &address(1)].concat();
        let redirect = [&[0; 4][..], &own.octets(), &other.octets(), &address(2)].concat();
        // Override, solicited or not.
        let advert = |target: Ipv6Addr| [&[0x20, 0, 0, 0][..], &target.octets(), &address(2)].concat();
        let solicit = [&[0; 4][..], &node.octets(), &address(1)].concat();
        let mut list = Vec::new();
        for source in [own, LINK_LOCAL, node] {
            let unicast = (self.neighbour, victim);
            let everybody = (ALL_NODES_MAC, ALL_NODES);
            for (what, kind, to, body) in [
                ("a router advertisement", 134, everybody, router.clone()),
                ("a router advertisement to one", 134, unicast, router.clone()),
                ("a redirect", 137, unicast, redirect.clone()),
                ("an advertisement of another's address", 136, everybody, advert(other)),
                ("an advertisement of the gateway's address", 136, everybody, advert(node)),
                ("an advertisement of another's address to one", 136, unicast, advert(other)),
            ] {
                let packet = Datagram::icmp(source.into(), to.1.into(), kind, 0, &body).with_hops(ON_LINK);
                // The checksum tells apart what differs in source or destination only.
                list.push(self.packet(what, to.0, &packet, &packet.payload));
            }
        }
        let asked = Datagram::icmp(other.into(), ALL_NODES.into(), 135, 0, &solicit).with_hops(ON_LINK);
        list.push(self.packet("a solicitation in another's name", ALL_NODES_MAC, &asked, &asked.payload));
        list
    }

    /// Questions about group members, which only routers ask.
    fn queries(&self) -> Vec<Forgery> {
        let own: IpAddr = self.ipv4("attacker").into();
        let mut query = Datagram::icmp(own, ALL_HOSTS.into(), 0x11, 100, &[0x66; 4]).with_hops(1);
        query.protocol = 2;
        let mut list = vec![self.packet("an IGMP query", ALL_HOSTS_MAC, &query, &query.payload)];
        if families().contains(&Family::V6) {
            let body = [&[0, 100, 0, 0][..], &[0; 16], &[0x66; 4]].concat();
            let query = Datagram::icmp(LINK_LOCAL.into(), ALL_NODES.into(), 130, 0, &body).with_hops(1);
            list.push(self.packet("an MLD query", ALL_NODES_MAC, &query, &query.payload));
        }
        list
    }

    /// IPv4's redirect and router advertisement.
    fn ipv4_routers(&self) -> Vec<Forgery> {
        let (own, victim) = (self.ipv4("attacker"), self.ipv4("victim"));
        let quoted = Datagram::udp(
            SocketAddr::new(victim.into(), 5555),
            SocketAddr::new(self.ipv4("bystander").into(), PORT),
            b"quoted",
        );
        let redirect = [&own.octets()[..], &quoted.bytes()].concat();
        let redirect = Datagram::icmp(own.into(), victim.into(), 5, 1, &redirect);
        let advert = [&[1, 2, 7, 8][..], &own.octets(), &[0; 4]].concat();
        let advert = Datagram::icmp(own.into(), ALL_HOSTS.into(), 9, 0, &advert).with_hops(1);
        vec![
            self.packet("an ICMP redirect", self.neighbour, &redirect, &redirect.payload),
            self.packet("an ICMP router advertisement", ALL_HOSTS_MAC, &advert, &advert.payload),
        ]
    }

    /// A datagram of its own, which follows the forged ones.
    fn wait_for_honest_word(&self, listeners: &mut Listeners) -> Result<()> {
        let (from, to) =
            (SocketAddr::new(self.ipv4("attacker").into(), 4444), self.scene.at("victim", Family::V4)?);
        self.attacker.send_ip(self.neighbour, &Datagram::udp(from, to, b"in my own name").bytes())?;
        let (_, tap) = listeners.taps.first_mut().context("no victim")?;
        tap.wait("the attacker's honest word", |frame| frame.ends_with(b"in my own name"))
    }
}

/// Everything is heard somewhere while nobody enforces, and nowhere afterwards.
fn never_arrives(topology: Topology, forge: impl Fn(&Stage) -> Vec<Forgery>) -> Result<Agent> {
    let stage = Stage::new(topology)?;
    // Nothing that was learned from a forged frame may be of use later.
    let mut listeners = Listeners::open(&stage.scene)?;
    for forgery in forge(&stage) {
        stage.attacker.send(&forgery.frame)?;
        stage.wait_for_honest_word(&mut listeners)?;
        let heard = listeners.of(&forgery.trace)?;
        assert!(!heard.is_empty(), "{} is lost without an enforcer, {topology}", forgery.what);
    }
    let agent = stage.scene.start()?;
    let mut listeners = Listeners::open(&stage.scene)?;
    let forgeries = forge(&stage);
    for forgery in &forgeries {
        let before = stage.scene.count_drops(&agent, "attacker", "spoofed");
        stage.attacker.send(&forgery.frame)?;
        enforcer_tests::poll::until(enforcer_tests::scene::DEADLINE, forgery.what, || {
            (stage.scene.count_drops(&agent, "attacker", "spoofed") > before).then_some(())
        })
        .with_context(|| format!("no drop, {topology}; so far {:#?}", agent.said().drops))?;
    }
    stage.wait_for_honest_word(&mut listeners)?;
    for forgery in &forgeries {
        let heard = listeners.of(&forgery.trace)?;
        assert!(heard.is_empty(), "{} arrived at {heard:?}, {topology}", forgery.what);
    }
    Ok(agent)
}

fn on_every_topology(forge: impl Fn(&Stage) -> Vec<Forgery>) -> Result<()> {
    // Whether bridged packets go through iptables changes nothing before the pod's own interface.
    let netfilter = Topology::Bridged { netfilter: true };
    let topologies = Topology::all().into_iter().filter(|topology| *topology != netfilter);
    topologies.into_iter().try_for_each(|topology| never_arrives(topology, &forge).map(drop))
}

#[test]
fn foreign_sources_never_arrive() -> Result<()> {
    on_every_topology(Stage::sources)
}

#[test]
fn arp_claims_of_foreign_addresses_never_arrive() -> Result<()> {
    on_every_topology(Stage::claims)
}

#[test]
fn routers_and_neighbours_are_not_impersonated() -> Result<()> {
    if families().contains(&Family::V6) {
        on_every_topology(Stage::discovery)?;
    }
    Ok(())
}

#[test]
fn membership_queries_never_arrive() -> Result<()> {
    on_every_topology(Stage::queries)
}

#[test]
fn icmp_redirects_and_router_advertisements_never_arrive() -> Result<()> {
    on_every_topology(Stage::ipv4_routers)
}

/// The bridge's name is part of the lab's promise to these tests.
#[test]
fn a_bridge_learns_nothing_from_a_claim() -> Result<()> {
    let stage = Stage::new(Topology::Bridged { netfilter: false })?;
    let _agent = stage.scene.start()?;
    let victim = stage.scene.at("victim", Family::V4)?;
    assert!(stage.scene.reaches("(node)", "victim", enforcer::model::Protocol::Udp, Family::V4)?);
    for forgery in stage.claims() {
        stage.attacker.send(&forgery.frame)?;
    }
    stage.wait_for_honest_word(&mut Listeners::open(&stage.scene)?)?;
    let mut ip = enforcer_tests::lab::inside(stage.scene.lab.node().name(), "ip");
    let known = ip.args(["neigh", "show", &victim.ip().to_string(), "dev", BRIDGE]).output()?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let own = stage.attacker.own.map(|byte| format!("{byte:02x}")).join(":");
    assert!(known.contains("lladdr") && !known.contains(&own), "{known}");
    Ok(())
}
