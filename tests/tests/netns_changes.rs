//! Level 6: a policy that changes under a connection.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::Agent,
    oracle::Family,
    poll,
    scene::{Conversation, DEADLINE, Scene, families, ingress, pod},
};

/// How many drops of its attempts count as "it stays blocked".
const DROPS: usize = 2;

#[test]
fn a_connection_stops_with_its_policy_and_goes_on_with_it() -> Result<()> {
    let scene = Scene::new(&["client", "server", "bystander", "elsewhere"])?;
    scene.write("elsewhere.yaml", &ingress("elsewhere", &["bystander"]))?;
    scene.write("server.yaml", &ingress("server", &["client", "bystander"]))?;
    let mut agent = scene.start()?;
    let bystanders = [("elsewhere", Family::V4), ("server", Family::V4)];
    let mut others = Vec::new();
    for (to, family) in bystanders {
        others.push(scene.converse("bystander", to, family)?);
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let talks: Vec<_> =
            others.iter_mut().map(|other| scope.spawn(|| keep_talking(other, &over))).collect();
        let result = families().into_iter().try_for_each(|family| stop_and_go(&scene, &mut agent, family));
        over.store(true, Ordering::Relaxed);
        for talk in talks {
            let rounds = talk.join().unwrap()?;
            ensure!(rounds > 100, "an unrelated connection had only {rounds} rounds");
        }
        result
    })?;
    let said = agent.said();
    let unrelated =
        said.drops.iter().find(|drop| drop.source.pod_name() == Some(pod("bystander").to_string()));
    assert!(unrelated.is_none(), "an unrelated connection was hit: {unrelated:?}");
    Ok(())
}

fn stop_and_go(scene: &Scene, agent: &mut Agent, family: Family) -> Result<()> {
    let mut conversation = scene.converse("client", "server", family)?;
    conversation.exchange("while it is allowed\n")?;
    scene.change(agent, || scene.write("server.yaml", &ingress("server", &["bystander"])))?;
    let first = agent.said().drops.len();
    conversation.say("while it is not\n")?;
    let is_ours = |drop: &&enforcer_tests::agent::Dropped| {
        drop.names(&pod("client"), &pod("server"), Protocol::Tcp, enforcer_tests::scene::PORT)
            && drop.is_ipv6() == (family == Family::V6)
    };
    poll::until(DEADLINE, "its segments are dropped", || {
        let said = agent.said();
        let ours = said.drops.iter().skip(first).filter(is_ours).count();
        (ours >= DROPS).then_some(())
    })?;
    ensure!(conversation.hear()? == 0, "data came through without a policy that allows it");
    scene.change(agent, || scene.write("server.yaml", &ingress("server", &["client", "bystander"])))?;
    conversation.catch_up()?;
    conversation.exchange("while it is allowed again\n")
}

/// Says and hears without pause; each answer has to come in time. Returns how many came.
fn keep_talking(conversation: &mut Conversation, over: &AtomicBool) -> Result<u32> {
    let mut rounds = 0;
    while !over.load(Ordering::Relaxed) {
        conversation.exchange("never disturbed\n")?;
        rounds += 1;
    }
    Ok(rounds)
}
