//! Inside a virtual machine of `cargo xtask vm`: the first process, which runs commands and reports to the host.

pub mod init;
mod loopback;
mod mounts;
pub mod report;
mod run;
mod wire;
