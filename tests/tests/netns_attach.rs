//! Level 6: both ways to attach, and nothing left afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::Endpoints,
    lab::inside,
    oracle::Family,
    scene::{Scene, egress, families, filters, ingress, links_of, living_links, pod},
};
use nix::sys::signal::Signal;

#[test]
fn tcx_enforces_and_leaves_nothing() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        enforce_and_end("tcx", signal)?;
    }
    Ok(())
}

#[test]
fn clsact_enforces_and_leaves_nothing() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        enforce_and_end("clsact", signal)?;
    }
    Ok(())
}

fn enforce_and_end(attach: &str, signal: Signal) -> Result<()> {
    let mut scene = Scene::new(&["client", "server", "other"])?;
    scene.settings.attach = Some(attach.to_owned());
    scene.write("policies.yaml", &[ingress("server", &["client"]), egress("other", &["client"])].concat())?;
    let mut agent = scene.start()?;

    // Two programs at each of three pods.
    let (links, hooked) = (links_of(agent.pid())?, filters(&scene)?);
    let wanted = if attach == "tcx" { (6, 0) } else { (0, 6) };
    assert_eq!((links.len(), hooked), wanted, "TCX links and clsact filters");
    if let Some(living) = living_links()? {
        assert!(living.is_superset(&links), "{links:?} of {living:?}");
    }
    for family in families() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for (from, to, wanted) in [
                ("client", "server", true),
                ("other", "server", false),
                ("other", "client", true),
                ("server", "other", true),
                ("(node)", "server", true),
            ] {
                let reaches = scene.reaches(from, to, protocol, family)?;
                assert_eq!(reaches, wanted, "{from} to {to}, {protocol} {family:?}");
            }
        }
    }
    let mut conversation = scene.converse("client", "server", Family::V4)?;
    conversation.exchange("before the end\n")?;

    let status = agent.stop(signal)?;
    assert!(status.success(), "{signal}: {status}");
    assert_eq!(filters(&scene)?, 0, "filters are left");
    if let Some(living) = living_links()? {
        assert!(living.is_disjoint(&links), "links are left: {links:?} of {living:?}");
    }
    conversation.exchange("after the end\n")?;
    assert!(scene.reaches("other", "server", Protocol::Tcp, Family::V4)?);
    Ok(())
}

/// Nobody detached them, and nothing is pinned: on clsact the dead run's filters are still there.
#[test]
fn after_a_kill_the_next_run_takes_over() -> Result<()> {
    for attach in ["tcx", "clsact"] {
        let mut scene = Scene::new(&["client", "server"])?;
        scene.settings.attach = Some(attach.to_owned());
        scene.write("policies.yaml", &ingress("server", &[]))?;
        let mut agent = scene.start()?;
        assert!(!scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach} does not enforce");
        agent.stop(Signal::SIGKILL)?;

        scene.write("policies.yaml", &ingress("server", &["client"]))?;
        let mut agent = scene.start()?;
        assert!(
            scene.reaches("client", "server", Protocol::Tcp, Family::V4)?,
            "{attach}: the dead run's rules"
        );
        let wanted = if attach == "tcx" { (4, 0) } else { (0, 4) };
        assert_eq!((links_of(agent.pid())?.len(), filters(&scene)?), wanted, "TCX links and clsact filters");
        scene.change(&mut agent, || scene.write("policies.yaml", &ingress("server", &[])))?;
        assert!(!scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach} does not enforce");
        agent.stop(Signal::SIGTERM)?;
        assert!(scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach}: something is left");
        assert_eq!(filters(&scene)?, 0, "filters are left");
    }
    Ok(())
}

/// On both hooks: on clsact it would take the first one's filters, and its end would leave the pods open.
#[test]
fn a_second_run_is_refused_and_the_first_goes_on() -> Result<()> {
    for attach in ["tcx", "clsact"] {
        let mut scene = Scene::new(&["client", "server"])?;
        scene.settings.attach = Some(attach.to_owned());
        scene.write("policies.yaml", &ingress("server", &[]))?;
        let mut first = scene.start()?;
        let hooked = filters(&scene)?;

        let refused = format!("{:#}", scene.start().map(drop).unwrap_err());
        let owner = format!("network namespace is enforced by another enforcer, process {}:", first.pid());
        assert!(refused.contains(&owner), "{attach}: {refused}");
        // Nor beside the first: their tokens for pods would be the same.
        scene.change(&mut first, || scene.list(&["server"]))?;
        scene.settings.endpoints = Endpoints::File(scene.lab.folder().join("second.yaml"));
        scene.list(&["client"])?;
        let refused = format!("{:#}", scene.start().map(drop).unwrap_err());
        assert!(refused.contains(&owner), "{attach}: {refused}");

        first.check()?;
        assert_eq!(filters(&scene)?, hooked / 2, "{attach}: the first one's filters");
        assert!(!scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach}: the pod is open");
    }
    Ok(())
}

/// Other software that sets up qdiscs, or somebody with `tc` at the wrong interface.
#[test]
fn what_somebody_detaches_is_attached_again() -> Result<()> {
    for pinned in [false, true] {
        let mut scene = Scene::new(&["client", "server"])?;
        scene.settings.attach = Some("clsact".to_owned());
        scene.settings.pins = pinned.then(|| scene.lab.pins());
        scene.write("policies.yaml", &ingress("server", &[]))?;
        let agent = scene.start()?;
        let hooked = filters(&scene)?;
        scene.wait_reaches("client", "server", false)?;
        let interface = scene.lab.pod(&pod("server"))?.interface().to_owned();
        let mut tc = inside(scene.lab.node().name(), "tc");
        assert!(tc.args(["qdisc", "del", "dev", &interface, "clsact"]).status()?.success());
        scene.wait_reaches("client", "server", true)?;
        scene.wait_reaches("client", "server", false)?;
        assert_eq!(filters(&scene)?, hooked, "both programs are back");
        assert!(agent.log().contains("somebody has detached the programs"), "{}", agent.log());
    }
    Ok(())
}
