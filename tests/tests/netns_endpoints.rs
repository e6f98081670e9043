//! Level 6: pods that come and go.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::symlink};

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Endpoints, replace},
    oracle::Family,
    poll,
    scene::{DEADLINE, Scene, ingress, links_of, pod},
};

#[test]
fn pods_are_enforced_while_they_are_listed() -> Result<()> {
    let scene = Scene::new(&["client", "one", "two"])?;
    scene.write("policies.yaml", &[ingress("one", &[]), ingress("two", &[])].concat())?;
    scene.list(&["client", "one"])?;
    let mut agent = scene.start()?;
    scene.wait_reaches("client", "one", false)?;
    scene.wait_reaches("client", "two", true)?;

    scene.change(&mut agent, || scene.list(&["client", "two"]))?;
    scene.wait_reaches("client", "one", true)?;
    scene.wait_reaches("client", "two", false)?;

    scene.change(&mut agent, || scene.list(&[]))?;
    scene.wait_reaches("client", "two", true)
}

#[test]
fn a_mistake_in_the_list_detaches_nobody() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    scene.write("policies.yaml", &ingress("server", &[]))?;
    let agent = scene.start()?;
    let Endpoints::File(path) = &scene.settings.endpoints else { anyhow::bail!("the list is a file") };
    let good = fs::read_to_string(path)?;
    let address = scene.at("server", Family::V4)?.ip().to_string();
    for (wrong, word) in [
        (good.replace(&format!("\"{address}\""), &format!("\"{address}999\"")), "999"),
        (good.replace("interface:", "interfaces:"), "interfaces"),
        ("endpoints: {".to_owned(), "is not YAML"),
    ] {
        replace(path, &wrong)?;
        poll::until(DEADLINE, &format!("a message with {word}"), || {
            agent.log().contains(word).then_some(())
        })?;
        assert!(!scene.reaches("client", "server", Protocol::Tcp, Family::V4)?, "{wrong} opened the pod");
    }
    Ok(())
}

#[test]
fn an_interface_that_comes_late_is_enforced_then() -> Result<()> {
    let scene = Scene::new(&["client", "late"])?;
    scene.write("policies.yaml", &ingress("late", &[]))?;
    scene.lab.unplug(&pod("late"))?;
    let mut agent = scene.start()?;
    scene.change(&mut agent, || scene.lab.plug(&pod("late")))?;
    scene.wait_reaches("client", "late", false)?;
    scene.wait_reaches("(node)", "late", true)?;

    // The same name again, but another interface, as when a pod is restarted.
    scene.lab.unplug(&pod("late"))?;
    scene.change(&mut agent, || {
        scene.lab.plug(&pod("late"))?;
        scene.list(&["client", "late"])
    })?;
    scene.wait_reaches("client", "late", false)?;
    scene.wait_reaches("(node)", "late", true)
}

#[test]
fn pods_are_found_by_the_names_of_their_namespaces() -> Result<()> {
    let mut scene = Scene::new(&["client", "one", "two"])?;
    scene.write("policies.yaml", &[ingress("one", &[]), ingress("two", &[])].concat())?;
    // The lab's own names say whose lab it is; these are the names that a node would give.
    let folder = scene.lab.folder().join("netns");
    fs::create_dir(&folder)?;
    let name = |name: &str| folder.join(format!("shop.{name}"));
    let give = |text: &str| -> Result<()> {
        let namespace = scene.lab.pod(&pod(text))?.netns().path();
        Ok(symlink(namespace, name(text))?)
    };
    give("client")?;
    give("one")?;
    // Somebody else's.
    fs::write(folder.join("docker"), "")?;
    scene.settings.endpoints = Endpoints::Namespaces(folder.clone());
    let mut agent = scene.start()?;
    scene.wait_reaches("client", "one", false)?;
    scene.wait_reaches("client", "two", true)?;

    let namespace = scene.lab.pod(&pod("two"))?.netns().path();
    scene.change(&mut agent, || Ok(symlink(namespace, name("two"))?))?;
    scene.wait_reaches("client", "two", false)?;

    scene.change(&mut agent, || Ok(fs::remove_file(name("one"))?))?;
    scene.wait_reaches("client", "one", true)?;
    scene.wait_reaches("client", "two", false)?;
    poll::until(DEADLINE, "four links", || (links_of(agent.pid()).ok()?.len() == 4).then_some(()))
}
