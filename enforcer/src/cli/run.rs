//! `enforcer run`: enforce a folder of manifests, without a cluster.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use crate::{
    agent::Standalone,
    dataplane::{Hook, Options, Setting, Timeouts},
    flow::Format,
    source::{
        ServiceAlias, collect_aliases,
        endpoints::{Endpoints, NAMESPACES_DIR},
    },
};

/// Enforce the policies of a folder of manifests on local pods, without a cluster.
///
/// Records (what was applied, what was dropped) go to standard output, messages to standard error.
/// The folder and the mapping are read again when they change. SIGINT or SIGTERM ends enforcement.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Folder of YAML or JSON manifests: Namespaces, Pods, workloads, NetworkPolicies, Services, EndpointSlices, Nodes.
    #[arg(long, value_name = "DIR")]
    manifests: PathBuf,
    /// File that maps pods to interfaces: `endpoints: [{pod: ns/name, interface: veth0, addresses: [10.0.0.5]}]`.
    #[arg(long, value_name = "FILE", conflicts_with = "netns")]
    endpoints: Option<PathBuf>,
    /// Folder of network namespaces named NAMESPACE.POD; taken when there is no --endpoints.
    #[arg(long, value_name = "DIR", default_value = NAMESPACES_DIR)]
    netns: PathBuf,
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
    /// Also show the kernel programs' own debug lines (costs time on every drop).
    #[arg(long)]
    kernel_log: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Attach {
    Tcx,
    Clsact,
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        self.check_input()?;
        anyhow::ensure!(
            nix::unistd::geteuid().is_root(),
            "loading eBPF programs needs root: run this command as root, or with sudo"
        );
        let hook = self.attach.map(|attach| match attach {
            Attach::Tcx => Hook::Tcx,
            Attach::Clsact => Hook::Clsact,
        });
        let run = Standalone {
            manifests: self.manifests,
            endpoints: match self.endpoints {
                Some(file) => Endpoints::File(file),
                None => Endpoints::Namespaces(self.netns),
            },
            aliases: collect_aliases(self.service_alias).context("--service-alias")?,
            format: self.log_format,
            options: Options { hook, kernel_log: self.kernel_log, ..Options::default() },
            timeouts: Timeouts::with(self.flow_timeout),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        Ok(runtime.block_on(run.run())?)
    }

    /// Whether what is to be read is there, and the endpoints file can be read as a whole: else every pod would stay open.
    /// (What goes away or becomes bad later keeps its last good state.)
    fn check_input(&self) -> anyhow::Result<()> {
        let mut wanted = vec![("--manifests", self.manifests.as_path())];
        if let Some(file) = &self.endpoints {
            wanted.push(("--endpoints", file));
        } else if self.netns != Path::new(NAMESPACES_DIR) {
            // The usual folder comes with the first network namespace.
            wanted.push(("--netns", &self.netns));
        }
        for (option, path) in wanted {
            let found = fs::metadata(path).with_context(|| format!("{option} {}", path.display()))?;
            ensure!(option != "--endpoints" || !found.is_dir(), "{option} {}: is a folder", path.display());
            ensure!(option != "--netns" || found.is_dir(), "{option} {}: is not a folder", path.display());
        }
        if let Some(file) = &self.endpoints {
            Endpoints::File(file.clone()).read().context("--endpoints")?;
        }
        Ok(())
    }
}
