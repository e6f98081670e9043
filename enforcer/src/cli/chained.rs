//! What `enforcer agent` is told of the chained CNI plugin, and of where else pods are found.

use std::{env, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::{
    agent::Cni,
    cni::{
        install::{CONFIGURATIONS, PROGRAMS, Places},
        settings::{PLUGIN, POLICED, SOCKET, Settings, WhenAgentIsAway},
        state::FOLDER,
    },
    source::endpoints::discovery::Discovery,
};

/// Pods without a list of them.
#[derive(Debug, Args)]
pub(super) struct Chained {
    /// Put the chained CNI plugin into this node's network configuration, and keep it there.
    #[arg(long)]
    cni_install: bool,
    /// Folder of network configurations.
    #[arg(long, value_name = "DIR", default_value = CONFIGURATIONS)]
    cni_conf_dir: PathBuf,
    /// Folder of CNI plugins.
    #[arg(long, value_name = "DIR", default_value = PROGRAMS)]
    cni_bin_dir: PathBuf,
    /// The plugin's program. Default: `enforcer-cni` beside this program.
    #[arg(long, value_name = "FILE")]
    cni_program: Option<PathBuf>,
    /// The socket on which the plugin asks, as this program and the host see it.
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    cni_socket: PathBuf,
    /// Folder in which what the plugin told is kept, for the next agent.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    cni_state: PathBuf,
    /// List of namespaces that have policies, as this program and the host see it: for the plugin while no agent answers.
    #[arg(long, value_name = "PATH", default_value = POLICED)]
    policed_namespaces: PathBuf,
    /// What happens to a new pod while no agent answers.
    #[arg(long, value_enum, default_value_t)]
    when_agent_is_away: WhenAgentIsAway,
    /// How long the plugin waits for the agent, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().timeout_seconds)]
    cni_timeout: u32,
    /// Namespace whose pods start while there is no list of namespaces that have policies. May be given several times.
    #[arg(long, value_name = "NAMESPACE", default_values_t = Settings::default().system_namespaces)]
    system_namespace: Vec<String>,
    /// The host's procfs, in which the network namespaces of pods' processes are found.
    #[arg(long, value_name = "DIR", default_value = "/proc")]
    host_proc: PathBuf,
    /// Folder in which the container runtime mounts network namespaces. May be given several times. Default: /run/netns
    /// and /var/run/netns.
    #[arg(long, value_name = "DIR")]
    netns_dir: Vec<PathBuf>,
}

impl Chained {
    /// The settings.
    pub(super) fn settings(self) -> anyhow::Result<Cni> {
        let program = || match self.cni_program {
            Some(program) => Ok(program),
            None => anyhow::Ok(env::current_exe().context("where is this program?")?.with_file_name(PLUGIN)),
        };
        let places = Places { configurations: self.cni_conf_dir, programs: self.cni_bin_dir };
        let folders = if self.netns_dir.is_empty() { Discovery::default().folders } else { self.netns_dir };
        Ok(Cni {
            plugin: Settings {
                socket: self.cni_socket,
                when_agent_is_away: self.when_agent_is_away,
                timeout_seconds: self.cni_timeout,
                policed_namespaces: self.policed_namespaces,
                system_namespaces: self.system_namespace,
            },
            attachments: self.cni_state,
            discovery: Discovery { proc: self.host_proc, folders },
            install: if self.cni_install { Some((places, program()?)) } else { None },
        })
    }
}
