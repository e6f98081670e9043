//! A node with its pods, an API server on it that has a cluster, and the agent.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    time::Instant,
};

use anyhow::{Context as _, Result};
use enforcer::model::ObjectName;

use super::{
    objects::{self, CLIENT, PORT, SERVER},
    size::Size,
};
use crate::{
    agent::{Agent, Endpoints, Settings, binary},
    api_server::ApiServer,
    lab::{Lab, Netns, Pod, PodSpec},
};

/// What the file of endpoints is called.
const ENDPOINTS: &str = "endpoints/endpoints.yaml";

/// The namespace of the lab's pods: which pod of a cluster each is differs from size to size.
const LAB: &str = "pods";

/// A node with its pods, each a network namespace with an interface.
pub(super) fn pods() -> Result<Lab> {
    let begun = Instant::now();
    let specs: Vec<PodSpec> =
        (0..Size::MOST_LOCAL).map(|number| PodSpec { name: name(number), ..PodSpec::default() }).collect();
    let lab = Lab::build(&specs)?;
    println!("a node with {} pods: {:.1} s", specs.len(), begun.elapsed().as_secs_f64());
    Ok(lab)
}

fn name(number: usize) -> ObjectName {
    ObjectName::new(LAB, format!("pod-{number:03}"))
}

/// A cluster of one size.
pub(super) struct World<'a> {
    pub(super) lab: &'a Lab,
    pub(super) size: Size,
    pub(super) server: ApiServer,
    settings: Settings,
}

impl<'a> World<'a> {
    /// Fills an API server.
    pub(super) fn new(lab: &'a Lab, size: Size) -> Result<Self> {
        let begun = Instant::now();
        let listener = lab.node().enter(|| Ok(TcpListener::bind(("127.0.0.1", 0))?))?;
        let server = ApiServer::start_on(listener)?;
        let file = lab.folder().join(ENDPOINTS);
        let settings = Settings {
            manifests: lab.folder().to_owned(),
            api_server: Some(server.url()),
            endpoints: Endpoints::File(file.clone()),
            attach: None,
            flow_timeouts: Vec::new(),
            capabilities: None,
            // Each start is a cold one.
            pins: None,
            flags: Vec::new(),
        };
        let world = Self { lab, size, server, settings };
        world.fill()?;
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(&file, world.endpoints()?).with_context(|| format!("cannot write {}", file.display()))?;
        println!(
            "{} policies and {} pods, {} of them here: {:.1} s",
            size.policies,
            size.pods,
            size.local(),
            begun.elapsed().as_secs_f64()
        );
        Ok(world)
    }

    fn fill(&self) -> Result<()> {
        let (server, size) = (&self.server, self.size);
        server.put(serde_json::json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node-1"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.77.0.1"}]},
        }))?;
        objects::namespaces(size).try_for_each(|namespace| server.put(namespace))?;
        for number in 0..size.pods {
            server.put(objects::pod(size, number, self.addresses(number).as_ref()))?;
        }
        objects::policies(size).try_for_each(|policy| server.put(policy))?;
        server.put(objects::probe_policy(true))?;
        // Nobody watches yet, and whoever comes lists: the past would only be read through at every change.
        server.expire();
        Ok(())
    }

    /// The addresses of a local pod.
    pub(super) fn addresses(&self, number: usize) -> Option<BTreeSet<IpAddr>> {
        let pod = self.lab.pods().get(&name(number)).filter(|_| number < self.size.local())?;
        Some(pod.addresses().clone())
    }

    fn endpoints(&self) -> Result<String> {
        let mut text = String::from("endpoints:\n");
        for number in 0..self.size.local() {
            let pod = self.pod(number)?;
            let (namespace, name) = objects::pod_name(self.size, number);
            let addresses: Vec<String> = pod.addresses().iter().map(|it| format!("\"{it}\"")).collect();
            text += &format!("- pod: {namespace}/{name}\n  interface: {}\n", pod.interface());
            text += &format!("  addresses: [{}]\n", addresses.join(", "));
        }
        Ok(text)
    }

    fn pod(&self, number: usize) -> Result<&Pod> {
        self.lab.pod(&name(number))
    }

    /// The network namespaces of the prober's client and server, and where the server listens.
    pub(super) fn ends(&self) -> Result<(&Netns, &Netns, SocketAddr)> {
        let of = |wanted: &str| {
            let number =
                (0..self.size.local()).find(|number| objects::pod_name(self.size, *number).1 == wanted);
            self.pod(number.with_context(|| format!("no {wanted}"))?)
        };
        let (client, server) = (of(CLIENT)?, of(SERVER)?);
        let at = server.addresses().iter().find(|it| it.is_ipv4()).context("a pod has an IPv4 address")?;
        Ok((client.netns(), server.netns(), SocketAddr::new(*at, PORT)))
    }

    /// Starts the agent.
    pub(super) fn start(&self) -> Result<Agent> {
        Agent::start(self.lab, &binary()?, &self.settings)
    }
}
