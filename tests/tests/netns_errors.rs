//! Level 6: ICMP errors follow the flow that they quote, through a policy that lets nothing in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
};

use anyhow::{Context, Result};
use enforcer_tests::{
    agent::Agent,
    lab::{Outside, ROUTER_MTU, Topology},
    oracle::Family,
    poll,
    scene::{DEADLINE, PORT, Scene, families, ingress, port_is_closed},
    wire::{Datagram, framed},
    wire::{Port, Tap, mac},
};

/// A pod into which nothing may be opened, and the world outside.
fn isolated(topology: Topology) -> Result<(Scene, Outside, Agent)> {
    let scene = Scene::on(topology, &["client", "server"])?;
    let outside = scene.lab.join_outside()?;
    scene.write("policies.yaml", &ingress("client", &[]))?;
    let agent = scene.start()?;
    Ok((scene, outside, agent))
}

fn two_topologies() -> [Topology; 2] {
    [Topology::Routed, Topology::Bridged { netfilter: false }]
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
    for topology in two_topologies() {
        let (scene, outside, _agent) = isolated(topology)?;
        for family in families() {
            let listener = outside.host().enter(|| Ok(TcpListener::bind(any(family))?))?;
            let at = SocketAddr::new(outside.host_address(family == Family::V4), PORT);
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
            let received = receiver.join().unwrap().with_context(|| format!("{family:?} {topology}"))?;
            assert_eq!(received, BYTES, "{family:?} {topology}");
        }
    }
    Ok(())
}

#[test]
fn udp_finds_the_paths_mtu() -> Result<()> {
    for topology in two_topologies() {
        let (scene, outside, _agent) = isolated(topology)?;
        for family in families() {
            let server = outside.host().enter(|| Ok(UdpSocket::bind(any(family))?))?;
            server.set_nonblocking(true)?;
            let at = SocketAddr::new(outside.host_address(family == Family::V4), PORT);
            let size = usize::from(ROUTER_MTU) + 50;
            let client = scene.netns("client")?.enter(|| {
                let own = SocketAddr::new(any(family).ip(), 0);
                let socket = UdpSocket::bind(own)?;
                socket.connect(at)?;
                Ok(socket)
            })?;
            let mut buffer = vec![0; 2 * size];
            poll::until(DEADLINE, &format!("a large datagram, {family:?} {topology}"), || {
                // The error about an earlier datagram comes back here.
                client.send(&vec![0x5a; size]).ok();
                (server.recv(&mut buffer).ok() == Some(size)).then_some(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn word_of_closed_ports_comes_back() -> Result<()> {
    for topology in two_topologies() {
        let (scene, outside, _agent) = isolated(topology)?;
        for family in families() {
            let client = scene.netns("client")?;
            let far = SocketAddr::new(outside.host_address(family == Family::V4), 9);
            assert!(port_is_closed(client, far)?, "from afar, {family:?} {topology}");
            let near = SocketAddr::new(scene.at("server", family)?.ip(), 9);
            assert!(port_is_closed(client, near)?, "from a neighbour, {family:?} {topology}");
        }
    }
    Ok(())
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
    for topology in two_topologies() {
        let (scene, outside, agent) = isolated(topology)?;
        let port = Port::open(outside.host(), "eth0")?;
        let (own, router) = (mac(outside.host(), "eth0")?, mac(outside.router(), "host")?);
        for family in families() {
            let ipv4 = family == Family::V4;
            let mut tap = Tap::open(scene.netns("client")?)?;
            let (client, host) = (scene.at("client", family)?.ip(), outside.host_address(ipv4));
            let quoted =
                Datagram::udp(SocketAddr::new(client, 5555), SocketAddr::new(host, 53), b"never sent");
            let kinds: &[(u8, u8)] = if ipv4 {
                &[(3, 4), (3, 3), (4, 0), (11, 0), (12, 0)]
            } else {
                &[(2, 0), (1, 4), (3, 0), (4, 0)]
            };
            for (kind, code) in kinds {
                let body = [&[0, 0, 5, 0][..], &quoted.bytes()].concat();
                let error = Datagram::icmp(host, client, *kind, *code, &body);
                port.send(&framed(router, own, if ipv4 { 0x0800 } else { 0x86dd }, &error.bytes()))?;
            }
            let protocol = if ipv4 { "ICMP" } else { "ICMPv6" };
            poll::until(DEADLINE, "a drop of each", || {
                let said = agent.said();
                let drops = said.drops.iter().filter(|drop| {
                    drop.protocol == protocol && drop.source.address == Some(host.to_string())
                });
                (drops.count() == kinds.len()).then_some(())
            })
            .with_context(|| format!("{family:?} {topology}; so far {:#?}", agent.said().drops))?;
            assert!(!tap.has(|frame| frame.ends_with(b"never sent"))?, "{family:?} {topology}");
        }
    }
    Ok(())
}

/// Without an enforcer such an error does arrive; else the test above could not fail.
#[test]
fn errors_arrive_where_nobody_enforces() -> Result<()> {
    let scene = Scene::new(&["client"])?;
    let outside = scene.lab.join_outside()?;
    let port = Port::open(outside.host(), "eth0")?;
    let (own, router) = (mac(outside.host(), "eth0")?, mac(outside.router(), "host")?);
    for family in families() {
        let ipv4 = family == Family::V4;
        let mut tap = Tap::open(scene.netns("client")?)?;
        let (client, host) = (scene.at("client", family)?.ip(), outside.host_address(ipv4));
        let quoted = Datagram::udp(SocketAddr::new(client, 5555), SocketAddr::new(host, 53), b"never sent");
        let body = [&[0, 0, 5, 0][..], &quoted.bytes()].concat();
        let error = Datagram::icmp(host, client, if ipv4 { 3 } else { 1 }, 4, &body);
        port.send(&framed(router, own, if ipv4 { 0x0800 } else { 0x86dd }, &error.bytes()))?;
        tap.wait("the error", |frame| frame.ends_with(b"never sent"))?;
    }
    Ok(())
}
