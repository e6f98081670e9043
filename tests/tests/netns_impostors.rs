//! Level 6: nobody else passes for the node, whatever can be had of its marks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    lab::{NODE_ADDRESSES, Topology, has_ipv6},
    oracle::Family,
    poll,
    scene::{PORT, Published, Scene, ask, deny_all, families, ingress, pod, policy},
    wire::Datagram,
    wire::Tap,
};

const NODE_PORT: u16 = 30_700;

fn bridged() -> Vec<Topology> {
    Topology::all().into_iter().filter(|topology| *topology != Topology::Routed).collect()
}

/// A packet of this source, but for neighbour discovery, which has to get through.
fn is_from(source: IpAddr) -> impl Fn(&[u8]) -> bool {
    move |frame: &[u8]| match source {
        IpAddr::V4(source) => {
            frame.get(12..14) == Some(&[8, 0]) && frame.get(26..30) == Some(&source.octets())
        }
        IpAddr::V6(source) => {
            frame.get(12..14) == Some(&[0x86, 0xdd])
                && frame.get(22..38) == Some(&source.octets())
                && frame.get(20) != Some(&58)
        }
    }
}

/// A later fragment with destination options before its fragment header, which no sender here made: the node put
/// the packet together and cut it anew.
fn is_cut_anew(frame: &[u8]) -> bool {
    frame.get(20) == Some(&60)
        && matches!(frame.get(64..66), Some([high, low]) if (*high, low >> 3) != (0, 0))
}

/// The node's connection tracking reassembles what a pod cut so that it does not fit together; the packets made from
/// it have lost the interface by which they came, and over a bridge they keep the pod's socket.
fn recut_fragments_stay_the_pods(topology: Topology, attach: &str) -> Result<()> {
    let mut scene = Scene::on(topology, &["attacker", "victim"])?;
    scene.settings.attach = Some(attach.to_owned());
    scene.publish(&[])?;
    let [from, to] = ["attacker", "victim"].map(|name| scene.at(name, Family::V6).unwrap());
    let attacker = scene.raw("attacker")?;
    let hop = scene.next_hop(&attacker, "victim")?;
    let send = |id| -> Result<()> {
        let packet = Datagram::udp(from, to, &[0x66; 2600]);
        for fragment in packet.fragments(id, 1360, &[1, 0]) {
            attacker.send_ip(hop, &fragment)?;
        }
        Ok(())
    };
    let mut tap = Tap::open(scene.netns("victim")?)?;
    send(1)?;
    tap.wait(&format!("fragments without an enforcer, {topology}"), is_from(from.ip()))?;
    if topology != (Topology::Bridged { netfilter: false }) {
        tap.wait(&format!("fragments cut anew, {topology}"), is_cut_anew)?;
    }

    scene.write("policies.yaml", &deny_all("victim"))?;
    let agent = scene.start()?;
    tap.clear()?;
    for id in 2..5 {
        send(id)?;
    }
    scene.wait_drop(&agent, "victim", "the fragments", |drop| {
        drop.source.address.as_ref().is_some_and(|source| *source == from.ip().to_string())
    })?;
    // The node's own word comes after them, and is heard.
    assert!(scene.reaches("(node)", "victim", Protocol::Udp, Family::V6)?, "{topology}");
    assert!(!tap.has(is_from(from.ip()))?, "{topology}, {attach}: {:?}", tap.heard()?);
    Ok(())
}

#[test]
fn recut_fragments_do_not_pass_for_the_node_when_routed() -> Result<()> {
    if has_ipv6() {
        recut_fragments_stay_the_pods(Topology::Routed, "tcx")?;
        recut_fragments_stay_the_pods(Topology::Routed, "clsact")?;
    }
    Ok(())
}

#[test]
fn recut_fragments_do_not_pass_for_the_node_when_bridged() -> Result<()> {
    if has_ipv6() {
        for topology in bridged() {
            recut_fragments_stay_the_pods(topology, "tcx")?;
        }
    }
    Ok(())
}

#[test]
fn bridged_frames_with_the_senders_socket_do_not_pass_for_the_node() -> Result<()> {
    for topology in bridged() {
        let scene = Scene::on(topology, &["attacker", "victim"])?;
        let attacker = scene.raw("attacker")?;
        let hop = scene.next_hop(&attacker, "victim")?;
        scene.write("policies.yaml", &deny_all("victim"))?;
        let agent = scene.start()?;
        for family in families() {
            let [from, to] = ["attacker", "victim"].map(|name| scene.at(name, family).unwrap());
            let mut tap = Tap::open(scene.netns("victim")?)?;
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                assert!(!scene.reaches("attacker", "victim", protocol, family)?, "{protocol} {family:?}");
            }
            let from = SocketAddr::new(from.ip(), 4444);
            attacker.send_ip(hop, &Datagram::udp(from, to, b"by a packet socket").bytes())?;
            scene.wait_drop(&agent, "victim", "the crafted datagram", |drop| {
                drop.source.port == Some(4444) && drop.is_ipv6() == (family == Family::V6)
            })?;
            assert!(!tap.has(is_from(from.ip()))?, "{topology} {family:?}");
        }
    }
    Ok(())
}

#[test]
fn a_node_port_does_not_lend_the_nodes_name() -> Result<()> {
    for topology in Topology::all() {
        let scene = Scene::on(topology, &["client", "server"])?;
        let outside = scene.lab.join_outside()?;
        scene.publish(&[Published { name: "server", backends: &["server"], node_port: Some(NODE_PORT) }])?;
        let banner = Some(scene.lab.pod(&pod("server"))?.banner(PORT));
        let through = |from: &str, family: Family, protocol| {
            let [ipv4, ipv6] = NODE_ADDRESSES;
            let node = if family == Family::V4 { ipv4 } else { ipv6 };
            let netns = if from == "(outside)" { outside.host() } else { scene.netns(from)? };
            ask(netns, None, SocketAddr::new(node, NODE_PORT), protocol)
        };
        for family in families() {
            for from in ["client", "(outside)", "(node)"] {
                // The first packets find their way by asking neighbours, who may take a second to be asked again.
                let what = format!("no enforcer: {from} {family:?} {topology}");
                poll::until(Duration::from_secs(10), &what, || {
                    through(from, family, Protocol::Tcp).ok().filter(|answer| *answer == banner)
                })?;
            }
        }
        // The client itself may; but through the NodePort it comes with an address of the node's.
        scene.write("policies.yaml", &ingress("server", &["client"]))?;
        let mut agent = scene.start()?;
        for family in families() {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let what = format!("{protocol} {family:?} {topology}");
                assert!(scene.reaches("client", "server", protocol, family)?, "{what}");
                assert_eq!(through("client", family, protocol)?, None, "{what}");
                assert_eq!(through("(outside)", family, protocol)?, None, "{what}");
                // The node itself is the node by whatever way.
                assert_eq!(through("(node)", family, protocol)?, banner, "{what}");
            }
        }
        // Who allows the node's addresses allows all that comes with them.
        let blocks = "[{from: [{ipBlock: {cidr: 169.254.1.1/32}}, {ipBlock: {cidr: 10.77.0.1/32}}, \
                      {ipBlock: {cidr: \"fd77::1/128\"}}, {ipBlock: {cidr: \"fe80::1/128\"}}]}]";
        let allowed = policy("node", "server", &format!("policyTypes: [Ingress], ingress: {blocks}"));
        scene.change(&mut agent, || scene.write("policies.yaml", &allowed))?;
        for family in families() {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let what = format!("{protocol} {family:?} {topology}");
                assert_eq!(through("client", family, protocol)?, banner, "{what}");
            }
        }
    }
    Ok(())
}
