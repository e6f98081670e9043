//! A lab with the real enforcer in it: manifests and endpoints that a test changes, and conversations between pods
//! that go on through these changes.

mod ask;
mod conversation;
mod echo;
mod ends;
mod hooks;
mod manifest;
mod pinned;
mod publish;
mod raw;
mod traffic;

use std::{collections::BTreeSet, fs, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use enforcer::model::{ObjectName, Protocol};

pub use ask::{ask, port_is_closed, send_datagram};
pub use conversation::{Conversation, DEADLINE};
pub use echo::{echo, ping};
pub use ends::{Ends, Speaker};
pub use hooks::{filters, links_of, living_links};
pub use manifest::{deny_all, egress, ingress, policy};
pub use pinned::{HOOKS, PODS, check_hooks, memory, names, pinned, writes};
pub use publish::{Published, SERVICE_PORT, virtual_address};
pub use raw::RawPod;
pub use traffic::Traffic;

use crate::{
    agent::{Agent, Dropped, Endpoints, Settings, binary, replace, write_endpoints},
    lab::{Lab, Netns, Outcome, Patience, Pod, PodSpec, Probe, Source, Topology, has_ipv6},
    oracle::Family,
    poll,
};

/// The TCP and the UDP port of every pod.
pub const PORT: u16 = 7000;

/// How long silence lasts until it counts, where it is expected.
const PATIENCE: Patience = Patience { first: Duration::from_millis(150), second: Duration::from_millis(250) };

/// Pods of the namespace `shop`, each with the label `app` of its name.
pub struct Scene {
    /// The network.
    pub lab: Lab,
    /// What the enforcer is started with.
    pub settings: Settings,
}

/// `shop/NAME`
#[must_use]
pub fn pod(name: &str) -> ObjectName {
    ObjectName::new("shop", name)
}

/// The families that this kernel has.
#[must_use]
pub fn families() -> Vec<Family> {
    if has_ipv6() { Family::ALL.to_vec() } else { vec![Family::V4] }
}

impl Scene {
    /// Builds the lab, and writes the manifests of its pods and where they are. No enforcer runs yet.
    pub fn new(pods: &[&str]) -> Result<Self> {
        Self::on(Topology::Routed, pods)
    }

    /// The same, with pods joined to the node in any way.
    pub fn on(topology: Topology, pods: &[&str]) -> Result<Self> {
        let ports = BTreeSet::from([(Protocol::Tcp, PORT), (Protocol::Udp, PORT)]);
        let specs: Vec<PodSpec> = pods
            .iter()
            .map(|name| PodSpec { name: pod(name), ports: ports.clone(), ..PodSpec::default() })
            .collect();
        let lab = Lab::build_as(topology, &specs)?;
        let manifests = lab.folder().join("manifests");
        fs::create_dir_all(&manifests)?;
        let settings = Settings {
            manifests,
            api_server: None,
            endpoints: Endpoints::File(lab.folder().join("endpoints.yaml")),
            attach: None,
            flow_timeouts: Vec::new(),
            capabilities: None,
            pins: None,
            flags: Vec::new(),
        };
        let scene = Self { lab, settings };
        let text: String = pods.iter().map(|name| manifest::pod(name)).collect();
        scene.write("pods.yaml", &text)?;
        scene.list(pods)?;
        Ok(scene)
    }

    /// Starts the enforcer and waits until it enforces.
    pub fn start(&self) -> Result<Agent> {
        let mut agent = Agent::start(&self.lab, &binary()?, &self.settings)?;
        agent.wait_applied(0)?;
        Ok(agent)
    }

    /// Writes a manifest.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        replace(&self.settings.manifests.join(file), text)
    }

    /// Takes a manifest away.
    pub fn remove(&self, file: &str) -> Result<()> {
        fs::remove_file(self.settings.manifests.join(file)).with_context(|| format!("cannot remove {file}"))
    }

    /// Does something that changes what is enforced, and waits until the change is in force.
    pub fn change(&self, agent: &mut Agent, change: impl FnOnce() -> Result<()>) -> Result<()> {
        let revision = agent.revision();
        change()?;
        agent.wait_applied(revision).map(drop)
    }

    /// Lists these pods in the endpoints file, and no others.
    pub fn list(&self, pods: &[&str]) -> Result<()> {
        self.list_with(pods, |_| "")
    }

    /// The same, with one more line of YAML for each.
    pub fn list_with(&self, pods: &[&str], setting: impl Fn(&str) -> &'static str) -> Result<()> {
        let Endpoints::File(path) = &self.settings.endpoints else { bail!("there is no endpoints file") };
        let entries: Vec<(&Pod, &str)> =
            pods.iter().map(|name| Ok((self.lab.pod(&pod(name))?, setting(name)))).collect::<Result<_>>()?;
        write_endpoints(path, entries)
    }

    /// A pod's network namespace; `(node)` is the node's.
    pub fn netns(&self, name: &str) -> Result<&Netns> {
        if name == "(node)" { Ok(self.lab.node()) } else { Ok(self.lab.pod(&pod(name))?.netns()) }
    }

    /// A pod's address and port.
    pub fn at(&self, name: &str, family: Family) -> Result<SocketAddr> {
        let pod = self.lab.pod(&pod(name))?;
        let address = pod.addresses().iter().find(|address| address.is_ipv4() == (family == Family::V4));
        Ok(SocketAddr::new(*address.with_context(|| format!("{name} has no such address"))?, PORT))
    }

    /// Whether a new connection of the protocol opens.
    pub fn reaches(&self, from: &str, to: &str, protocol: Protocol, family: Family) -> Result<bool> {
        let source = if from == "(node)" { Source::Node } else { Source::Pod(pod(from)) };
        let probe = Probe { from: source, to: self.at(to, family)?, protocol };
        let banner = self.lab.pod(&pod(to))?.banner(PORT);
        Ok(self.lab.connect(&probe, PATIENCE)? == Outcome::Connected(banner))
    }

    /// Waits until new connections open, or until they do not.
    pub fn wait_reaches(&self, from: &str, to: &str, wanted: bool) -> Result<()> {
        let what = format!("{from} {} {to}", if wanted { "reaches" } else { "no longer reaches" });
        let mut error = None;
        let answer =
            poll::until(DEADLINE, &what, || match self.reaches(from, to, Protocol::Tcp, Family::V4) {
                Ok(reaches) => (reaches == wanted).then_some(()),
                Err(failure) => {
                    error = Some(failure);
                    Some(())
                }
            });
        error.map_or(answer, Err)
    }

    /// A TCP connection that stays.
    pub fn converse(&self, from: &str, to: &str, family: Family) -> Result<Conversation> {
        let at = self.at(to, family)?;
        let banner = self.lab.pod(&pod(to))?.banner(PORT);
        self.lab.pod(&pod(from))?.netns().enter(|| Conversation::open(at, &banner))
    }

    /// Waits for a drop at a pod's interface.
    pub fn wait_drop(
        &self,
        agent: &Agent,
        at: &str,
        what: &str,
        wanted: impl Fn(&Dropped) -> bool,
    ) -> Result<Dropped> {
        let found = poll::until(DEADLINE, &format!("a drop at {at}: {what}"), || {
            agent.said().drops.iter().find(|drop| drop.is_at(&pod(at)) && wanted(drop)).cloned()
        });
        found.with_context(|| format!("dropped so far: {:#?}", agent.said().drops))
    }

    /// How many packets have been dropped at a pod's interface for this reason.
    pub fn count_drops(&self, agent: &Agent, at: &str, reason: &str) -> usize {
        agent.said().drops.iter().filter(|drop| drop.is_at(&pod(at)) && drop.reason == reason).count()
    }

    /// Waits for a drop of a packet to a pod's port.
    pub fn wait_dropped(&self, agent: &Agent, from: &str, to: &str, protocol: Protocol) -> Result<Dropped> {
        let what = format!("a drop event of {protocol} from {from} to {to}");
        poll::until(DEADLINE, &what, || {
            let said = agent.said();
            said.drops.iter().find(|drop| drop.names(&pod(from), &pod(to), protocol, PORT)).cloned()
        })
    }
}
