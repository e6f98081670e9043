//! The lab itself, for real: a lab that lies would make every result above it worthless.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use enforcer::model::{ObjectName, Protocol};

use enforcer_tests::{
    lab::{Lab, Outcome, Patience, PodSpec, Probe, Source, inside},
    poll,
};

const PATIENCE: Patience = Patience { first: Duration::from_millis(200), second: Duration::from_millis(300) };

fn two_pods() -> Result<Lab> {
    let ports = BTreeSet::from([(Protocol::Tcp, 7000), (Protocol::Udp, 53)]);
    Lab::build(&[
        PodSpec { name: ObjectName::new("shop", "ads-0"), ports, ..PodSpec::default() },
        PodSpec { name: ObjectName::new("shop", "cart-0"), ..PodSpec::default() },
    ])
}

fn probes(lab: &Lab, port: u16, protocol: Protocol) -> Result<BTreeSet<Probe>> {
    let ads = lab.pods().get(&ObjectName::new("shop", "ads-0")).context("no ads")?;
    let sources = [Source::Node, Source::Pod(ObjectName::new("shop", "cart-0"))];
    Ok(ads
        .addresses()
        .iter()
        .flat_map(|address| {
            let to = SocketAddr::new(*address, port);
            sources.iter().map(move |from| Probe { from: from.clone(), to, protocol })
        })
        .collect())
}

fn ip(arguments: &[&str]) -> Result<()> {
    ensure!(Command::new("ip").args(arguments).status()?.success(), "ip {arguments:?} failed");
    Ok(())
}

#[test]
fn everybody_reaches_the_right_server() -> Result<()> {
    let lab = two_pods()?;
    for (port, protocol) in [(7000, Protocol::Tcp), (53, Protocol::Udp)] {
        for (probe, outcome) in lab.sweep(&probes(&lab, port, protocol)?, PATIENCE)? {
            assert_eq!(outcome, Outcome::Connected(format!("shop/ads-0:{port}")), "{probe:?}");
        }
    }
    Ok(())
}

#[test]
fn closed_ports_and_silence_and_missing_routes_differ() -> Result<()> {
    let lab = two_pods()?;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for (probe, outcome) in lab.sweep(&probes(&lab, 9, protocol)?, PATIENCE)? {
            assert_eq!(outcome, Outcome::Refused, "{probe:?}");
        }
    }
    let nowhere = Probe { from: Source::Node, to: "192.0.2.1:80".parse()?, protocol: Protocol::Tcp };
    assert_eq!(lab.connect(&nowhere, PATIENCE)?, Outcome::Unreachable);

    let pod = lab.pods().values().next().context("no pod")?;
    let mut down = inside(pod.netns().name(), "ip");
    ensure!(down.args(["link", "set", "eth0", "down"]).status()?.success(), "eth0 does not go down");
    for (probe, outcome) in lab.sweep(&probes(&lab, 7000, Protocol::Tcp)?, PATIENCE)? {
        assert_eq!(outcome, Outcome::TimedOut, "{probe:?}");
    }
    Ok(())
}

#[test]
fn nothing_is_left() -> Result<()> {
    let lab = two_pods()?;
    let (folder, node) = (lab.folder(), lab.node().path());
    let mut sleeper = lab.spawn(&Source::Node, Command::new("sleep").arg("1000").stdout(Stdio::null()))?;
    assert!(folder.exists() && node.exists());
    drop(lab);
    assert!(!folder.exists() && !node.exists());
    poll::until(Duration::from_secs(2), "the process in the node ends", || sleeper.try_wait().ok()?)?;
    Ok(())
}

#[test]
fn labs_of_dead_processes_go_and_labs_in_use_stay() -> Result<()> {
    let in_use = two_pods()?;
    let mut ended = Command::new("true").spawn()?;
    ended.wait()?;
    let abandoned = format!("enf-{}.1.0-node", ended.id());
    ip(&["netns", "add", &abandoned])?;
    let _next = two_pods()?;
    let name = |netns: &str| std::path::Path::new("/run/netns").join(netns);
    assert!(!name(&abandoned).exists());
    assert!(in_use.node().path().exists());
    Ok(())
}
