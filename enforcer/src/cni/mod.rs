//! The chained CNI plugin, which has a pod's programs and rules put in place before the pod's first process runs, and the
//! agent's side of it.
//!
//! `plugin` is the program `enforcer-cni`: the container runtime runs it for each pod, after the plugin that makes the
//! pod's interface. It asks the agent over a socket (`protocol`, `server`). `install` writes it into the node's
//! configuration, `keeper` keeps it there. `state` holds what the plugin told, for an agent that restarts.
//!
//! Source for everything that the runtime sees: the CNI specification 1.1.0, <https://www.cni.dev/docs/spec/>.

#[cfg(feature = "agent")]
pub mod conflist;
pub mod file;
#[cfg(feature = "agent")]
pub mod install;
#[cfg(feature = "agent")]
pub mod keeper;
pub mod plugin;
pub mod policed;
pub mod protocol;
#[cfg(feature = "agent")]
pub mod server;
pub mod settings;
pub mod spec;
#[cfg(feature = "agent")]
pub mod state;
