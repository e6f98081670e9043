//! Level 6: the enforcer ends and begins again, with pins, while traffic goes on. Nobody who may talk notices, and nobody gets
//! through who may not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, net::TcpListener, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Agent, binary, get, status},
    api_server::ApiServer,
    oracle::Family,
    poll,
    scene::{
        DEADLINE, HOOKS, PODS, Scene, Traffic, check_hooks, egress, filters, ingress, links_of, living_links,
        memory, names, pinned, pod, policy, writes,
    },
};
use nix::sys::signal::Signal;

#[test]
fn traffic_goes_on_through_a_restart_and_nothing_else_gets_through() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGTERM] {
            agent.stop(signal)?;
            traffic.go_on(&format!("{attach}, after {signal}"))?;
            agent = traffic.press(|| scene.start())?;
            traffic.go_on(&format!("{attach}, begun again after {signal}"))?;
            assert_eq!(writes(&agent), 0, "{attach}: nothing has changed");
            check_hooks(&scene, &agent, attach)?;
            assert_eq!(
                agent
                    .said()
                    .drops
                    .iter()
                    .filter(|drop| drop.source.pod_name() == Some(pod("client").to_string()))
                    .count(),
                0
            );
        }
        // It is not only the old state that is enforced.
        scene
            .change(&mut agent, || scene.write("policies.yaml", &ingress("server", &["client", "other"])))?;
        assert!(scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        let attempts = traffic.attempts();
        println!("{attach}: {attempts} attempts, none was answered before the change");
    }
    Ok(())
}

#[test]
fn what_changed_while_it_was_away_takes_effect_at_its_return() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let mut agent = scene.start()?;
        let mut allowed = scene.converse("client", "server", Family::V4)?;
        allowed.exchange("before\n")?;
        agent.stop(Signal::SIGKILL)?;
        scene.write("policies.yaml", &ingress("server", &["other"]))?;
        // Nobody has told the kernel.
        allowed.exchange("away\n")?;
        assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        let agent = scene.start()?;
        assert!(scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        assert!(!scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        let before = agent.said().drops.len();
        allowed.say("after\n")?;
        poll::until(DEADLINE, "the connection is cut", || {
            let said = agent.said();
            let mut new = said.drops.iter().skip(before);
            new.any(|drop| drop.source.pod_name() == Some(pod("client").to_string())).then_some(())
        })?;
        assert_eq!(allowed.hear()?, 0, "{attach}");
    }
    Ok(())
}

/// With what the kernel had to say meanwhile: it names policies that nobody has told the new agent of yet.
#[test]
fn drops_of_the_time_without_an_agent_are_told_with_their_names() -> Result<()> {
    let scene = pinned("tcx")?;
    let mut agent = scene.start()?;
    agent.stop(Signal::SIGKILL)?;
    assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?);
    let agent = scene.start()?;
    let dropped = poll::until(DEADLINE, "the drop is told", || {
        let said = agent.said();
        said.drops.iter().find(|drop| drop.is_at(&pod("server")) && drop.reason == "policy").cloned()
    })?;
    assert!(format!("{dropped:?}").contains("shop/server-ingress"), "{dropped:?}");
    Ok(())
}

/// One pod has gone, one has come, one has got another interface.
#[test]
fn pods_that_come_and_go_while_it_is_away() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        scene.list(&["client", "server"])?;
        let mut agent = scene.start()?;
        let mut stays = scene.converse("client", "server", Family::V4)?;
        stays.exchange("before\n")?;
        agent.stop(Signal::SIGTERM)?;
        // Its name is the same, and its index another.
        scene.lab.unplug(&pod("client"))?;
        scene.lab.plug(&pod("client"))?;
        scene.list(&PODS)?;
        let mut agent = scene.start()?;
        check_hooks(&scene, &agent, attach)?;
        assert!(scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        agent.stop(Signal::SIGKILL)?;
        scene.lab.unplug(&pod("client"))?;
        scene.list(&["other", "server"])?;
        let agent = scene.start()?;
        let left =
            (links_of(agent.pid())?.len(), filters(&scene)?, names(&scene.lab.pins().join("links"))?.len());
        assert_eq!(left, if attach == "tcx" { (4, 0, 4) } else { (0, 4, 0) });
        assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
    }
    Ok(())
}

/// At some moment after a change was asked for: before it, in the middle of its writes, or after it.
#[test]
fn killed_in_the_middle_of_changes_it_goes_on_from_there() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        for round in 0..4_u64 {
            // The server's policy says the same in other words; the others' come and go.
            let peer = format!("nobody-{round}");
            let extra =
                if round % 2 == 0 { egress("client", &["server"]) } else { ingress("client", &[&peer]) };
            let policies = [ingress("server", &["client", &peer]), extra];
            let revision = agent.revision();
            scene.write("policies.yaml", &policies.concat())?;
            let moment = Duration::from_millis(10 * round);
            let _in_force =
                poll::until(moment, "it is in force", || (agent.revision() > revision).then_some(()));
            agent.stop(Signal::SIGKILL)?;
            traffic.go_on(&format!("{attach}, killed in round {round}"))?;
            agent = scene.start()?;
            traffic.go_on(&format!("{attach}, begun again in round {round}"))?;
        }
        traffic.end()?;
        assert!(scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        check_hooks(&scene, &agent, attach)?;
    }
    Ok(())
}

/// Else a policy that cannot be enforced as it is now would not be enforced at all.
#[test]
fn the_last_good_version_of_a_policy_that_does_not_fit_stays_in_force() -> Result<()> {
    const STAYS: &str =
        "NetworkPolicy shop/server-ingress: does not fit, its last good version stays in force";
    let scene = pinned("tcx")?;
    let mut agent = scene.start()?;
    // Every second port of TCP is a step up and one down; with one more the row is longer than any may be.
    let ports: String = (1..=u16::MAX).step_by(2).map(|port| format!("{{port: {port}}}, ")).collect();
    let spec = format!("policyTypes: [Ingress], ingress: [{{ports: [{ports}{{protocol: UDP, port: 53}}]}}]");
    scene.write("policies.yaml", &policy("server-ingress", "server", &spec))?;
    poll::until(DEADLINE, "it says that it does not fit", || agent.log().contains(STAYS).then_some(()))
        .with_context(|| agent.log())?;
    agent.stop(Signal::SIGKILL)?;
    let agent = scene.start()?;
    assert_eq!(writes(&agent), 0);
    poll::until(DEADLINE, "it says so again", || agent.log().contains(STAYS).then_some(()))?;
    assert!(scene.reaches("client", "server", Protocol::Tcp, Family::V4)?);
    assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?);
    Ok(())
}

#[test]
fn the_other_hook_takes_over_without_a_gap() -> Result<()> {
    let mut scene = pinned("clsact")?;
    let mut agent = scene.start()?;
    let traffic = Traffic::start(&scene, PODS)?;
    for attach in ["tcx", "clsact"] {
        agent.stop(Signal::SIGTERM)?;
        scene.settings.attach = Some(attach.to_owned());
        agent = traffic.press(|| scene.start())?;
        traffic.go_on(&format!("with {attach}"))?;
        check_hooks(&scene, &agent, attach)?;
    }
    traffic.end().map(drop)
}

#[test]
fn detach_on_exit_leaves_nothing() -> Result<()> {
    for attach in HOOKS {
        let mut scene = pinned(attach)?;
        let mut agent = scene.start()?;
        // What was left by one that does not detach goes too.
        agent.stop(Signal::SIGTERM)?;
        scene.settings.flags = vec!["--detach-on-exit".to_owned()];
        let mut agent = scene.start()?;
        assert!(!scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
        let (links, file) = (links_of(agent.pid())?, memory(&scene)?);
        assert!(file.exists());
        let status = agent.stop(Signal::SIGTERM)?;
        assert!(status.success());
        assert!(!scene.lab.pins().exists() && !file.exists(), "{attach}: something is left");
        assert_eq!(filters(&scene)?, 0, "{attach}: filters are left");
        if let Some(living) = living_links()? {
            assert!(living.is_disjoint(&links), "links are left: {links:?} of {living:?}");
        }
        assert!(scene.reaches("other", "server", Protocol::Tcp, Family::V4)?, "{attach}");
    }
    Ok(())
}

#[test]
fn a_second_one_is_refused_until_the_first_was_killed() -> Result<()> {
    let scene = pinned("tcx")?;
    let mut first = scene.start()?;
    let refused = format!("{:#}", scene.start().map(drop).unwrap_err());
    assert!(refused.contains("is enforced by another enforcer"), "{refused}");
    // Nor may another node's have these pins.
    let mut elsewhere = Scene::new(&["client"])?;
    elsewhere.settings.pins = Some(scene.lab.pins());
    let refused = format!("{:#}", elsewhere.start().map(drop).unwrap_err());
    assert!(refused.contains("another enforcer has its maps there"), "{refused}");
    first.stop(Signal::SIGKILL)?;
    let agent = scene.start()?;
    check_hooks(&scene, &agent, "tcx")
}

#[test]
fn what_is_no_bpffs_is_refused_with_the_way_out() -> Result<()> {
    let output = Command::new(binary()?)
        .args(["run", "--manifests", "/", "--pin-dir"])
        .arg(std::env::temp_dir().join("pins"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("mount -t bpf bpf /sys/fs/bpf"), "{text}");
    Ok(())
}

fn metric(scene: &Scene, agent: &Agent, series: &str) -> Result<f64> {
    let (_, text) = get(&scene.lab, agent, "/metrics")?;
    let line = text.lines().find(|line| line.split_once(' ').is_some_and(|(name, _)| name == series));
    Ok(line.with_context(|| format!("no {series}"))?.rsplit(' ').next().unwrap_or_default().parse()?)
}

/// `enforcer agent`: the tables stay as they are until every kind is listed, and counters go on.
#[test]
fn nothing_changes_before_the_api_server_has_told_everything() -> Result<()> {
    const DROPPED: &str = "enforcer_dropped_packets_total{direction=\"ingress\",reason=\"policy\"}";
    let mut scene = pinned("tcx")?;
    let listener = scene.lab.node().enter(|| Ok(TcpListener::bind(("127.0.0.1", 0))?))?;
    let server = ApiServer::start_on(listener)?;
    server.put_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")?;
    server.put_yaml(&fs::read_to_string(scene.settings.manifests.join("pods.yaml"))?)?;
    server.put_yaml(&ingress("server", &["client"]))?;
    scene.settings.api_server = Some(server.url());
    let mut agent = scene.start()?;
    let traffic = Traffic::start(&scene, PODS)?;
    agent.stop(Signal::SIGTERM)?;

    let refused = ("/api/v1/nodes".to_owned(), 403, "nodes is forbidden".to_owned());
    server.behave(|behaviour| behaviour.refuse = Some(refused));
    let mut agent = Agent::start(&scene.lab, &binary()?, &scene.settings)?;
    let report = poll::until(DEADLINE, "all other kinds are listed", || {
        let report = status(&scene.lab).ok()?;
        (report.kinds.values().filter(|kind| kind.listed).count() == 5).then_some(report)
    })?;
    assert!(!report.ready && report.applied.is_none(), "{report:?}");
    // What is known is enforced all the same, and said to be.
    assert_eq!(report.endpoints.iter().filter(|endpoint| endpoint.enforced).count(), 3);
    traffic.go_on("before every kind was listed")?;
    let before = metric(&scene, &agent, DROPPED)?;
    assert!(before > 0.0, "counters go on");

    server.behave(|behaviour| behaviour.refuse = None);
    agent.wait_applied(0)?;
    assert_eq!(writes(&agent), 0);
    traffic.go_on("when every kind was listed")?;
    assert!(metric(&scene, &agent, DROPPED)? >= before);
    traffic.end().map(drop)
}
