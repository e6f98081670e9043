//! What every verb that enforces is told of this node.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use crate::{
    agent::{Pinning, Settings},
    dataplane::{Hook, Options, Setting, Timeouts},
    flow::Format,
    source::{
        ServiceAlias, collect_aliases,
        endpoints::{Endpoints, NAMESPACES_DIR},
    },
};

/// Where pods are, how to attach, what to write.
#[derive(Debug, Args)]
pub(super) struct Node {
    /// File that maps pods to interfaces: `endpoints: [{pod: ns/name, interface: veth0, addresses: [10.0.0.5]}]`.
    #[arg(long, value_name = "FILE", conflicts_with = "netns")]
    endpoints: Option<PathBuf>,
    /// Folder of network namespaces named NAMESPACE.POD. `enforcer run` takes /run/netns when there is no --endpoints.
    #[arg(long, value_name = "DIR")]
    netns: Option<PathBuf>,
    /// Treat an address as a Service's: a node-local DNS cache. May be given several times.
    #[arg(long, value_name = "ADDRESS=NAMESPACE/NAME")]
    service_alias: Vec<ServiceAlias>,
    /// Form of the records on standard output.
    #[arg(long, value_enum, default_value_t)]
    log_format: Format,
    /// How to attach: TCX (Linux 6.6 and later) or the clsact qdisc. Default: TCX where the kernel has it.
    #[arg(long, value_enum)]
    attach: Option<Attach>,
    /// How long a flow may be idle before it is forgotten, by its state: tcp-established=2h. May be given several
    /// times; the states and their defaults are in docs/flows.md.
    #[arg(long, value_name = "STATE=TIME")]
    flow_timeout: Vec<Setting>,
    /// Folder on a bpffs where maps and programs are pinned, so that they outlive this process and the next one goes on with
    /// them; "none" pins nothing. Default: /sys/fs/bpf/enforcer for `agent`, none for `run`.
    #[arg(long, value_name = "DIR")]
    pin_dir: Option<PathBuf>,
    /// On SIGINT or SIGTERM end enforcement and remove all pins.
    #[arg(long)]
    detach_on_exit: bool,
    /// Also show the kernel programs' own debug lines (costs time on every drop).
    #[arg(long)]
    kernel_log: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Attach {
    Tcx,
    Clsact,
}

impl Node {
    /// The settings, checked. Without word of where pods are, the folder `usual` is it; `pins` is where maps and programs are pinned
    /// by default.
    pub(super) fn settings(self, usual: Option<PathBuf>, pins: Option<&str>) -> anyhow::Result<Settings> {
        self.check()?;
        ensure!(
            nix::unistd::geteuid().is_root(),
            "loading eBPF programs needs root: run this command as root, or with sudo"
        );
        let hook = self.attach.map(|attach| match attach {
            Attach::Tcx => Hook::Tcx,
            Attach::Clsact => Hook::Clsact,
        });
        let pins =
            self.pin_dir.or_else(|| pins.map(PathBuf::from)).filter(|folder| folder != Path::new("none"));
        Ok(Settings {
            pinning: pins.map(|folder| Pinning { folder, detach_on_exit: self.detach_on_exit }),
            endpoints: match self.endpoints {
                Some(file) => Some(Endpoints::File(file)),
                None => self.netns.or(usual).map(Endpoints::Namespaces),
            },
            aliases: collect_aliases(self.service_alias).context("--service-alias")?,
            format: self.log_format,
            options: Options { hook, kernel_log: self.kernel_log, ..Options::default() },
            timeouts: Timeouts::with(self.flow_timeout),
        })
    }

    /// Whether what is to be read is there, and the endpoints file can be read as a whole: else every pod would stay open.
    /// (What goes away or becomes bad later keeps its last good state.)
    fn check(&self) -> anyhow::Result<()> {
        if let Some(file) = &self.endpoints {
            let found = check_there("--endpoints", file)?;
            ensure!(!found.is_dir(), "--endpoints {}: is a folder", file.display());
            Endpoints::File(file.clone()).read().context("--endpoints")?;
        } else if let Some(folder) =
            self.netns.as_deref().filter(|folder| *folder != Path::new(NAMESPACES_DIR))
        {
            // The usual folder comes with the first network namespace.
            let found = check_there("--netns", folder)?;
            ensure!(found.is_dir(), "--netns {}: is not a folder", folder.display());
        }
        Ok(())
    }
}

/// What an option names must be there.
pub(super) fn check_there(option: &str, path: &Path) -> anyhow::Result<fs::Metadata> {
    fs::metadata(path).with_context(|| format!("{option} {}", path.display()))
}
