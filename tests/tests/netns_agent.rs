//! Level 6: `enforcer agent` on a node of a live cluster: new pods, of which the CNI plugin tells, and what others are told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use enforcer::cni::{
    install::Places,
    policed,
    settings::{PLUGIN, WhenAgentIsAway},
    spec::code,
    state::State,
};
use enforcer_tests::{
    agent::status,
    cni::{Failure, Live, Main},
    lab::Source,
    poll,
    scene::{DEADLINE, PORT, ingress, pod, policy},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const MAINS: [Main; 2] = [Main::Ptp, Main::Bridge];
const POLICIES: &str = "/apis/networking.k8s.io/v1/networkpolicies";

fn live(main: Main, pods: &[&str]) -> Result<Live> {
    Live::new(main, pods, WhenAgentIsAway::Closed)
}

fn refused(live: &Live, name: &str) -> Result<Failure> {
    let failure = live.add(name)?.err().with_context(|| format!("{name} was let through"))?;
    assert_eq!((failure.plugin.as_str(), failure.code), (PLUGIN, u64::from(code::LATER)), "{failure:?}");
    Ok(failure)
}

#[test]
fn a_new_pods_rules_are_in_place_when_add_returns() -> Result<()> {
    for main in MAINS {
        let live = live(main, &["client", "server", "other"])?;
        live.server.put_yaml(&ingress("server", &["client"]))?;
        let agent = live.start()?;
        for name in ["client", "server", "other"] {
            live.schedule(name)?;
            live.added(name)?;
        }
        // Nobody has published an address yet: the plugin's word is enough on the node itself.
        for (from, to, wanted) in [
            ("client", "server", true),
            ("other", "server", false),
            ("other", "client", true),
            ("(node)", "server", true),
        ] {
            assert_eq!(live.reaches(from, to)?, wanted, "{main:?}: {from} to {to}");
        }
        assert!(!agent.log().contains("flows from before enforcement"), "a new pod has no past");
        let report = status(&live.node.lab)?;
        assert!(report.ready && report.degraded.is_empty() && report.endpoints.len() == 3, "{report}");
        assert_eq!(policed::read(&live.node.settings.policed_namespaces), Some(["shop".to_owned()].into()));
    }
    Ok(())
}

/// Not a single packet, from the first instant, twenty pods at once.
#[test]
fn of_twenty_new_pods_at_once_none_gets_a_packet_through_a_default_deny() -> Result<()> {
    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("target");
    for main in MAINS {
        let live = live(main, &all)?;
        let mut agent = live.start()?;
        live.schedule("target")?;
        let result = live.added("target")?;
        // The policy is as new as the pods.
        live.server.put(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
        }))?;
        let address = result["ips"][0]["address"].as_str().context("an address")?;
        let target = SocketAddr::new(address.split('/').next().unwrap_or_default().parse()?, PORT);
        let reached: usize = thread::scope(|scope| {
            let pods: Vec<_> = names.iter().map(|name| scope.spawn(|| begin(&live, name, target))).collect();
            pods.into_iter().map(|pod| pod.join().unwrap()).sum::<Result<usize>>()
        })?;
        assert_eq!(reached, 0, "{main:?}");
        assert_eq!(segments(&live, "target")?, 0, "{main:?}: not a single packet");
        assert!(!agent.log().contains("flows from before enforcement"), "no new pod has a past");
        // They would reach it: the node does, and without the policy so do they.
        assert!(connects(&live, &Source::Node, target)? && segments(&live, "target")? > 0);
        let revision = agent.revision();
        live.server.delete("NetworkPolicy", "shop", "deny")?;
        agent.wait_applied(revision)?;
        assert!(connects(&live, &Source::Pod(pod("p0")), target)?, "{main:?}");
    }
    Ok(())
}

/// Schedules and adds a pod, and does what its first process does: connects, over and over. Returns how often it got
/// through.
fn begin(live: &Live, name: &str, target: SocketAddr) -> Result<usize> {
    const ATTEMPTS: usize = 40;
    live.schedule(name)?;
    live.added(name)?;
    live.node.lab.pod(&pod(name))?.netns().enter(|| {
        let attempt = |_: &usize| TcpStream::connect_timeout(&target, Duration::from_millis(25)).is_ok();
        Ok((0..ATTEMPTS).filter(attempt).count())
    })
}

fn connects(live: &Live, from: &Source, to: SocketAddr) -> Result<bool> {
    live.node
        .lab
        .netns_of(from)?
        .enter(|| Ok(TcpStream::connect_timeout(&to, Duration::from_secs(2)).is_ok()))
}

/// TCP segments that a pod's network stack has received.
fn segments(live: &Live, name: &str) -> Result<u64> {
    let netns = live.node.lab.pod(&pod(name))?.netns();
    let text = netns.enter(|| Ok(fs::read_to_string("/proc/thread-self/net/snmp")?))?;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, numbers) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let position = names.split(' ').position(|name| name == "InSegs").context("InSegs")?;
    Ok(numbers.split(' ').nth(position).context("a number")?.parse()?)
}

#[test]
fn a_policy_that_no_watch_has_told_of_yet_counts_for_a_new_pod() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server"])?;
    let _agent = live.start()?;
    live.server.behave(|behaviour| behaviour.mute = Some(POLICIES.to_owned()));
    for name in ["client", "server"] {
        live.schedule(name)?;
    }
    live.server.put_yaml(&policy("nothing", "server", "policyTypes: [Ingress]"))?;
    for name in ["client", "server"] {
        live.added(name)?;
    }
    assert!(!live.reaches("client", "server")?);
    assert!(live.reaches("server", "client")?);
    // What the watch tells at last is not taken for news, and what comes after it is.
    live.server.behave(|behaviour| behaviour.mute = None);
    live.server.delete("NetworkPolicy", "shop", "nothing")?;
    live.wait_reaches("client", "server", true)
}

#[test]
fn without_the_api_server_what_was_told_counts_and_nobody_is_let_in_unknown() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server", "other"])?;
    live.server.put_yaml(&ingress("server", &["client"]))?;
    live.schedule("server")?;
    live.schedule("client")?;
    let agent = live.start()?;
    live.server.down();
    live.added("client")?;
    live.added("server")?;
    assert!(live.reaches("client", "server")?);
    assert!(agent.log().contains("what the watches have told counts"), "{}", agent.log());
    let failure = refused(&live, "other")?;
    assert!(failure.text.contains("has not told of Pod shop/other yet"), "{failure:?}");
    live.server.up();
    live.schedule("other")?;
    live.added("other")?;
    assert!(!live.reaches("other", "server")?);
    Ok(())
}

#[test]
fn the_plugin_finds_nobody_before_the_node_is_enforced() -> Result<()> {
    let mut live = live(Main::Ptp, &["client", "server"])?;
    live.node.set(|settings| settings.timeout_seconds = 1)?;
    live.schedule("client")?;
    let refusal = ("/api/v1/nodes".to_owned(), 403, "nodes is forbidden".to_owned());
    live.server.behave(|behaviour| behaviour.refuse = Some(refusal));
    let mut agent = live.begin()?;
    poll::until(DEADLINE, "the agent lists", || {
        status(&live.node.lab).ok().filter(|report| report.kinds.values().any(|kind| kind.listed))
    })?;
    assert!(refused(&live, "client")?.text.contains("whenAgentIsAway"));
    live.server.behave(|behaviour| behaviour.refuse = None);
    agent.wait_applied(0)?;
    live.added("client")?;
    Ok(())
}

#[test]
fn pods_go_with_del_and_gc_and_check_finds_what_is_missing() -> Result<()> {
    let live = live(Main::Ptp, &["client", "server"])?;
    let _agent = live.start()?;
    let state = State::open(&live.node.lab.folder().join("attachments"))?;
    for name in ["client", "server"] {
        live.schedule(name)?;
        live.added(name)?;
        assert_eq!(live.node.runtime.check(&live.node.container(name)?)?, Ok(Value::Null));
    }
    assert_eq!(live.node.runtime.call_ours("STATUS", &[])?, Ok(Value::Null));
    let server = live.node.container("server")?;
    let valid = json!([{"containerID": server.id, "ifname": "eth0"}]);
    assert_eq!(live.node.runtime.call_ours("GC", &[("cni.dev/valid-attachments", valid)])?, Ok(Value::Null));
    assert_eq!(state.read()?.into_iter().map(|told| told.pod.name).collect::<Vec<_>>(), ["server"]);
    let failure =
        live.node.runtime.check(&live.node.container("client")?)?.err().context("CHECK found nothing")?;
    assert_eq!(failure.code, u64::from(code::CHANGED), "{failure:?}");
    for _ in 0..2 {
        assert_eq!(live.node.runtime.del(&server)?, Ok(Value::Null));
    }
    assert_eq!(state.read()?, []);
    poll::until(DEADLINE, "no endpoint is left", || {
        status(&live.node.lab).ok().filter(|report| report.endpoints.is_empty())
    })?;
    Ok(())
}

#[test]
fn the_agent_installs_the_plugin_and_keeps_it_installed() -> Result<()> {
    let mut live = live(Main::Ptp, &["client"])?;
    live.node.places.uninstall(false)?;
    let Places { configurations, programs } = &live.node.places;
    let (list, program) = (configurations.join("10-k8s.conflist"), programs.join(PLUGIN));
    let without = fs::read_to_string(&list)?;
    assert!(!without.contains(PLUGIN) && !program.exists());
    live.option("--cni-install");
    let mut agent = live.start()?;
    let is_installed =
        || fs::read_to_string(&list).is_ok_and(|text| text.contains(PLUGIN)) && program.is_file();
    poll::until(DEADLINE, "the plugin is installed", || is_installed().then_some(()))?;
    // Another add-on writes the file anew.
    fs::write(&list, &without)?;
    poll::until(DEADLINE, "the plugin is back", || is_installed().then_some(()))?;
    live.schedule("client")?;
    live.added("client")?;
    // It stays, so that pods wait for the next agent.
    agent.stop(Signal::SIGTERM)?;
    assert!(is_installed());
    assert!(!live.node.settings.socket.exists());
    Ok(())
}

#[test]
fn the_cluster_is_told_how_the_node_is_and_what_is_wrong_with_objects() -> Result<()> {
    let live = live(Main::Ptp, &["client"])?;
    live.server.put(
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": "uid-node-1"}}),
    )?;
    live.schedule("client")?;
    // The API server would refuse it; an older one, or one without its validation, did not.
    let wrong = ingress("client", &[]).replace("policyTypes: [Ingress]", "policyTypes: [Sideways]");
    live.server.put_yaml(&wrong)?;
    let _agent = live.start()?;
    live.added("client")?;
    let told = |path: &str, holds: &dyn Fn(&Value) -> bool| {
        poll::until(DEADLINE, path, || {
            live.server.written().into_iter().find(|(at, object)| at.starts_with(path) && holds(object))
        })
    };
    let path = "/apis/enforcer.dev/v1alpha1/enforcernodestatuses/node-1";
    let (_, object) = told(path, &|object| object["status"]["pods"]["enforced"] == 1)?;
    assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "uid-node-1");
    let status = &object["status"];
    assert_eq!(
        (status["ready"].as_bool(), status["problemCount"].as_u64()),
        (Some(true), Some(1)),
        "{status}"
    );
    let (_, event) = told("/apis/events.k8s.io/v1/namespaces/shop/events/client-ingress.", &|_| true)?;
    assert_eq!(event["regarding"]["kind"], "NetworkPolicy");
    assert_eq!(
        (event["reason"].as_str(), event["type"].as_str()),
        (Some("NotEnforced"), Some("Warning")),
        "{event}"
    );
    let note = event["note"].as_str().unwrap_or_default();
    assert!(note.starts_with("spec.policyTypes[0]: ") && note.contains("Sideways"), "{note}");
    Ok(())
}
