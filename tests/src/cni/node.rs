//! A node with a network configuration, the reference plugins, and ours installed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use enforcer::{
    cni::{
        install::Places,
        settings::{Settings, WhenAgentIsAway},
    },
    model::Protocol,
};

use super::{Container, Runtime};
use crate::{
    agent::binary,
    lab::{Lab, PodSpec, has_ipv6},
    scene::{PORT, pod},
};

/// Where distributions put the reference plugins.
const REFERENCE: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// The plugin that makes pods' interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Main {
    /// `ptp`: a veth with host routes.
    Ptp,
    /// `bridge`: a veth that is a port of a bridge.
    Bridge,
}

/// A node, before any pod has an interface.
pub struct CniNode {
    /// The network.
    pub lab: Lab,
    /// What runs the plugins.
    pub runtime: Runtime,
    /// The folders of the node.
    pub places: Places,
    /// The plugin's settings.
    pub settings: Settings,
}

impl CniNode {
    /// Pods of the namespace `shop` without interfaces, and the plugin installed after the main one.
    pub fn new(main: Main, pods: &[&str], away: WhenAgentIsAway) -> Result<Self> {
        let ports = BTreeSet::from([(Protocol::Tcp, PORT), (Protocol::Udp, PORT)]);
        let specs: Vec<PodSpec> = pods
            .iter()
            .map(|name| PodSpec { name: pod(name), ports: ports.clone(), ..PodSpec::default() })
            .collect();
        let lab = Lab::build_unwired(&specs)?;
        let folder = lab.folder();
        let places = Places { configurations: folder.join("net.d"), programs: folder.join("bin") };
        fs::create_dir_all(&places.configurations)?;
        fs::write(places.configurations.join("10-k8s.conflist"), main.list(&folder))?;
        let settings = Settings {
            socket: folder.join("cni.sock"),
            when_agent_is_away: away,
            timeout_seconds: 20,
            policed_namespaces: folder.join("policed"),
            ..Settings::default()
        };
        places.install(&plugin()?, &settings)?;
        let mut programs = vec![places.programs.clone()];
        programs.push(reference()?);
        let runtime = Runtime::new(lab.node().clone(), places.configurations.clone(), programs);
        Ok(Self { lab, runtime, places, settings })
    }

    /// Writes these settings into the configuration.
    pub fn set(&mut self, change: impl FnOnce(&mut Settings)) -> Result<()> {
        change(&mut self.settings);
        self.places.install(&plugin()?, &self.settings)?;
        Ok(())
    }

    /// A pod's sandbox, with an id of its own.
    pub fn container(&self, name: &str) -> Result<Container> {
        let netns = self.lab.pod(&pod(name))?.netns().path();
        Ok(Container::of_pod(&format!("c0ffee-{name}"), &netns, "shop", name))
    }
}

impl Main {
    /// The network configuration. Its ranges begin where the lab's do, so that pods which are added in the lab's order
    /// get the lab's addresses.
    fn list(self, folder: &Path) -> String {
        let mut ranges = r#"[{"subnet": "10.77.0.0/16", "rangeStart": "10.77.0.2"}]"#.to_owned();
        let mut routes = r#"{"dst": "0.0.0.0/0"}"#.to_owned();
        if has_ipv6() {
            ranges.push_str(r#", [{"subnet": "fd77::/64", "rangeStart": "fd77::2"}]"#);
            routes.push_str(r#", {"dst": "::/0"}"#);
        }
        let data = folder.join("ipam");
        let ipam = format!(
            r#"{{"type": "host-local", "dataDir": "{}", "ranges": [{ranges}], "routes": [{routes}]}}"#,
            data.display()
        );
        let main = match self {
            Self::Ptp => format!(r#"{{"type": "ptp", "ipMasq": false, "ipam": {ipam}}}"#),
            Self::Bridge => format!(
                r#"{{"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {ipam}}}"#
            ),
        };
        format!(
            "{{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"k8s\",\n  \"plugins\": [\n    {main}\n  ]\n}}\n"
        )
    }
}

/// Our plugin, built beside the agent.
pub(super) fn plugin() -> Result<PathBuf> {
    let path = binary()?.with_file_name("enforcer-cni");
    let missing =
        || format!("there is no {}: build it with `cargo build -p enforcer --bins`", path.display());
    path.is_file().then_some(()).with_context(missing)?;
    Ok(path)
}

fn reference() -> Result<PathBuf> {
    let folder = REFERENCE.iter().map(PathBuf::from).find(|folder| folder.join("host-local").is_file());
    folder.context("no reference plugins; install them with: apt-get install containernetworking-plugins")
}
