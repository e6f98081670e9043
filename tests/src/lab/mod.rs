//! A lab: a "node" and its pods as network namespaces, with real servers in the pods and real probes
//! between them. Nothing in it touches the machine's own network namespace; everything carries the lab's
//! name and goes away with the [`Lab`] value, on a signal ([`clean_up_on_signals`]), or, when its process
//! was killed, with the next lab that anybody builds.

mod address;
mod attempt;
mod cleanup;
mod id;
mod interrupt;
mod ip;
mod nat;
mod netns;
mod outside;
mod pins;
mod pod;
mod probe;
mod servers;
mod sweep;
mod topology;
mod wiring;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    path::PathBuf,
    process::{Child, Command},
};

use anyhow::{Context, Result, ensure};
use enforcer::model::ObjectName;

pub use address::{NODE_ADDRESSES, has_ipv6};
pub use id::LabId;
pub use interrupt::{clean_up_on_signals, wait_for_signal};
pub use ip::inside;
pub use nat::Service;
pub use netns::Netns;
pub use outside::{Outside, ROUTER_MTU};
pub use pins::PinFolder;
pub use pod::{Pod, PodSpec};
pub use probe::{Outcome, Patience, Probe, Source};
pub use topology::Topology;
pub use wiring::BRIDGE;

use servers::Servers;

/// A node with its pods, up and running.
#[derive(Debug)]
pub struct Lab {
    id: LabId,
    topology: Topology,
    node: Netns,
    pods: BTreeMap<ObjectName, Pod>,
    /// Taken first when the lab goes: the server thread holds sockets in the namespaces.
    servers: Option<Servers>,
}

impl Lab {
    /// Builds a lab with routed pods, after removing what crashed processes left. Needs root.
    pub fn build(specs: &[PodSpec]) -> Result<Self> {
        Self::build_as(Topology::default(), specs)
    }

    /// The same, with pods joined to the node in any way.
    pub fn build_as(topology: Topology, specs: &[PodSpec]) -> Result<Self> {
        Self::build_wired(Some(topology), specs)
    }

    /// The same, with pods that have no interface: a CNI plugin makes them.
    pub fn build_unwired(specs: &[PodSpec]) -> Result<Self> {
        Self::build_wired(None, specs)
    }

    fn build_wired(wiring: Option<Topology>, specs: &[PodSpec]) -> Result<Self> {
        ensure!(nix::unistd::geteuid().is_root(), "network namespaces need root: run this with sudo");
        let mut tables = interrupt::hold();
        cleanup::remove_abandoned()?;

        let id = LabId::new()?;
        tables.register(&id);
        let mut lab = Self {
            node: Netns::new(format!("{}node", id.prefix())),
            pods: BTreeMap::new(),
            servers: None,
            topology: wiring.unwrap_or_default(),
            id,
        };
        // From here on an error drops `lab`, which cleans up; that takes the same lock.
        drop(tables);
        lab.raise(wiring, specs)?;
        Ok(lab)
    }

    fn raise(&mut self, wiring: Option<Topology>, specs: &[PodSpec]) -> Result<()> {
        let _tables = interrupt::hold();
        fs::create_dir_all(self.folder())
            .with_context(|| format!("cannot make {}", self.folder().display()))?;
        let mut taken = BTreeSet::new();
        for (index, spec) in specs.iter().enumerate() {
            let pod = Pod::new(&self.id, index, spec)?;
            ensure!(
                pod.addresses().iter().all(|address| taken.insert(*address)),
                "two pods of the lab have the same address as {}",
                spec.name
            );
            ensure!(self.pods.insert(spec.name.clone(), pod).is_none(), "two pods named {}", spec.name);
        }
        let namespaces: String = std::iter::once(&self.node)
            .chain(self.pods.values().map(Pod::netns))
            .map(|netns| format!("netns add {}\n", netns.name()))
            .collect();
        ip::batch(None, &namespaces)?;
        let pods: Vec<Pod> = self.pods.values().cloned().collect();
        match wiring {
            Some(topology) => wiring::wire(&self.node, topology, &pods)?,
            None => wiring::prepare(&self.node, &pods)?,
        }
        self.servers = Some(Servers::start(&pods)?);
        Ok(())
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &LabId {
        &self.id
    }

    /// How its pods are joined to the node.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// The node's network namespace: the host side of all veths.
    #[must_use]
    pub fn node(&self) -> &Netns {
        &self.node
    }

    /// All pods by name.
    #[must_use]
    pub fn pods(&self) -> &BTreeMap<ObjectName, Pod> {
        &self.pods
    }

    /// The pod that has this address.
    #[must_use]
    pub fn owner(&self, address: IpAddr) -> Option<&Pod> {
        self.pods.values().find(|pod| pod.addresses().contains(&address))
    }

    /// A folder for the lab's files; it goes with the lab.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        cleanup::folder(&self.id)
    }

    /// A folder for the enforcer's pins, which it makes; it goes with the lab.
    #[must_use]
    pub fn pins(&self) -> PathBuf {
        pins::folder(&self.id)
    }

    /// Tries one connection.
    pub fn connect(&self, probe: &Probe, patience: Patience) -> Result<Outcome> {
        let outcomes = self.sweep(&BTreeSet::from([probe.clone()]), patience)?;
        outcomes.into_values().next().context("a probe without an outcome")
    }

    /// Tries many connections, many at a time.
    pub fn sweep(&self, probes: &BTreeSet<Probe>, patience: Patience) -> Result<BTreeMap<Probe, Outcome>> {
        sweep::sweep(self, probes, patience)
    }

    /// The namespace that a probe starts in.
    pub fn netns_of(&self, source: &Source) -> Result<&Netns> {
        match source {
            Source::Node => Ok(&self.node),
            Source::Pod(name) => Ok(self.pod(name)?.netns()),
        }
    }

    /// A pod by its name.
    pub fn pod(&self, name: &ObjectName) -> Result<&Pod> {
        self.pods.get(name).with_context(|| format!("no pod {name} in the lab"))
    }

    /// Takes a pod's interface away, as when a pod ends. Its servers go on listening.
    pub fn unplug(&self, name: &ObjectName) -> Result<()> {
        wiring::unplug(&self.node, self.pod(name)?)
    }

    /// Gives a pod its interface back: of the same name, but another one.
    pub fn plug(&self, name: &ObjectName) -> Result<()> {
        wiring::plug(&self.node, self.topology, self.pod(name)?)
    }

    /// Joins a router and a host behind it to the node.
    pub fn join_outside(&self) -> Result<Outside> {
        let _tables = interrupt::hold();
        Outside::join(&self.id, &self.node)
    }

    /// Translates Services' addresses on the node, as kube-proxy does it, and tracks connections for that.
    pub fn translate(&self, services: &[Service]) -> Result<()> {
        nat::translate(&self.node, services)
    }

    /// Filters forwarded packets on the node by the state of their connection, as kube-proxy does it.
    pub fn filter_by_state(&self) -> Result<()> {
        nat::filter_by_state(&self.node)
    }

    /// Runs `ip` with a script in the node's or a pod's network namespace.
    pub fn ip(&self, place: &Source, script: &str) -> Result<()> {
        ip::batch(Some(self.netns_of(place)?.name()), script)
    }

    /// Starts a command inside the node's or a pod's network namespace; all else it shares with the
    /// caller. It ends with the lab at the latest.
    pub fn spawn(&self, place: &Source, command: &mut Command) -> Result<Child> {
        let _tables = interrupt::hold();
        // Born inside, so that there is no instant in which a clean-up would not find it.
        self.netns_of(place)?.enter(|| interrupt::spawn(command))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.servers.take());
        let mut tables = interrupt::hold();
        if let Err(error) = cleanup::remove(&self.id) {
            eprintln!("lab {} is not removed completely: {error:#}", self.id);
        }
        tables.forget(&self.id);
    }
}
