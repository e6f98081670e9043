//! Level 6: ICMP errors follow the flow that they quote, through a policy that lets nothing in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
};

use anyhow::{Context, Result, ensure};
use enforcer_tests::{
    agent::Agent,
    lab::{Outside, ROUTER_MTU, Topology},
    oracle::Family,
    poll,
    scene::{DEADLINE, PORT, Scene, families, ingress, port_is_closed},
    wire::{Datagram, framed},
    wire::{Port, Tap, mac},
};

/// What the datagram carries that errors quote and nobody sent.
const LIE: &[u8] = b"never sent";

/// A pod into which nothing may be opened, the world outside, and one family.
struct Place {
    scene: Scene,
    outside: Outside,
    agent: Agent,
    family: Family,
}

/// Tries something on two topologies and over every family.
fn everywhere(test: impl Fn(&Place) -> Result<()>) -> Result<()> {
    for topology in [Topology::Routed, Topology::Bridged { netfilter: false }] {
        let scene = Scene::on(topology, &["client", "server"])?;
        let outside = scene.lab.join_outside()?;
        scene.write("policies.yaml", &ingress("client", &[]))?;
        let agent = scene.start()?;
        let mut place = Place { scene, outside, agent, family: Family::V4 };
        for family in families() {
            place.family = family;
            test(&place).with_context(|| format!("{family:?} {topology}"))?;
        }
    }
    Ok(())
}

/// Sends the client errors about a datagram that it never sent, one of each type and code.
fn lie(scene: &Scene, outside: &Outside, family: Family, kinds: &[(u8, u8)]) -> Result<()> {
    let ipv4 = family == Family::V4;
    let port = Port::open(outside.host(), "eth0")?;
    let (own, router) = (mac(outside.host(), "eth0")?, mac(outside.router(), "host")?);
    let (client, host) = (scene.at("client", family)?.ip(), outside.host_address(ipv4));
    let quoted = Datagram::udp(SocketAddr::new(client, 5555), SocketAddr::new(host, 53), LIE);
    let body = [&[0, 0, 5, 0][..], &quoted.bytes()].concat();
    for (kind, code) in kinds {
        let error = Datagram::icmp(host, client, *kind, *code, &body);
        port.send(&framed(router, own, if ipv4 { 0x0800 } else { 0x86dd }, &error.bytes()))?;
    }
    Ok(())
}

fn any(family: Family) -> SocketAddr {
    match family {
        Family::V4 => (Ipv4Addr::UNSPECIFIED, PORT).into(),
        Family::V6 => (Ipv6Addr::UNSPECIFIED, PORT).into(),
    }
}

#[test]
fn tcp_finds_the_paths_mtu() -> Result<()> {
    const BYTES: usize = 2_000_000;
    everywhere(|Place { scene, outside, family, .. }| {
        let listener = outside.host().enter(|| Ok(TcpListener::bind(any(*family))?))?;
        let at = SocketAddr::new(outside.host_address(*family == Family::V4), PORT);
        let receiver = thread::spawn(move || -> Result<usize> {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(DEADLINE))?;
            let mut all = Vec::new();
            Ok(stream.read_to_end(&mut all)?)
        });
        scene.netns("client")?.enter(|| {
            let mut stream = TcpStream::connect_timeout(&at, DEADLINE)?;
            stream.set_write_timeout(Some(DEADLINE))?;
            stream.write_all(&vec![0x5a; BYTES]).context("the transfer hangs")
        })?;
        assert_eq!(receiver.join().unwrap()?, BYTES);
        Ok(())
    })
}

#[test]
fn udp_finds_the_paths_mtu() -> Result<()> {
    everywhere(|Place { scene, outside, family, .. }| {
        let server = outside.host().enter(|| Ok(UdpSocket::bind(any(*family))?))?;
        server.set_nonblocking(true)?;
        let at = SocketAddr::new(outside.host_address(*family == Family::V4), PORT);
        let size = usize::from(ROUTER_MTU) + 50;
        let client = scene.netns("client")?.enter(|| {
            let own = SocketAddr::new(any(*family).ip(), 0);
            let socket = UdpSocket::bind(own)?;
            socket.connect(at)?;
            Ok(socket)
        })?;
        let mut buffer = vec![0; 2 * size];
        poll::until(DEADLINE, "a large datagram", || {
            // The error about an earlier datagram comes back here.
            client.send(&vec![0x5a; size]).ok();
            (server.recv(&mut buffer).ok() == Some(size)).then_some(())
        })
    })
}

#[test]
fn word_of_closed_ports_comes_back() -> Result<()> {
    everywhere(|Place { scene, outside, family, .. }| {
        let client = scene.netns("client")?;
        let far = SocketAddr::new(outside.host_address(*family == Family::V4), 9);
        ensure!(port_is_closed(client, far)?, "nothing comes from afar");
        let near = SocketAddr::new(scene.at("server", *family)?.ip(), 9);
        ensure!(port_is_closed(client, near)?, "nothing comes from a neighbour");
        Ok(())
    })
}

/// The other way round: the pod may not open anything, and tells who may that a port of its is closed.
#[test]
fn a_pod_that_may_send_nothing_reports_its_closed_ports() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    scene.write("policies.yaml", &enforcer_tests::scene::egress("server", &[]))?;
    let _agent = scene.start()?;
    for family in families() {
        let closed = SocketAddr::new(scene.at("server", family)?.ip(), 9);
        assert!(port_is_closed(scene.netns("client")?, closed)?, "{family:?}");
    }
    Ok(())
}

/// Too big, unreachable, expired, bad parameter: all quote a datagram that the pod never sent.
#[test]
fn errors_that_quote_no_flow_do_not_arrive() -> Result<()> {
    everywhere(|Place { scene, outside, agent, family }| {
        let mut tap = Tap::open(scene.netns("client")?)?;
        let (protocol, kinds): (&str, &[(u8, u8)]) = match family {
            Family::V4 => ("ICMP", &[(3, 4), (3, 3), (4, 0), (11, 0), (12, 0)]),
            Family::V6 => ("ICMPv6", &[(2, 0), (1, 4), (3, 0), (4, 0)]),
        };
        lie(scene, outside, *family, kinds)?;
        let host = outside.host_address(*family == Family::V4).to_string();
        poll::until(DEADLINE, "a drop of each", || {
            let said = agent.said();
            let of_host = said.drops.iter().filter(|drop| drop.source.address.as_ref() == Some(&host));
            (of_host.filter(|drop| drop.protocol == protocol).count() == kinds.len()).then_some(())
        })
        .with_context(|| format!("so far {:#?}", agent.said().drops))?;
        ensure!(!tap.has(|frame| frame.ends_with(LIE))?, "it arrives");
        Ok(())
    })
}

/// Without an enforcer such an error does arrive; else the test above could not fail.
#[test]
fn errors_arrive_where_nobody_enforces() -> Result<()> {
    let scene = Scene::new(&["client"])?;
    let outside = scene.lab.join_outside()?;
    for family in families() {
        let mut tap = Tap::open(scene.netns("client")?)?;
        lie(&scene, &outside, family, &[(if family == Family::V4 { 3 } else { 1 }, 4)])?;
        tap.wait("the error", |frame| frame.ends_with(LIE))?;
    }
    Ok(())
}
