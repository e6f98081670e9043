//! Level 6: pods that were there before the agent, found by their network namespaces.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, os::unix::fs::symlink};

use anyhow::{Context, Result};
use enforcer::{
    model::{Endpoint, Identity, Pod},
    source::endpoints::discovery::{Cause, Discovery, Found, NoHostSide},
};
use enforcer_tests::{
    lab::{Source, Topology},
    scene::{Scene, pod},
};

/// A node whose procfs shows one process for each of some pods.
struct Stage {
    scene: Scene,
    discovery: Discovery,
}

impl Stage {
    fn new(topology: Topology, names: &[&str]) -> Result<Self> {
        let scene = Scene::on(topology, names)?;
        let proc = scene.lab.folder().join("proc");
        fs::create_dir_all(proc.join("self"))?;
        // Other labs have pods of the same addresses: this node is to see its own.
        let folder = scene.lab.folder().join("netns");
        fs::create_dir_all(&folder)?;
        for name in names {
            symlink(scene.lab.pod(&pod(name))?.netns().path(), folder.join(name))?;
        }
        // A name on which nothing is mounted.
        fs::write(folder.join("plain"), "")?;
        Ok(Self { scene, discovery: Discovery { proc, folders: vec![folder] } })
    }

    /// A process of a pod in a pod's network namespace; `uid` is that of the pod whose control group it is in.
    fn run(&self, process: u32, name: &str, uid: Option<&str>) -> Result<()> {
        let folder = self.discovery.proc.join(process.to_string());
        fs::create_dir_all(folder.join("ns"))?;
        symlink(self.scene.lab.pod(&pod(name))?.netns().path(), folder.join("ns/net"))?;
        let group = uid.map_or_else(|| "/".to_owned(), |uid| format!("/kubepods/burstable/pod{uid}/c0ffee"));
        Ok(fs::write(folder.join("cgroup"), format!("0::{group}\n"))?)
    }

    fn pod(&self, name: &str, uid: &str) -> Result<Pod> {
        let addresses = self.scene.lab.pod(&pod(name))?.addresses().clone();
        Ok(Pod { name: pod(name), uid: uid.to_owned(), addresses, ..Pod::default() })
    }

    fn find(&self, pods: &[Pod]) -> Result<Found> {
        self.scene.lab.node().enter(|| Ok(self.discovery.find(pods, &[])?))
    }

    /// What the lab knows of a pod's interface, of a pod without a UID.
    fn wanted(&self, name: &str) -> Result<Endpoint> {
        self.wanted_as(name, Identity::Known)
    }

    fn wanted_as(&self, name: &str, identity: Identity) -> Result<Endpoint> {
        let pod = self.scene.lab.pod(&pod(name))?;
        let interface = pod.interface().to_owned();
        let index = self.scene.lab.node().enter(|| Ok(nix::net::if_::if_nametoindex(interface.as_str())?))?;
        Ok(Endpoint {
            pod: pod.name().clone(),
            identity,
            interface_index: index,
            interface,
            addresses: pod.addresses().clone(),
            ..Endpoint::default()
        })
    }
}

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

#[test]
fn pods_are_found_by_mounts_and_by_processes() -> Result<()> {
    for topology in [Topology::Routed, Topology::Bridged { netfilter: false }] {
        let mut stage = Stage::new(topology, &["one", "two"])?;
        let pods = [stage.pod("one", "")?, stage.pod("two", "")?];
        let wanted = vec![stage.wanted("one")?, stage.wanted("two")?];
        let found = stage.find(&pods)?;
        assert_eq!((found.endpoints.clone(), found.problems.clone()), (wanted.clone(), vec![]), "{topology}");
        let path = stage.scene.lab.folder().join("netns/one");
        assert_eq!(found.namespace_of(wanted.first().context("one")?), Some(path.as_path()));

        // A node on which runtimes mount them elsewhere: only processes show them.
        stage.discovery.folders = vec![stage.scene.lab.folder().join("nowhere")];
        stage.run(7, "one", None)?;
        let found = stage.find(&pods)?;
        assert_eq!(found.endpoints, wanted.get(..1).context("one")?);
        let causes: Vec<&Cause> = found.problems.iter().map(|problem| &problem.cause).collect();
        assert_eq!(causes, [&Cause::NotFound]);
    }
    Ok(())
}

#[test]
fn a_new_interface_of_the_same_name_is_found_as_another() -> Result<()> {
    let stage = Stage::new(Topology::Routed, &["one"])?;
    let pods = [stage.pod("one", "")?];
    let before = stage.find(&pods)?.endpoints;
    stage.scene.lab.unplug(&pod("one"))?;
    let without = stage.find(&pods)?;
    assert_eq!(without.endpoints, []);
    stage.scene.lab.plug(&pod("one"))?;
    let after = stage.find(&pods)?.endpoints;
    assert_eq!(after, [stage.wanted("one")?]);
    assert_ne!(before, after);
    Ok(())
}

#[test]
fn an_address_that_a_pod_takes_is_not_given_to_it() -> Result<()> {
    let stage = Stage::new(Topology::Routed, &["thief", "victim"])?;
    let pods = [stage.pod("thief", ONE)?, stage.pod("victim", TWO)?];
    let stolen: BTreeSet<_> = stage.scene.lab.pod(&pod("victim"))?.addresses().clone();
    let script: String = stolen.iter().map(|address| format!("addr add {address} dev eth0\n")).collect();
    stage.scene.lab.ip(&Source::Pod(pod("thief")), &script)?;
    // Nothing tells who is who: both stay closed.
    let found = stage.find(&pods)?;
    assert_eq!(found.endpoints.len(), 2);
    assert!(found.endpoints.iter().all(|endpoint| endpoint.addresses.is_empty()), "{found:?}");
    assert!(found.problems.iter().any(|problem| matches!(problem.cause, Cause::Disputed(_))), "{found:?}");
    // The processes' control groups do.
    stage.run(7, "thief", Some(ONE))?;
    stage.run(8, "victim", Some(TWO))?;
    let found = stage.find(&pods)?;
    let wanted = |name, uid: &str| stage.wanted_as(name, Identity::Uid(uid.to_owned()));
    assert_eq!(found.endpoints, [wanted("thief", ONE)?, wanted("victim", TWO)?]);
    assert_eq!(found.problems, []);
    Ok(())
}

#[test]
fn a_pod_on_another_kind_of_interface_is_named_with_it() -> Result<()> {
    let stage = Stage::new(Topology::Routed, &["one", "two"])?;
    let pods = [stage.pod("one", "")?, stage.pod("two", "")?];
    let lab = &stage.scene.lab;
    lab.unplug(&pod("one"))?;
    // Instead of an ipvlan, which not every kernel has.
    let netns = lab.pod(&pod("one"))?.netns().name();
    let node =
        format!("link add over0 type vxlan id 5 dstport 4789\nlink set over0 netns {netns} name eth0\n");
    lab.ip(&Source::Node, &node)?;
    let addresses = lab.pod(&pod("one"))?.addresses();
    let script: String = addresses.iter().map(|address| format!("addr add {address} dev eth0\n")).collect();
    lab.ip(&Source::Pod(pod("one")), &script)?;
    let found = stage.find(&pods)?;
    assert_eq!(found.endpoints, [stage.wanted("two")?]);
    let [problem] = found.problems.as_slice() else { panic!("{found:?}") };
    let kind = NoHostSide::Kind { name: "eth0".to_owned(), kind: "vxlan".to_owned() };
    assert_eq!((&problem.pod, &problem.cause), (&pod("one"), &Cause::Interface(kind)));
    assert!(problem.to_string().contains("shop/one") && problem.to_string().contains("vxlan"), "{problem}");
    Ok(())
}
