//! Level 6: flows that have been idle are forgotten, and when is a setting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::binary,
    oracle::Family,
    poll,
    scene::{DEADLINE, Scene, ingress, pod},
};

/// Between two answers; the deadline comes before they are used up.
const PACE: Duration = Duration::from_millis(300);

/// Some of its flows are answered at once, and one after the other until one is too old.
#[test]
fn a_flow_that_is_not_answered_in_time_admits_no_answer() -> Result<()> {
    let mut scene = Scene::new(&["client", "server"])?;
    scene.write("client.yaml", &ingress("client", &[]))?;
    scene.settings.flow_timeouts = vec!["udp-opening=1s".to_owned()];
    let agent = scene.start()?;
    let at = SocketAddr::new(scene.at("server", Family::V4)?.ip(), 7200);
    let server = scene.lab.pod(&pod("server"))?.netns().enter(|| Ok(UdpSocket::bind(at)?))?;
    server.set_read_timeout(Some(DEADLINE))?;
    let queries = scene.lab.pod(&pod("client"))?.netns().enter(|| {
        let sockets = (0..50).map(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(sockets.collect::<std::io::Result<Vec<_>>>()?)
    })?;
    let mut clients = Vec::new();
    for query in &queries {
        query.send_to(b"?", at)?;
        let (_, client) = server.recv_from(&mut [0; 8])?;
        clients.push(client);
    }
    let first = queries.first().unwrap();
    first.set_read_timeout(Some(DEADLINE))?;
    server.send_to(b"!", clients.first().unwrap())?;
    first.recv(&mut [0; 8])?;
    let mut waiting = clients.iter().skip(1);
    let (begun, mut tried) = (Instant::now(), 0);
    poll::until(DEADLINE, "an answer comes too late", || {
        // An answer makes its flow younger, so each is tried once, and they have to last.
        if begun.elapsed() > PACE * tried {
            server.send_to(b"!", waiting.next()?).ok()?;
            tried += 1;
        }
        let said = agent.said();
        said.drops
            .iter()
            .any(|drop| {
                drop.direction == "ingress" && drop.endpoint.pod_name() == Some(pod("client").to_string())
            })
            .then_some(())
    })?;
    // The others of the namespace are not concerned.
    assert!(scene.reaches("client", "server", Protocol::Udp, Family::V4)?);
    Ok(())
}

#[test]
fn a_setting_with_a_mistake_is_refused_with_the_part_that_is_wrong() -> Result<()> {
    for (setting, words) in [
        ("tcp=2h", ["\"tcp\"", "tcp-established"]),
        ("udp=2", ["\"2\"", "s, m, h or d"]),
        ("udp=30d", ["\"30d\"", "at most 20d"]),
        ("udp", ["\"udp\"", "STATE=TIME"]),
    ] {
        let output = Command::new(binary()?)
            .args(["run", "--manifests", "/nowhere", "--flow-timeout", setting])
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && words.iter().all(|word| text.contains(word)),
            "{setting}: {text}"
        );
    }
    Ok(())
}
