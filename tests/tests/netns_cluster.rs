//! Level 6: `enforcer agent` on a node whose cluster is an API server in the node's network namespace.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use anyhow::{Context as _, Result};
use enforcer_tests::{
    agent::{Agent, binary, get, status, status_socket},
    api_server::ApiServer,
    poll,
    scene::{DEADLINE, Scene, ingress},
};
use nix::sys::signal::Signal;

/// A node with pods that the API server knows, and no policy.
fn cluster() -> Result<(Scene, ApiServer)> {
    let mut scene = Scene::new(&["client", "server", "other"])?;
    let listener = scene.lab.node().enter(|| Ok(TcpListener::bind(("127.0.0.1", 0))?))?;
    let server = ApiServer::start_on(listener)?;
    server.put_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")?;
    server.put_yaml(&fs::read_to_string(scene.settings.manifests.join("pods.yaml"))?)?;
    scene.settings.api_server = Some(server.url());
    Ok((scene, server))
}

fn metric(scene: &Scene, agent: &Agent, series: &str) -> Result<f64> {
    let (code, text) = get(&scene.lab, agent, "/metrics")?;
    assert_eq!(code, 200);
    let line = text.lines().find(|line| line.split_once(' ').is_some_and(|(name, _)| name == series));
    let line = line.with_context(|| format!("no {series} in {text}"))?;
    Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
}

#[test]
fn a_policy_of_the_api_server_is_enforced_until_it_is_deleted() -> Result<()> {
    let (scene, server) = cluster()?;
    let mut agent = scene.start()?;
    scene.wait_reaches("other", "server", true)?;
    scene.change(&mut agent, || server.put_yaml(&ingress("server", &["client"])))?;
    // It is in force when it says so.
    for (from, reaches) in [("client", true), ("other", false)] {
        scene.wait_reaches(from, "server", reaches)?;
    }
    assert_eq!(get(&scene.lab, &agent, "/readyz")?, (200, "ok\n".to_owned()));
    assert_eq!(get(&scene.lab, &agent, "/healthz")?.0, 200);
    assert_eq!(get(&scene.lab, &agent, "/else")?.0, 404);
    assert_eq!(metric(&scene, &agent, "enforcer_policies")?.to_bits(), 1f64.to_bits());
    for (series, least) in [
        ("enforcer_endpoints{state=\"enforced\"}", 3.0),
        ("enforcer_policy_programming_duration_seconds_count", 1.0),
        ("enforcer_dropped_packets_total{direction=\"ingress\",reason=\"policy\"}", 1.0),
        ("enforcer_map_entries{map=\"ENDPOINTS\"}", 3.0),
        ("enforcer_map_capacity_entries{map=\"ENDPOINTS\"}", 4096.0),
        ("enforcer_api_synced{kind=\"NetworkPolicy\"}", 1.0),
        ("enforcer_rules", 1.0),
        ("enforcer_ready", 1.0),
    ] {
        let value = metric(&scene, &agent, series)?;
        assert!(value >= least, "{series} is {value}");
    }

    scene.change(&mut agent, || server.delete("NetworkPolicy", "shop", "server-ingress"))?;
    scene.wait_reaches("other", "server", true)?;
    agent.stop(Signal::SIGTERM)?;
    assert!(!status_socket(&scene.lab).exists());
    assert!(status(&scene.lab).unwrap_err().to_string().contains("no agent answers at "));
    Ok(())
}

#[test]
fn while_the_api_server_is_away_its_last_policies_stay_in_force() -> Result<()> {
    let (scene, server) = cluster()?;
    server.put_yaml(&ingress("server", &["client"]))?;
    let mut agent = scene.start()?;
    scene.wait_reaches("other", "server", false)?;
    let report = status(&scene.lab)?;
    assert!(report.ready && report.degraded.is_empty() && report.api_away_since.is_none(), "{report:?}");
    assert_eq!(report.endpoints.iter().filter(|endpoint| endpoint.enforced).count(), 3);
    let socket = fs::metadata(status_socket(&scene.lab))?;
    assert_eq!((socket.permissions().mode() & 0o777, socket.uid()), (0o600, 0));

    server.down();
    let away = poll::until(DEADLINE, "status says that the API server is away", || {
        status(&scene.lab).ok().filter(|report| report.kinds.values().all(|kind| kind.outage.is_some()))
    })?;
    assert!(away.ready && away.api_away_since.is_some() && away.degraded.len() == 6, "{away}");
    assert!(away.to_string().contains("API server: away since 20"), "{away}");
    scene.wait_reaches("other", "server", false)?;
    scene.wait_reaches("client", "server", true)?;

    scene.change(&mut agent, || {
        server.delete("NetworkPolicy", "shop", "server-ingress")?;
        server.up();
        Ok(())
    })?;
    scene.wait_reaches("other", "server", true)?;
    poll::until(DEADLINE, "all is well again", || {
        status(&scene.lab).ok().filter(|report| report.degraded.is_empty() && report.api_away_since.is_none())
    })?;
    agent.check()
}

#[test]
fn nothing_is_enforced_before_every_kind_was_listed() -> Result<()> {
    let (scene, server) = cluster()?;
    server.put_yaml(&ingress("server", &["client"]))?;
    let refused = ("/api/v1/nodes".to_owned(), 403, "nodes is forbidden".to_owned());
    server.behave(|behaviour| behaviour.refuse = Some(refused));
    let mut agent = Agent::start(&scene.lab, &binary()?, &scene.settings)?;
    let report = poll::until(DEADLINE, "all other kinds are listed", || {
        let report = status(&scene.lab).ok()?;
        let listed = report.kinds.values().filter(|kind| kind.listed).count();
        (listed == 5 && report.degraded.iter().any(|line| line.contains("403: nodes is forbidden")))
            .then_some(report)
    })?;
    assert!(!report.ready && report.applied.is_none(), "{report:?}");
    let (code, why) = get(&scene.lab, &agent, "/readyz")?;
    assert!(code == 503 && why.contains("Node: not listed yet"), "{code}: {why}");
    assert_eq!(agent.revision(), 0);
    scene.wait_reaches("other", "server", true)?;

    server.behave(|behaviour| behaviour.refuse = None);
    agent.wait_applied(0)?;
    scene.wait_reaches("other", "server", false)?;
    assert_eq!(get(&scene.lab, &agent, "/readyz")?.0, 200);
    Ok(())
}
