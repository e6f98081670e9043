//! A node of a live cluster: the reference plugins, ours after them, an API server, and the real agent.

use std::{ffi::OsString, net::TcpListener};

use anyhow::Result;
use enforcer::cni::settings::WhenAgentIsAway;
use serde_json::{Value, json};

use super::{CniNode, Main};
use crate::{
    agent::{Agent, Endpoints, Settings, binary},
    api_server::ApiServer,
    scene::pod,
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
