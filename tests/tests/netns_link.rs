//! Level 6: what a pod's own network stack needs of the link goes on under a policy that allows nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::Agent,
    lab::{Source, Topology, inside},
    oracle::Family,
    poll,
    scene::{DEADLINE, Scene, deny_all, families, pod},
    wire::Datagram,
    wire::Tap,
};

/// Two pods that may neither send nor receive anything.
fn silenced(topology: Topology) -> Result<(Scene, Agent)> {
    let scene = Scene::on(topology, &["one", "two"])?;
    scene.write("policies.yaml", &[deny_all("one"), deny_all("two")].concat())?;
    let agent = scene.start()?;
    Ok((scene, agent))
}

fn two_topologies() -> [Topology; 2] {
    [Topology::Routed, Topology::Bridged { netfilter: false }]
}

/// An ICMPv6 message of this type from this source, behind at most a hop-by-hop header.
fn icmpv6(frame: &[u8], kind: u8, source: Option<Ipv6Addr>) -> bool {
    let message = if frame.get(20) == Some(&0) { 62 } else { 54 };
    frame.get(12..14) == Some(&[0x86, 0xdd])
        && frame.get(message) == Some(&kind)
        && source.is_none_or(|source| frame.get(22..38) == Some(&source.octets()))
}

fn address_is(scene: &Scene, name: &str, address: &str, word: &str) -> Result<bool> {
    let mut ip = inside(scene.netns(name)?.name(), "ip");
    let output = ip.args(["-6", "addr", "show", "dev", "eth0", "to", address]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.contains(address)
        && if word.is_empty() { !text.contains("tentative") } else { text.contains(word) })
}

#[test]
fn duplicate_detection_finds_a_free_address() -> Result<()> {
    if !families().contains(&Family::V6) {
        return Ok(());
    }
    for topology in two_topologies() {
        let (scene, agent) = silenced(topology)?;
        let mut node = Tap::behind_programs(scene.lab.node())?;
        detect(&scene, "one", "fd77::500")?;
        node.wait("a probe for the address", |frame| icmpv6(frame, 135, Some(Ipv6Addr::UNSPECIFIED)))?;
        poll::until(DEADLINE, "the address is free", || {
            address_is(&scene, "one", "fd77::500", "").unwrap().then_some(())
        })?;
        assert_eq!(scene.count_drops(&agent, "one", "spoofed"), 0, "{:#?}", agent.said().drops);
    }
    Ok(())
}

/// The owner's advertisement gets out of its pod and into the other.
#[test]
fn duplicate_detection_finds_an_address_in_use() -> Result<()> {
    if !families().contains(&Family::V6) {
        return Ok(());
    }
    let (scene, _agent) = silenced(Topology::Bridged { netfilter: false })?;
    let taken = scene.at("two", Family::V6)?.ip().to_string();
    detect(&scene, "one", &taken)?;
    poll::until(DEADLINE, "the address is in use", || {
        address_is(&scene, "one", &taken, "dadfailed").unwrap().then_some(())
    })
}

fn detect(scene: &Scene, name: &str, address: &str) -> Result<()> {
    // Each interface adds its own setting to that of all.
    scene.netns(name)?.enter(|| Ok(std::fs::write("/proc/sys/net/ipv6/conf/eth0/accept_dad", "1")?))?;
    scene.lab.ip(&Source::Pod(pod(name)), &format!("addr add {address}/128 dev eth0\n"))
}

#[test]
fn membership_reports_reach_the_node() -> Result<()> {
    for topology in two_topologies() {
        let (scene, _agent) = silenced(topology)?;
        let mut node = Tap::behind_programs(scene.lab.node())?;
        let _member = scene.netns("one")?.enter(|| {
            let own = scene.at("one", Family::V4)?.ip();
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            let IpAddr::V4(own) = own else { panic!("{own} is no IPv4 address") };
            socket.join_multicast_v4(&Ipv4Addr::new(239, 1, 2, 3), &own)?;
            Ok(socket)
        })?;
        // Version 3, behind a header with the router alert option.
        node.wait("an IGMP report", |frame| {
            frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&2) && frame.get(38) == Some(&0x22)
        })?;
        if families().contains(&Family::V6) {
            let _member = scene.netns("one")?.enter(|| {
                let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
                let index = nix::net::if_::if_nametoindex("eth0")?;
                socket.join_multicast_v6(&"ff02::1234".parse()?, index)?;
                Ok(socket)
            })?;
            node.wait("an MLD report", |frame| icmpv6(frame, 143, None))?;
        }
    }
    Ok(())
}

#[test]
fn neighbours_are_found_again() -> Result<()> {
    for topology in two_topologies() {
        let (scene, _agent) = silenced(topology)?;
        for family in families() {
            for _ in 0..2 {
                assert!(scene.reaches("(node)", "one", Protocol::Udp, family)?, "{family:?} {topology}");
                for place in [Source::Node, Source::Pod(pod("one")), Source::Pod(pod("two"))] {
                    scene.lab.ip(&place, "neigh flush all\n")?;
                }
            }
        }
        // And each other, though they have nothing to say.
        if topology != Topology::Routed {
            for family in families() {
                assert!(!scene.reaches("one", "two", Protocol::Udp, family)?, "{family:?}");
            }
        }
    }
    Ok(())
}

/// A client that asks for the first time, one that renews, and the server's answers to both: by broadcast, and to an
/// address that the client does not have yet.
#[test]
fn dhcp_goes_on_where_an_endpoint_uses_it() -> Result<()> {
    let scene = Scene::on(Topology::Bridged { netfilter: false }, &["one", "two", "dhcp"])?;
    scene.write("policies.yaml", &[deny_all("one"), deny_all("two")].concat())?;
    scene.list_with(&["one", "two", "dhcp"], |name| if name == "one" { "dhcp: true" } else { "" })?;
    let agent = scene.start()?;
    for family in families() {
        for name in ["one", "two"] {
            assert!(
                !scene.reaches("dhcp", name, Protocol::Udp, family)?,
                "{name} is not enforced, {family:?}"
            );
        }
    }
    let mut server = Tap::open(scene.netns("dhcp")?)?;
    let mut client = Tap::open(scene.netns("one")?)?;
    let (one, two) = (scene.raw("one")?, scene.raw("two")?);
    let dhcp = scene.raw("dhcp")?;
    for family in families() {
        let own = scene.at("one", family)?.ip();
        let at = scene.at("dhcp", family)?.ip();
        let (ports, first, all, mac): ((u16, u16), IpAddr, IpAddr, [u8; 6]) = match family {
            Family::V4 => ((68, 67), Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into(), [0xff; 6]),
            Family::V6 => ((546, 547), "fe80::77".parse()?, "ff02::1:2".parse()?, [0x33, 0x33, 0, 1, 0, 2]),
        };
        for (source, to, mac) in [(first, all, mac), (own, at, dhcp.own), (own, all, mac)] {
            for (raw, name) in [(&one, "one"), (&two, "two")] {
                let content = format!("{name} asks {to} from {source}");
                let question = Datagram::udp(
                    SocketAddr::new(source, ports.0),
                    SocketAddr::new(to, ports.1),
                    content.as_bytes(),
                );
                raw.send_ip(mac, &question.bytes())?;
            }
            let asked = format!("one asks {to} from {source}");
            server.wait(&asked, |frame| frame.ends_with(asked.as_bytes()))?;
        }
        assert!(!server.has(|frame| frame.windows(8).any(|part| part == b"two asks"))?);
        let nobody: IpAddr = if family == Family::V4 { "10.77.9.9".parse()? } else { "fd77::999".parse()? };
        for to in [own, nobody, all] {
            let content = format!("an answer to {to}");
            let answer =
                Datagram::udp(SocketAddr::new(at, ports.1), SocketAddr::new(to, ports.0), content.as_bytes());
            let hop = if to == all { mac } else { one.own };
            dhcp.send_ip(hop, &answer.bytes())?;
            client.wait(&content, |frame| frame.ends_with(content.as_bytes()))?;
        }
    }
    assert_eq!(scene.count_drops(&agent, "one", "spoofed"), 0, "{:#?}", agent.said().drops);
    scene.wait_drop(&agent, "two", "DHCP without the setting", |drop| drop.reason == "spoofed")?;
    Ok(())
}
