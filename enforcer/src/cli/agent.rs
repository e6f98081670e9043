//! `enforcer agent`: enforce a cluster's policies on this node.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::ensure;
use clap::Args;

use super::{block_on, chained::Chained, node::Node};
use crate::{
    agent::{ClusterAgent, health::STATUS_SOCKET},
    source::kube::Access,
};

/// Where maps and programs are pinned.
const PINS: &str = "/sys/fs/bpf/enforcer";

/// Enforce the policies of a cluster on this node's pods, as its API server tells them.
///
/// Records (what was applied, what was dropped) go to standard output, messages to standard error. While the API server is
/// away, what was told last stays in force. Pods are known from the chained CNI plugin, and those that it did not tell of are
/// looked for on the node; with --endpoints or --netns they are those, and the plugin is not answered. What is in force stays so
/// when the agent ends, and the next one goes on with it; --detach-on-exit ends enforcement on SIGINT or SIGTERM.
#[derive(Debug, Args)]
pub(super) struct Agent {
    /// This node's name in the cluster. Default: NODE_NAME.
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// Kubeconfig file. Default: KUBECONFIG, else the pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The API server's URL, in place of the configured one: https://10.0.0.1:6443, for the time before Services work on
    /// the node.
    #[arg(long, value_name = "URL")]
    api_server: Option<String>,
    /// Where /metrics, /healthz and /readyz are served; "none" serves them nowhere.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9401")]
    metrics_address: Listen,
    /// The socket that `enforcer status` asks.
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    status_socket: PathBuf,
    #[command(flatten)]
    chained: Chained,
    #[command(flatten)]
    node: Node,
}

/// An address, or none.
#[derive(Debug, Clone, Copy)]
struct Listen(Option<SocketAddr>);

impl std::str::FromStr for Listen {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

impl Agent {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let node = self.node_name.or_else(|| std::env::var("NODE_NAME").ok()).unwrap_or_default();
        ensure!(!node.is_empty(), "which node is this? Give --node-name or NODE_NAME");
        let settings = self.node.settings(None, Some(PINS))?;
        let cni = if settings.endpoints.is_none() { Some(self.chained.settings()?) } else { None };
        let agent = ClusterAgent {
            access: Access { kubeconfig: self.kubeconfig, server: self.api_server },
            node,
            settings,
            cni,
            metrics: self.metrics_address.0,
            status_socket: self.status_socket,
        };
        Ok(block_on(agent.run())??)
    }
}
