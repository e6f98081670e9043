//! Level 6: datagrams in fragments, and frames with tags, are judged as what they are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use anyhow::Result;
use enforcer_tests::{
    lab::Topology,
    oracle::Family,
    scene::{PORT, Scene, egress, families, ingress, send_datagram},
    wire::Tap,
    wire::{Datagram, framed},
};

/// Too large for one frame, and so are the answers.
const SIZES: [usize; 2] = [4000, 8000];

fn fragmented(topology: Topology, tracked: bool, attach: &str) -> Result<()> {
    let mut scene = Scene::on(topology, &["client", "server", "other"])?;
    scene.settings.attach = Some(attach.to_owned());
    if tracked {
        // Connection tracking puts fragments together and takes them apart again.
        scene.publish(&[])?;
    }
    // Each side of the allowed way is isolated in both directions.
    let policies = [ingress("server", &["client"]), egress("server", &[])];
    let others = [egress("client", &["server"]), ingress("client", &[])];
    scene.write("policies.yaml", &[policies, others].concat().concat())?;
    let agent = scene.start()?;
    for family in families() {
        let server = scene.at("server", family)?;
        let mut tap = Tap::open(scene.netns("server")?)?;
        for size in SIZES {
            let what = format!("{size} bytes, {family:?} {topology}, conntrack {tracked}, {attach}");
            assert!(!send_datagram(scene.netns("other")?, server, size)?, "{what}");
            assert!(!tap.has(|frame| frame.ends_with(&[0x5a; 64]))?, "{what} arrive in part");
            assert!(send_datagram(scene.netns("client")?, server, size)?, "{what}");
            tap.clear()?;
        }
        // A port that is not allowed: no part of it arrives.
        let closed = SocketAddr::new(server.ip(), PORT + 1);
        let what = format!("{family:?} {topology}, conntrack {tracked}, {attach}");
        assert!(!send_datagram(scene.netns("client")?, closed, 4000)?, "{what}");
        assert!(!tap.has(|frame| frame.ends_with(&[0x5a; 64]))?, "{what}: a closed port hears a part");
        scene.wait_drop(&agent, "server", "fragments of the other pod", |drop| {
            drop.source.pod_name() == Some("shop/other".into()) && drop.is_ipv6() == (family == Family::V6)
        })?;
    }
    Ok(())
}

#[test]
fn fragments_follow_the_first_one() -> Result<()> {
    for topology in Topology::all() {
        fragmented(topology, false, "tcx")?;
    }
    Ok(())
}

#[test]
fn fragments_follow_the_first_one_where_connections_are_tracked() -> Result<()> {
    for topology in Topology::all() {
        fragmented(topology, true, "tcx")?;
    }
    fragmented(Topology::Routed, true, "clsact")
}

/// Tagged once, the kernel takes the tag out of the frame's bytes; of two tags, one stays in.
#[test]
fn tagged_frames_are_judged_by_what_they_carry() -> Result<()> {
    let scene = Scene::on(Topology::Bridged { netfilter: false }, &["client", "server", "other"])?;
    let tagged = |name: &str, family: Family, tags: &[u16]| -> Result<()> {
        let raw = scene.raw(name)?;
        let hop = scene.next_hop(&raw, "server")?;
        let from = SocketAddr::new(scene.at(name, family)?.ip(), 4444);
        let content = format!("{name} with {} tags, {family:?}", tags.len());
        let packet = Datagram::udp(from, scene.at("server", family)?, content.as_bytes()).bytes();
        let ether_type: u16 = if family == Family::V4 { 0x0800 } else { 0x86dd };
        // Each tag is its own EtherType, then VLAN 7; last comes that of the packet.
        let types: Vec<u16> = tags.iter().copied().chain([ether_type]).collect();
        let mut content = Vec::new();
        for next in types.iter().skip(1) {
            content.extend([0, 7]);
            content.extend(next.to_be_bytes());
        }
        content.extend(packet);
        raw.send(&framed(hop, raw.own, *types.first().unwrap(), &content))
    };
    let cases: [&[u16]; 4] = [&[0x8100], &[0x88a8], &[0x8100, 0x8100], &[0x88a8, 0x8100]];
    let all = || families().into_iter().flat_map(|family| cases.map(|tags| (family, tags)));
    let mut tap = Tap::open(scene.netns("server")?)?;
    let heard = |tap: &mut Tap, name: &str, family: Family, tags: &[u16]| {
        let content = format!("{name} with {} tags, {family:?}", tags.len());
        tap.wait(&content.clone(), move |frame| frame.ends_with(content.as_bytes()))
    };
    for (family, tags) in all() {
        tagged("other", family, tags)?;
        heard(&mut tap, "other", family, tags)?;
    }
    scene.write("policies.yaml", &ingress("server", &["client"]))?;
    let agent = scene.start()?;
    tap.clear()?;
    for (family, tags) in all() {
        tagged("other", family, tags)?;
        tagged("client", family, tags)?;
        heard(&mut tap, "client", family, tags)?;
    }
    assert!(!tap.has(|frame| frame.windows(10).any(|part| part == b"other with"))?);
    let dropped = agent.said().drops.iter().filter(|drop| drop.source.port == Some(4444)).count();
    assert_eq!(dropped, all().count(), "{:#?}", agent.said().drops);
    Ok(())
}
