//! Level 6: `enforcer agent` on a node of a live cluster: whose an interface is, also for the next agent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use enforcer::{
    agent::memory_of,
    cni::{
        settings::{PLUGIN, WhenAgentIsAway},
        state::State,
    },
};
use enforcer_tests::{
    agent::status,
    cni::{Live, Main},
    lab::Source,
    poll,
    scene::{DEADLINE, PORT, deny_all, egress, ingress, pod, policy},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn live(main: Main, pods: &[&str]) -> Result<Live> {
    Live::new(main, pods, WhenAgentIsAway::Closed)
}

#[test]
fn pods_from_before_the_agent_are_found_by_their_published_addresses() -> Result<()> {
    for main in [Main::Ptp, Main::Bridge] {
        let live = live(main, &["client", "server", "other"])?;
        // The reference plugins alone, as on a node that never had us.
        live.node.places.uninstall(false)?;
        for name in ["client", "server", "other"] {
            live.added(name)?;
        }
        live.publish("client")?;
        live.publish("server")?;
        live.server.put_yaml(&ingress("server", &["client"]))?;
        live.server.put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "proxy", "namespace": "shop", "uid": "uid-proxy"},
            "spec": {"nodeName": "node-1", "hostNetwork": true, "containers": [{"name": "main", "image": "example.org/main"}]},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.77.0.1"}]},
        }))?;
        let _agent = live.start()?;
        live.wait_enforced("server")?;
        live.wait_reaches("other", "server", false)?;
        assert!(live.reaches("client", "server")?, "{main:?}");
        // One that is published later.
        live.publish("other")?;
        live.wait_enforced("other")?;
        let report = status(&live.node.lab)?;
        assert!(report.ready, "{report}");
        assert!(report.outside.iter().any(|line| line.starts_with("Pod shop/proxy: ")), "{report}");
    }
    Ok(())
}

#[test]
fn what_the_plugin_told_is_known_to_the_next_agent() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server", "other"])?;
    live.server.put_yaml(&ingress("server", &["client"]))?;
    let mut agent = live.start()?;
    for name in ["client", "server", "other"] {
        live.schedule(name)?;
        live.added(name)?;
    }
    agent.stop(Signal::SIGKILL)?;
    let gone = live.node.container("other")?;
    // Its interface goes while no agent is there.
    live.node.lab.ip(&Source::Pod(pod("other")), "link delete eth0\n")?;
    let mut agent = live.start()?;
    live.wait_enforced("server")?;
    assert!(live.reaches("client", "server")?);
    live.server.put_yaml(&deny_all("server"))?;
    live.server.delete("NetworkPolicy", "shop", "server-ingress")?;
    live.wait_reaches("client", "server", false)?;
    let state = State::open(&live.node.lab.folder().join("attachments"))?;
    let told = state.read()?;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|told| told.id.container != gone.id), "its word is stale");
    agent.check()
}

#[test]
fn a_pod_that_is_deleted_by_force_keeps_its_rules_while_its_interface_is_there() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server"])?;
    live.server.put_yaml(&deny_all("server"))?;
    let mut agent = live.start()?;
    for name in ["client", "server"] {
        live.schedule(name)?;
        live.added(name)?;
    }
    assert!(!live.reaches("server", "client")?);
    live.server.delete("Pod", "shop", "server")?;
    // Something else that is seen to come after it.
    let revision = agent.revision();
    live.server.put_yaml(&policy("other", "client", "policyTypes: [Egress]"))?;
    agent.wait_applied(revision)?;
    assert!(!live.reaches("server", "client")?);
    assert_eq!(live.node.runtime.del(&live.node.container("server")?)?, Ok(Value::Null));
    poll::until(DEADLINE, "it is forgotten", || {
        let report = status(&live.node.lab).ok()?;
        (report.endpoints.len() == 1 && report.applied?.pods == 1).then_some(())
    })
}

/// What the manifests of `deploy` let it do is enough, for everything above the kernel's own choice of programs.
#[test]
fn the_capabilities_of_the_deployment_are_enough() -> Result<()> {
    let text = include_str!("../../deploy/enforcer.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(text)?;
    let set = objects.into_iter().find(|object| object["kind"] == "DaemonSet").context("a DaemonSet")?;
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let names = &container["securityContext"]["capabilities"];
    assert_eq!(names["drop"], json!(["ALL"]));
    let names: Vec<String> = serde_json::from_value(names["add"].clone())?;
    assert!(!names.is_empty() && !names.iter().any(|name| name == "ALL"), "{names:?}");
    let mut live = live(Main::Ptp, &["before", "client", "server"])?;
    live.node.places.uninstall(false)?;
    live.added("before")?;
    live.publish("before")?;
    live.server.put_yaml(&ingress("server", &["client"]))?;
    live.settings.capabilities = Some(names);
    live.option("--cni-install");
    let agent = live.start()?;
    live.wait_enforced("before")?;
    let program = live.node.places.programs.join(PLUGIN);
    poll::until(DEADLINE, "the plugin is installed", || program.is_file().then_some(()))?;
    for name in ["client", "server"] {
        live.schedule(name)?;
        live.added(name)?;
    }
    for (from, wanted) in [("client", true), ("before", false)] {
        assert_eq!(live.reaches(from, "server")?, wanted, "{from}");
    }
    let report = status(&live.node.lab)?;
    assert!(report.ready && report.degraded.is_empty(), "{report}");
    for failure in ["not permitted", "ermission denied"] {
        assert!(!agent.log().contains(failure), "{}", agent.log());
    }
    Ok(())
}

/// Who may configure its own interface can neither be forgotten nor become somebody else.
#[test]
fn a_pod_that_hides_its_interface_stays_enforced_also_by_the_next_agent() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server"])?;
    live.server.put_yaml(&egress("client", &[]))?;
    let mut agent = live.start()?;
    for name in ["client", "server"] {
        live.schedule(name)?;
        live.added(name)?;
        live.publish(name)?;
    }
    assert!(!live.reaches("client", "server")?);
    let client = live.node.lab.pod(&pod("client"))?;
    let address = client.addresses().iter().find(|address| address.is_ipv4()).context("an address")?;
    let script = format!(
        "link set eth0 down\nlink set eth0 name x\naddress flush dev x\nlink set x up\n\
         address add {address}/32 dev lo\nroute add 10.77.0.1 dev x scope link\n\
         route add default via 10.77.0.1 src {address}\n"
    );
    live.node.lab.ip(&Source::Pod(pod("client")), &script)?;
    // It works: without its policy it would reach the server.
    live.server.delete("NetworkPolicy", "shop", "client-egress")?;
    live.wait_reaches("client", "server", true)?;
    live.server.put_yaml(&egress("client", &[]))?;
    live.wait_reaches("client", "server", false)?;
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        agent.stop(signal)?;
        agent = live.start()?;
        live.wait_enforced("client")?;
        assert!(!live.reaches("client", "server")?);
    }
    let report = status(&live.node.lab)?;
    assert!(report.ready, "{report}");
    Ok(())
}

/// A StatefulSet's pod comes back under its name on another node while the old one, deleted by force, still runs here.
#[test]
fn a_pod_whose_name_has_gone_to_another_node_is_closed_and_does_not_stand_for_it() -> Result<()> {
    let live = live(Main::Ptp, &["web", "client"])?;
    live.server.put_yaml(&ingress("client", &["web"]))?;
    live.server.put_yaml(&policy("web-egress", "web", "policyTypes: [Egress], egress: [{}]"))?;
    let mut agent = live.start()?;
    for name in ["web", "client"] {
        live.schedule(name)?;
        live.added(name)?;
        live.publish(name)?;
    }
    live.wait_reaches("web", "client", true)?;
    let other = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-of-another", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-2", "containers": [{"name": "main", "image": "example.org/main"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.99.0.9"}]},
    });
    let revision = agent.revision();
    live.server.delete("Pod", "shop", "web")?;
    live.server.put(other)?;
    agent.wait_applied(revision)?;
    live.wait_reaches("web", "client", false)?;
    // Nor does it open when that one goes.
    live.server.delete("Pod", "shop", "web")?;
    live.server.put_yaml(&policy("last", "client", "policyTypes: [Egress], egress: [{}]"))?;
    poll::until(DEADLINE, "the last policy is known", || {
        status(&live.node.lab)
            .ok()
            .filter(|report| report.applied.as_ref().is_some_and(|applied| applied.policies == 3))
    })?;
    assert!(!live.reaches("web", "client")?);
    let report = status(&live.node.lab)?;
    assert!(
        report.diagnostics.iter().any(|line| line.contains("no Pod shop/web is known by its UID")),
        "{report}"
    );
    Ok(())
}

/// Nothing tells the next agent of these pods but the API server, which is slow, and a look at the node, which is not.
#[test]
fn an_agent_that_knows_nothing_yet_opens_no_pod_that_an_earlier_one_closed() -> Result<()> {
    let live = live(Main::Ptp, &["server", "other"])?;
    live.node.places.uninstall(false)?;
    for name in ["server", "other"] {
        live.added(name)?;
        live.publish(name)?;
    }
    live.server.put_yaml(&deny_all("server"))?;
    let mut agent = live.start()?;
    live.wait_enforced("server")?;
    live.wait_reaches("other", "server", false)?;
    let pins = live.node.lab.pins();
    agent.stop(Signal::SIGKILL)?;
    fs::remove_file(memory_of(&pins).context("there are no pins")?)?;
    let refusal = ("/api/v1/pods".to_owned(), 403, "pods is forbidden".to_owned());
    live.server.behave(|behaviour| behaviour.refuse = Some(refusal));

    let address =
        live.node.lab.pod(&pod("server"))?.addresses().iter().next().copied().context("an address")?;
    let (target, stop) = (SocketAddr::new(address, PORT), AtomicBool::new(false));
    let attempt = || TcpStream::connect_timeout(&target, Duration::from_millis(20)).is_ok();
    let tries = || {
        let mut answered = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            answered.push(attempt());
        }
        Ok(answered)
    };
    let answered = thread::scope(|scope| -> Result<Vec<bool>> {
        let other = live.node.lab.pod(&pod("other"))?.netns();
        let trying = scope.spawn(move || other.enter(tries));
        let watched = (|| {
            agent = live.begin()?;
            poll::until(DEADLINE, "all other kinds are listed", || {
                status(&live.node.lab)
                    .ok()
                    .filter(|report| report.kinds.values().filter(|kind| kind.listed).count() == 5)
            })?;
            live.server.behave(|behaviour| behaviour.refuse = None);
            agent.wait_applied(0)?;
            live.wait_enforced("server")
        })();
        stop.store(true, Ordering::Relaxed);
        let answered = trying.join().unwrap()?;
        watched.map(|()| answered)
    })?;
    assert!(answered.len() > 20 && !answered.contains(&true), "{answered:?}");
    // It would be answered: without the policy it is.
    live.server.delete("NetworkPolicy", "shop", "server-nothing")?;
    live.wait_reaches("other", "server", true)
}
