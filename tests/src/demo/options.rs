//! The demo's command line. `cargo xtask` includes this file, to answer before it sets anything up.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::given;

/// Enforces the network policies of an application on this machine, without a cluster, and shows what
/// they do: who can connect to whom before and after, and what the kernel dropped.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
pub struct Options {
    /// Folder with the application's manifests (default: the example shop)
    #[arg(long, value_name = "DIR", default_value_os_t = shop(), value_parser = given::path)]
    pub manifests: PathBuf,
    /// Leave everything up at the end and print how to play with it; Ctrl-C ends it
    #[arg(long)]
    pub keep: bool,
    /// Which addresses to connect to (default: both, where this kernel has IPv6)
    #[arg(long, value_name = "4|6|both")]
    pub family: Option<Families>,
    /// The same as --family 6
    #[arg(long, conflicts_with = "family")]
    pub ipv6: bool,
    /// How the programs are attached, as `enforcer run --attach` (tcx or clsact)
    #[arg(long, value_name = "HOOK", value_parser = ["tcx", "clsact"])]
    pub attach: Option<String>,
    /// Symbols only, no colours (also without a terminal, or with NO_COLOR set)
    #[arg(long)]
    pub no_color: bool,
    /// Print every drop, not a sample, and the enforcer's own log
    #[arg(long, short)]
    pub verbose: bool,
}

/// Address families to connect over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Families {
    /// IPv4 only.
    #[value(name = "4")]
    V4,
    /// IPv6 only.
    #[value(name = "6")]
    V6,
    /// IPv4 and IPv6.
    Both,
}

fn shop() -> PathBuf {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let folder = PathBuf::from(workspace).join("deploy/examples/shop");
    folder.canonicalize().unwrap_or(folder)
}
