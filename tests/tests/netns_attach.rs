//! Level 6: both ways to attach, and what is left when the enforcer ends.

use std::process::Command;

use anyhow::{Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::agent::{Scene, client, policy};
use nix::sys::signal::Signal;

const DENY_INGRESS: &str = "{podSelector: {}, policyTypes: [Ingress]}";

/// The filters on clsact, as `tc` lists them in the lab's node.
fn filters(scene: &Scene) -> Result<String> {
    let name = scene.lab.node().name().to_owned();
    let pod = scene.lab.pods().values().next().map(|pod| pod.interface().to_owned()).unwrap_or_default();
    let listing = |side: &str| {
        Command::new("tc")
            .args(["-n", &name, "filter", "show", "dev", &pod, side])
            .output()
            .map(|output| output.stdout)
    };
    let both = [listing("ingress")?, listing("egress")?].concat();
    Ok(String::from_utf8_lossy(&both).into_owned())
}

#[test]
fn both_hooks_enforce_and_an_end_by_signal_opens_again() -> Result<()> {
    for (attach, signal) in [("tcx", Signal::SIGTERM), ("clsact", Signal::SIGINT)] {
        let mut scene = Scene::build()?;
        scene.write("deny.yaml", &policy("deny", DENY_INGRESS))?;
        scene.enforce(Some(attach))?;
        ensure!(!scene.connects(&client(), Protocol::Tcp)?, "{attach} does not enforce");
        ensure!(filters(&scene)?.contains("from_pod") == (attach == "clsact"), "{}", filters(&scene)?);
        let status = scene.agent()?.stop(signal)?;
        ensure!(status.success(), "the enforcer ends with {status} on {signal}");
        ensure!(!filters(&scene)?.contains("from_pod"), "a filter is left: {}", filters(&scene)?);
        ensure!(scene.connects(&client(), Protocol::Tcp)?, "{attach} still drops after the end");
    }
    Ok(())
}

#[test]
fn after_a_kill_the_next_run_takes_over() -> Result<()> {
    for attach in ["tcx", "clsact"] {
        let mut scene = Scene::build()?;
        scene.write("deny.yaml", &policy("deny", DENY_INGRESS))?;
        scene.enforce(Some(attach))?;
        scene.agent()?.stop(Signal::SIGKILL)?;
        scene.write("deny.yaml", &policy("deny", "{podSelector: {}, ingress: [{}]}"))?;
        scene.enforce(Some(attach))?;
        ensure!(scene.connects(&client(), Protocol::Tcp)?, "the dead run's rules are in force ({attach})");
        scene.change("deny.yaml", &policy("deny", DENY_INGRESS))?;
        ensure!(!scene.connects(&client(), Protocol::Tcp)?, "the next run does not enforce ({attach})");
    }
    Ok(())
}
