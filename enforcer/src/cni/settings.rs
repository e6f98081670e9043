//! What `enforcer cni install` writes into the node's configuration, and the plugin reads from it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The plugin's name: that of its file, and the `type` of its entry in a configuration.
pub const PLUGIN: &str = "enforcer-cni";
/// Where the agent listens.
pub const SOCKET: &str = "/run/enforcer/cni.sock";
/// The agent's list of namespaces that have policies.
pub const POLICED: &str = "/run/enforcer/policed-namespaces";

/// The plugin's settings, as fields of its entry in the node's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The agent's socket.
    pub socket: PathBuf,
    /// What happens to a new pod while no agent answers.
    pub when_agent_is_away: WhenAgentIsAway,
    /// How long the plugin waits for the agent, in seconds, its start included.
    pub timeout_seconds: u32,
    /// Where the agent lists the namespaces that have policies.
    pub policed_namespaces: PathBuf,
    /// Namespaces whose pods start while there is no such list: what the agent itself may need, cluster DNS first.
    pub system_namespaces: Vec<String>,
}

/// What happens to a new pod while no agent answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum WhenAgentIsAway {
    /// Pods of namespaces that have policies wait, others start.
    #[default]
    ClosedForPoliced,
    /// All pods wait.
    Closed,
    /// All pods start; what is in force for them comes when the agent does.
    Open,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            when_agent_is_away: WhenAgentIsAway::default(),
            // Longer than a rolling update takes, shorter than the patience of kubelets and runtimes (minutes).
            timeout_seconds: 10,
            policed_namespaces: POLICED.into(),
            system_namespaces: vec!["kube-system".to_owned()],
        }
    }
}
