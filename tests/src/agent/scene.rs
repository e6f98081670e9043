//! Two pods in a lab, a folder of manifests, and the enforcer on it: what most level-6 tests start from.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use enforcer::model::{ObjectName, Protocol};

use super::{Agent, Endpoints, Settings, binary, replace, write_endpoints};
use crate::lab::{Lab, Outcome, Patience, PodSpec, Probe, Source};

/// The port of the server's TCP server, which sends a banner and then echoes.
pub const TCP: u16 = 7000;
/// The port of its UDP server.
pub const UDP: u16 = 5353;

/// How long a silence must last to count as one.
const PATIENCE: Patience = Patience { first: Duration::from_millis(300), second: Duration::from_millis(700) };

/// The pods, as manifests.
const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: a, labels: {app: client}}
spec: {containers: [{name: main, image: none}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: a, labels: {app: server}}
spec: {containers: [{name: main, image: none}]}
";

/// Two pods, `a/client` and `a/server`, and a folder of manifests. The agent is dropped before the lab.
pub struct Scene {
    /// The enforcer, once started.
    pub agent: Option<Agent>,
    /// Where the manifests are.
    pub manifests: PathBuf,
    /// The namespaces.
    pub lab: Lab,
}

impl Scene {
    /// Builds the pods and their manifests; enforces nothing yet.
    ///
    /// # Errors
    /// When the lab cannot be built.
    pub fn build() -> Result<Self> {
        let ports = BTreeSet::from([(Protocol::Tcp, TCP), (Protocol::Udp, UDP)]);
        let lab = Lab::build(&[
            PodSpec { name: ObjectName::new("a", "client"), ..PodSpec::default() },
            PodSpec { name: ObjectName::new("a", "server"), ports, ..PodSpec::default() },
        ])?;
        let manifests = lab.folder().join("manifests");
        std::fs::create_dir_all(&manifests)?;
        let scene = Self { agent: None, manifests, lab };
        scene.write("pods.yaml", PODS)?;
        write_endpoints(&scene.mapping(), scene.lab.pods().values())?;
        Ok(scene)
    }

    /// Where the mapping of endpoints is.
    #[must_use]
    pub fn mapping(&self) -> PathBuf {
        self.lab.folder().join("endpoints.yaml")
    }

    /// Starts the enforcer and waits until everything is in force.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn enforce(&mut self, attach: Option<&str>) -> Result<()> {
        let settings = Settings {
            manifests: self.manifests.clone(),
            endpoints: Endpoints::File(self.mapping()),
            attach: attach.map(str::to_owned),
        };
        let mut agent = Agent::start(&self.lab, &binary()?, &settings)?;
        agent.wait_applied(0)?;
        self.agent = Some(agent);
        Ok(())
    }

    /// The running enforcer.
    ///
    /// # Errors
    /// When it was not started.
    pub fn agent(&mut self) -> Result<&mut Agent> {
        self.agent.as_mut().context("the enforcer was not started")
    }

    /// Writes a manifest, whole at once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        replace(&self.manifests.join(file), text)
    }

    /// Writes a manifest and waits until the change is in force.
    ///
    /// # Errors
    /// When it does not come into force.
    pub fn change(&mut self, file: &str, text: &str) -> Result<()> {
        let before = self.agent()?.revision();
        self.write(file, text)?;
        self.agent()?.wait_applied(before)?;
        Ok(())
    }

    /// The server's addresses with a port.
    ///
    /// # Errors
    /// When there is no server.
    pub fn server(&self, port: u16) -> Result<Vec<SocketAddr>> {
        let pod = self.lab.pod(&ObjectName::new("a", "server"))?;
        Ok(pod.addresses().iter().map(|address| SocketAddr::new(*address, port)).collect())
    }

    /// Whether the client reaches the server, over each family: all or none.
    ///
    /// # Errors
    /// When families differ, or something else than silence answers.
    pub fn connects(&self, from: &Source, protocol: Protocol) -> Result<bool> {
        let port = if protocol == Protocol::Udp { UDP } else { TCP };
        let mut answers = BTreeSet::new();
        for to in self.server(port)? {
            let probe = Probe { from: from.clone(), to, protocol };
            answers.insert(match self.lab.connect(&probe, PATIENCE)? {
                Outcome::Connected(_) => true,
                Outcome::TimedOut => false,
                outcome @ (Outcome::Refused | Outcome::Unreachable) => {
                    anyhow::bail!("{probe:?} is answered with {outcome:?}")
                }
            });
        }
        anyhow::ensure!(answers.len() == 1, "the families differ");
        Ok(answers.contains(&true))
    }
}

/// The client pod as the source of connections.
#[must_use]
pub fn client() -> Source {
    Source::Pod(ObjectName::new("a", "client"))
}

/// A policy in namespace `a`, with this `spec` in flow style.
#[must_use]
pub fn policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: a}}\nspec: {spec}\n"
    )
}
