//! Level 6: pods whose interfaces the reference CNI plugins make, with ours chained after them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use enforcer::{
    cni::{
        policed,
        protocol::{AttachmentId, Call, HostSide},
        settings::{PLUGIN, WhenAgentIsAway},
        spec::code,
        state::State,
    },
    model::Protocol,
    store::Cluster,
};
use enforcer_tests::{
    builder::{ClusterBuilder, cluster, labels, pods, policy, rule, tcp},
    cni::{CniNode, Enforcer, Failure, Main},
    lab::{Outcome, Patience, Probe, Source, inside},
    scene::{PORT, pod},
};
use serde_json::{Value, json};

const MAINS: [Main; 2] = [Main::Ptp, Main::Bridge];

/// Pods that are known, whose addresses nobody has published.
fn known(names: &[&str]) -> ClusterBuilder {
    names.iter().fold(cluster().namespace("shop", []), |cluster, name| {
        cluster.pod(&format!("shop/{name}"), [("app", *name)], [])
    })
}

/// `server` is open to `client` only.
fn server_is_open_to_client() -> Cluster {
    let client = rule([pods(labels([("app", "client")]))], [tcp(PORT)]);
    known(&["client", "server", "other"])
        .policy(policy("shop/server").select(labels([("app", "server")])).ingress([client]))
        .build()
}

fn reaches(node: &CniNode, from: Source, to: &str) -> Result<bool> {
    let address = node.lab.pod(&pod(to))?.addresses().iter().next().copied().context("an address")?;
    let probe = Probe { from, to: SocketAddr::new(address, PORT), protocol: Protocol::Tcp };
    Ok(matches!(node.lab.connect(&probe, Patience::default())?, Outcome::Connected(_)))
}

fn added(node: &CniNode, name: &str) -> Result<Value> {
    let said = node.runtime.add(&node.container(name)?)?;
    said.map_err(|failure| anyhow::anyhow!("ADD of {name}: {failure:?}"))
}

fn refused(node: &CniNode, name: &str) -> Result<Failure> {
    node.runtime.add(&node.container(name)?)?.err().with_context(|| format!("{name} was let through"))
}

#[test]
fn rules_are_in_place_when_add_returns() -> Result<()> {
    for main in MAINS {
        let node = CniNode::new(main, &["client", "server", "other"], WhenAgentIsAway::Closed)?;
        let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
        for name in ["client", "server", "other"] {
            let result = added(&node, name)?;
            // The main plugin's result, with the addresses that the lab has for this pod.
            let said: BTreeSet<IpAddr> = result["ips"]
                .as_array()
                .context("addresses")?
                .iter()
                .map(|ip| ip["address"].as_str().unwrap().split('/').next().unwrap().parse().unwrap())
                .collect();
            assert_eq!(&said, node.lab.pod(&pod(name))?.addresses());
            assert_eq!(
                result["interfaces"].as_array().context("interfaces")?.last().unwrap()["name"],
                "eth0"
            );
        }
        for (from, to, wanted) in [
            ("client", "server", true),
            ("other", "server", false),
            ("other", "client", true),
            ("server", "other", true),
        ] {
            assert_eq!(reaches(&node, Source::Pod(pod(from)), to)?, wanted, "{main:?}: {from} to {to}");
        }
        assert!(reaches(&node, Source::Node, "server")?, "{main:?}: from the node");
        let seen = enforcer.seen();
        let Some(Call::Add(attachment)) = seen.get(1) else { panic!("{seen:?}") };
        assert_eq!(attachment.pod.name, "server");
        assert_eq!(attachment.pod.uid.as_deref(), Some("uid-server"));
    }
    Ok(())
}

#[test]
fn check_finds_what_is_missing_and_del_can_come_twice() -> Result<()> {
    for main in MAINS {
        let node = CniNode::new(main, &["client", "server"], WhenAgentIsAway::Closed)?;
        let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
        added(&node, "server")?;
        let server = node.container("server")?;
        assert_eq!(node.runtime.check(&server)?, Ok(Value::Null), "{main:?}");
        // Another agent, which knows of nothing.
        drop(enforcer);
        let state = State::open(&node.lab.folder().join("attachments"))?;
        let told = state.read()?;
        state.forget(&told[0].id)?;
        let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
        let failure = node.runtime.check(&server)?.err().context("CHECK found nothing")?;
        assert_eq!((failure.plugin.as_str(), failure.code), (PLUGIN, u64::from(code::CHANGED)));

        for _ in 0..2 {
            assert_eq!(node.runtime.del(&server)?, Ok(Value::Null), "{main:?}");
        }
        // One that never was.
        assert_eq!(node.runtime.del(&node.container("client")?)?, Ok(Value::Null));
        let dels = enforcer.seen().iter().filter(|call| matches!(call, Call::Del(_))).count();
        assert_eq!(dels, 3);
        drop(enforcer);
        assert_eq!(node.runtime.del(&server)?, Ok(Value::Null), "without an agent");
        assert_eq!(State::open(&node.lab.folder().join("attachments"))?.read()?, []);
    }
    Ok(())
}

#[test]
fn a_pod_is_enforced_again_by_an_agent_that_restarts() -> Result<()> {
    let node = CniNode::new(Main::Ptp, &["client", "server", "other"], WhenAgentIsAway::Closed)?;
    let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
    for name in ["client", "server", "other"] {
        added(&node, name)?;
    }
    drop(enforcer);
    assert!(reaches(&node, Source::Pod(pod("other")), "server")?, "this agent leaves nothing behind");
    let _enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
    assert!(!reaches(&node, Source::Pod(pod("other")), "server")?);
    assert!(reaches(&node, Source::Pod(pod("client")), "server")?);
    Ok(())
}

#[test]
fn without_an_agent_the_setting_decides() -> Result<()> {
    let mut node = CniNode::new(Main::Ptp, &["client"], WhenAgentIsAway::Closed)?;
    node.set(|settings| settings.timeout_seconds = 1)?;
    let list = node.settings.policed_namespaces.clone();
    let client = node.container("client")?;
    for (away, policed_namespaces, starts) in [
        (WhenAgentIsAway::Closed, Some(&[][..]), false),
        (WhenAgentIsAway::Open, Some(&["shop"][..]), true),
        (WhenAgentIsAway::ClosedForPoliced, None, false),
        (WhenAgentIsAway::ClosedForPoliced, Some(&["shop"][..]), false),
        (WhenAgentIsAway::ClosedForPoliced, Some(&["bank"][..]), true),
    ] {
        node.set(|settings| settings.when_agent_is_away = away)?;
        fs::remove_file(&list).ok();
        if let Some(namespaces) = policed_namespaces {
            policed::write(&list, namespaces.iter().copied())?;
        }
        let begun = Instant::now();
        if starts {
            added(&node, "client")?;
            assert_eq!(node.runtime.del(&client)?, Ok(Value::Null));
        } else {
            let failure = refused(&node, "client")?;
            assert_eq!((failure.plugin.as_str(), failure.code), (PLUGIN, u64::from(code::LATER)), "{away:?}");
            assert!(failure.text.contains("whenAgentIsAway"), "{failure:?}");
        }
        // It waited for the agent, and not for ever.
        assert!(begun.elapsed() >= Duration::from_millis(800), "{away:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{away:?}");
    }
    // Without a list the namespaces of the system start, or cluster DNS never could.
    fs::remove_file(&list).ok();
    node.set(|settings| {
        settings.when_agent_is_away = WhenAgentIsAway::ClosedForPoliced;
        settings.system_namespaces.push("shop".to_owned());
    })?;
    added(&node, "client")?;
    Ok(())
}

#[test]
fn add_waits_for_an_agent_that_is_on_its_way() -> Result<()> {
    let node = CniNode::new(Main::Ptp, &["client", "server", "other"], WhenAgentIsAway::Closed)?;
    let enforcer = thread::scope(|scope| {
        let adding = scope.spawn(|| added(&node, "client"));
        let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
        adding.join().unwrap()?;
        anyhow::Ok(enforcer)
    })?;
    assert!(matches!(enforcer.seen().as_slice(), [Call::Add(_)]));
    Ok(())
}

#[test]
fn status_version_and_gc_are_answered() -> Result<()> {
    let mut node = CniNode::new(Main::Ptp, &["client", "server"], WhenAgentIsAway::Closed)?;
    let version =
        node.runtime.call_ours("VERSION", &[])?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    assert_eq!(version["supportedVersions"].as_array().unwrap().last().unwrap(), "1.1.0");

    let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
    assert_eq!(node.runtime.call_ours("STATUS", &[])?, Ok(Value::Null));
    for name in ["client", "server"] {
        added(&node, name)?;
    }
    let client = AttachmentId { container: node.container("client")?.id, interface: "eth0".to_owned() };
    let valid = json!([{"containerID": client.container, "ifname": client.interface}]);
    let gc = |fields: &[(&str, Value)]| node.runtime.call_ours("GC", fields);
    assert_eq!(gc(&[("cni.dev/valid-attachments", valid.clone())])?, Ok(Value::Null));
    let state = State::open(&node.lab.folder().join("attachments"))?;
    assert_eq!(state.read()?.into_iter().map(|told| told.id).collect::<Vec<_>>(), [client]);
    // Nothing said is not nothing left.
    assert_eq!(gc(&[])?.err().map(|failure| failure.code), Some(code::CONFIG.into()));
    drop(enforcer);

    assert_eq!(gc(&[("cni.dev/valid-attachments", valid)])?.err().map(|failure| failure.code), Some(11));
    for (away, wanted) in [
        (WhenAgentIsAway::Closed, Some(u64::from(code::UNAVAILABLE))),
        (WhenAgentIsAway::ClosedForPoliced, None),
        (WhenAgentIsAway::Open, None),
    ] {
        node.set(|settings| settings.when_agent_is_away = away)?;
        let status = node.runtime.call_ours("STATUS", &[])?;
        assert_eq!(status.err().map(|failure| failure.code), wanted, "{away:?}");
    }
    Ok(())
}

#[test]
fn an_interface_without_a_host_side_is_told_with_its_cause() -> Result<()> {
    let node = CniNode::new(Main::Bridge, &["client"], WhenAgentIsAway::Open)?;
    // A device of the host is moved into the pod; a tunnel's, since not every machine has another to spare.
    let main = node.places.configurations.join("10-k8s.conflist");
    let text = fs::read_to_string(&main)?;
    let bridge = r#""type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true"#;
    let device = text.replace(bridge, r#""type": "host-device", "device": "over0""#);
    assert_ne!(text, device);
    fs::write(&main, device)?;
    node.lab.ip(&Source::Node, "link add over0 type vxlan id 5 dstport 4789\n")?;
    let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
    let failure = refused(&node, "client")?;
    assert_eq!(failure.code, u64::from(code::CHANGED), "the agent's word");
    let seen = enforcer.seen();
    let Some(Call::Add(attachment)) = seen.first() else { panic!("{seen:?}") };
    let HostSide::None { cause } = &attachment.host else { panic!("{attachment:?}") };
    assert!(cause.contains("vxlan"), "{cause}");
    Ok(())
}

#[test]
fn the_plugin_is_called_in_the_hosts_namespace_with_other_pods_beside_it() -> Result<()> {
    // What the kernel says of the pod's interface is what `ip` says.
    let node = CniNode::new(Main::Ptp, &["client", "server"], WhenAgentIsAway::Closed)?;
    let enforcer = Enforcer::start(&node.lab, server_is_open_to_client(), &node.settings.socket)?;
    for name in ["client", "server"] {
        added(&node, name)?;
    }
    for call in enforcer.seen() {
        let Call::Add(attachment) = call else { continue };
        let HostSide::Interface { index, name } = attachment.host else { panic!("no host side") };
        let output =
            inside(node.lab.node().name(), "ip").args(["-o", "link", "show", "dev", &name]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with(&format!("{index}: {name}@")), "{text}");
        let route = inside(node.lab.node().name(), "ip").args(["route", "show", "dev", &name]).output()?;
        let route = String::from_utf8_lossy(&route.stdout).into_owned();
        assert!(attachment.addresses.iter().any(|address| route.contains(&address.to_string())), "{route}");
    }
    Ok(())
}
