//! A node of a live cluster: the reference plugins, ours after them, an API server, and the real agent.

use std::{
    ffi::OsString,
    net::{SocketAddr, TcpListener},
};

use anyhow::{Context as _, Result};
use enforcer::{cni::settings::WhenAgentIsAway, model::Protocol};
use serde_json::{Value, json};

use super::{CniNode, Main, Said};
use crate::{
    agent::{Agent, Endpoints, Settings, binary, status},
    api_server::ApiServer,
    lab::{Outcome, Patience, Probe, Source},
    poll,
    scene::{DEADLINE, PORT, pod},
};

/// The node's name.
const NODE: &str = "node-1";

/// A node and its cluster.
pub struct Live {
    /// The node.
    pub node: CniNode,
    /// The API server, which knows the namespace `shop`.
    pub server: ApiServer,
    /// How the agent is started.
    pub settings: Settings,
}

impl Live {
    /// Pods of the namespace `shop` that nobody knows and that have no interfaces; no agent runs.
    pub fn new(main: Main, pods: &[&str], away: WhenAgentIsAway) -> Result<Self> {
        let node = CniNode::new(main, pods, away)?;
        let listener = node.lab.node().enter(|| Ok(TcpListener::bind(("127.0.0.1", 0))?))?;
        let server = ApiServer::start_on(listener)?;
        server.put_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")?;
        let (folder, pins) = (node.lab.folder(), node.lab.pins());
        let mut options: Vec<OsString> = Vec::new();
        for (name, path) in [
            ("--cni-socket", node.settings.socket.clone()),
            ("--cni-state", folder.join("attachments")),
            ("--policed-namespaces", node.settings.policed_namespaces.clone()),
            ("--cni-conf-dir", node.places.configurations.clone()),
            ("--cni-bin-dir", node.places.programs.clone()),
        ] {
            options.extend([name.into(), path.into()]);
        }
        let settings = Settings {
            manifests: folder,
            api_server: Some(server.url()),
            endpoints: Endpoints::Cni(options),
            attach: None,
            flow_timeouts: Vec::new(),
            capabilities: None,
            pins: Some(pins),
            flags: Vec::new(),
        };
        Ok(Self { node, server, settings })
    }

    /// One more option for the agent.
    pub fn option(&mut self, option: &str) {
        if let Endpoints::Cni(options) = &mut self.settings.endpoints {
            options.push(option.into());
        }
    }

    /// Starts the agent, and waits until it enforces.
    pub fn start(&self) -> Result<Agent> {
        let mut agent = self.begin()?;
        agent.wait_applied(0)?;
        Ok(agent)
    }

    /// Starts the agent.
    pub fn begin(&self) -> Result<Agent> {
        Agent::start(&self.node.lab, &binary()?, &self.settings)
    }

    /// Tells the API server of a pod on this node, as the scheduler leaves it: without addresses.
    pub fn schedule(&self, name: &str) -> Result<()> {
        self.server.put(manifest(name, &json!({"phase": "Pending"})))
    }

    /// The same with the lab's addresses, as its kubelet does later.
    pub fn publish(&self, name: &str) -> Result<()> {
        let addresses = self.node.lab.pod(&pod(name))?.addresses();
        let addresses: Vec<Value> = addresses.iter().map(|address| json!({"ip": address})).collect();
        self.server.put(manifest(name, &json!({"phase": "Running", "podIPs": addresses})))
    }

    /// Gives a pod its interface, as its runtime does before its first process.
    pub fn add(&self, name: &str) -> Result<Said> {
        self.node.runtime.add(&self.node.container(name)?)
    }

    /// The same; fails when the pod is not let through.
    pub fn added(&self, name: &str) -> Result<Value> {
        self.add(name)?.map_err(|failure| anyhow::anyhow!("ADD of {name}: {failure:?}"))
    }

    /// Whether a new TCP connection to a pod's server opens, from another pod or from `(node)`.
    pub fn reaches(&self, from: &str, to: &str) -> Result<bool> {
        let address =
            self.node.lab.pod(&pod(to))?.addresses().iter().next().copied().context("an address")?;
        let from = if from == "(node)" { Source::Node } else { Source::Pod(pod(from)) };
        let probe = Probe { from, to: SocketAddr::new(address, PORT), protocol: Protocol::Tcp };
        Ok(matches!(self.node.lab.connect(&probe, Patience::default())?, Outcome::Connected(_)))
    }

    /// Waits until new connections open, or until they do not.
    pub fn wait_reaches(&self, from: &str, to: &str, wanted: bool) -> Result<()> {
        poll::until(DEADLINE, &format!("{from} to {to}: {wanted}"), || {
            self.reaches(from, to).ok().filter(|reaches| *reaches == wanted)
        })
        .map(drop)
    }

    /// Waits until the status says that a pod is enforced.
    pub fn wait_enforced(&self, name: &str) -> Result<()> {
        poll::until(DEADLINE, &format!("{name} is enforced"), || {
            let report = status(&self.node.lab).ok()?;
            report.endpoints.into_iter().find(|found| found.pod == name && found.enforced)
        })
        .map(drop)
    }
}

fn manifest(name: &str, status: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "labels": {"app": name}},
        "spec": {"nodeName": NODE, "containers": [{"name": "main", "image": "example.org/main"}]},
        "status": status,
    })
}
