//! `enforcer cni`: the chained CNI plugin in the node's configuration.

use std::{env, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::cni::{
    install::{CONFIGURATIONS, PROGRAMS, Places},
    settings::{PLUGIN, POLICED, SOCKET, Settings, WhenAgentIsAway},
};

/// Put the chained CNI plugin into this node's network configuration, or take it out.
#[derive(Debug, Args)]
pub(super) struct Cni {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Copy the plugin and put it into the configuration that the container runtime takes
    Install(Install),
    /// Take the plugin out of all configurations, and its program away. Not while an agent runs that keeps it there
    Uninstall(Uninstall),
}

#[derive(Debug, Args)]
struct Folders {
    /// Folder of network configurations.
    #[arg(long, value_name = "DIR", default_value = CONFIGURATIONS)]
    conf_dir: PathBuf,
    /// Folder of CNI plugins.
    #[arg(long, value_name = "DIR", default_value = PROGRAMS)]
    bin_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Install {
    #[command(flatten)]
    folders: Folders,
    /// The plugin's program. Default: `enforcer-cni` beside this program.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    #[command(flatten)]
    plugin: Plugin,
}

#[derive(Debug, Args)]
struct Uninstall {
    #[command(flatten)]
    folders: Folders,
    /// Leave the program: CRI-O takes old pods down with it.
    #[arg(long)]
    keep_program: bool,
}

/// The plugin's settings.
#[derive(Debug, Args)]
struct Plugin {
    /// The agent's socket, as the host sees it.
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// What happens to a new pod while no agent answers.
    #[arg(long, value_enum, default_value_t)]
    when_agent_is_away: WhenAgentIsAway,
    /// How long the plugin waits for the agent, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().timeout_seconds)]
    timeout: u32,
    /// The agent's list of namespaces that have policies, as the host sees it.
    #[arg(long, value_name = "PATH", default_value = POLICED)]
    policed_namespaces: PathBuf,
    /// Namespace whose pods start while there is no such list. May be given several times.
    #[arg(long, value_name = "NAMESPACE", default_values_t = Settings::default().system_namespaces)]
    system_namespace: Vec<String>,
}

impl Cni {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Install(install) => install.execute(),
            Verb::Uninstall(uninstall) => uninstall.execute(),
        }
    }
}

impl Install {
    fn execute(self) -> anyhow::Result<()> {
        let program = match self.program {
            Some(program) => program,
            None => env::current_exe().context("where is this program?")?.with_file_name(PLUGIN),
        };
        let places: Places = self.folders.into();
        let installed = places.install(&program, &self.plugin.into())?;
        tracing::info!(
            program = %places.program().display(),
            configuration = %installed.configuration.display(),
            changed = installed.is_changed,
            "plugin installed"
        );
        Ok(())
    }
}

impl Uninstall {
    fn execute(self) -> anyhow::Result<()> {
        let places: Places = self.folders.into();
        for path in places.uninstall(self.keep_program)? {
            tracing::info!(path = %path.display(), "plugin taken out");
        }
        Ok(())
    }
}

impl From<Folders> for Places {
    fn from(Folders { conf_dir, bin_dir }: Folders) -> Self {
        Self { configurations: conf_dir, programs: bin_dir }
    }
}

impl From<Plugin> for Settings {
    fn from(plugin: Plugin) -> Self {
        let Plugin { socket, when_agent_is_away, timeout, policed_namespaces, system_namespace } = plugin;
        Self {
            socket,
            when_agent_is_away,
            timeout_seconds: timeout,
            policed_namespaces,
            system_namespaces: system_namespace,
        }
    }
}
