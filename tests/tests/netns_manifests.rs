//! Level 6: bad manifests beside good ones, on the running enforcer.

use std::time::Duration;

use anyhow::{Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Scene, client, policy},
    poll,
};

const DEADLINE: Duration = Duration::from_secs(10);
const DENY_INGRESS: &str = "{podSelector: {}, policyTypes: [Ingress]}";

fn wait_for_log(scene: &mut Scene, words: &[&str]) -> Result<()> {
    let agent = scene.agent()?;
    let found = poll::until(DEADLINE, &format!("a log line with {words:?}"), || {
        let log = agent.log();
        log.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
    });
    found.map_err(|error| error.context(agent.log()))
}

#[test]
fn three_bad_policies_give_three_messages_and_the_good_one_is_enforced() -> Result<()> {
    let mut scene = Scene::build()?;
    scene.write("good.yaml", &policy("deny", DENY_INGRESS))?;
    scene.write(
        "selector.yaml",
        &policy("selector", "{podSelector: {matchExpressions: [{key: app, operator: Is, values: [x]}]}}"),
    )?;
    let cidr = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.300/8}}]}]}";
    scene.write("cidr.yaml", &policy("cidr", cidr))?;
    scene.write("typo.yaml", &policy("typo", "{podSelector: {}, ingres: []}"))?;
    scene.enforce(None)?;
    wait_for_log(&mut scene, &["selector.yaml", "a/selector", "matchExpressions[0].operator", "\"Is\""])?;
    wait_for_log(
        &mut scene,
        &["cidr.yaml", "a/cidr", "spec.ingress[0].from[0].ipBlock.cidr", "10.0.0.300/8"],
    )?;
    wait_for_log(&mut scene, &["typo.yaml", "a/typo", "spec.ingres", "unknown field"])?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "the good policy is not enforced");
    Ok(())
}

#[test]
fn a_policy_that_becomes_bad_stays_in_force_as_it_was() -> Result<()> {
    let mut scene = Scene::build()?;
    scene.write("deny.yaml", &policy("deny", DENY_INGRESS))?;
    scene.enforce(None)?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "the policy is not enforced");
    scene.write("deny.yaml", &policy("deny", "{podSelector: {}, policyTypes: [Sideways]}"))?;
    wait_for_log(&mut scene, &["a/deny", "policyTypes[0]", "last good version stays in force"])?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "a bad policy opened the pod");
    scene.write("deny.yaml", "{{ not yaml")?;
    wait_for_log(&mut scene, &["deny.yaml", "last good version stays in force"])?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "a bad file opened the pod");
    scene.change("deny.yaml", &policy("deny", "{podSelector: {}, ingress: [{}]}"))?;
    ensure!(scene.connects(&client(), Protocol::Tcp)?, "the mended policy is not enforced");
    Ok(())
}

#[test]
fn a_bad_entry_in_the_mapping_detaches_nobody() -> Result<()> {
    let mut scene = Scene::build()?;
    scene.write("deny.yaml", &policy("deny", DENY_INGRESS))?;
    scene.enforce(None)?;
    let mapping = std::fs::read_to_string(scene.mapping())?;
    let address = scene.server(0)?.first().map(|server| server.ip().to_string()).unwrap_or_default();
    enforcer_tests::agent::replace(&scene.mapping(), &mapping.replace(&address, &format!("{address}999")))?;
    wait_for_log(&mut scene, &["endpoints.yaml", "999"])?;
    ensure!(!scene.connects(&client(), Protocol::Tcp)?, "a mistake in the mapping opened the pod");
    Ok(())
}
