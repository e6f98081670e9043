//! `enforcer-cni`: what the container runtime runs after the plugin that made a pod's interface.
//!
//! **Which interface.** The kernel is asked, in the pod's network namespace; the names in the previous result are not
//! believed. Plugins disagree on what they list there, some list nothing, and a wrong name would put one pod's rules on
//! another's interface. No process of the pod runs yet, so what the kernel says is the main plugin's work. Addresses are
//! those of the previous result, or, where it has none, those that the interface has.
//!
//! **When no agent answers** within the time-out, a pod that is to be kept closed gets an error from ADD (code 11, try
//! again later). The kubelet tries again, the pod stays in `ContainerCreating`, and its events say why: people look
//! there first. The other way, a pod that starts with a closed interface, would be taken for a broken application: its
//! probes fail, it is restarted, and nothing points to us. Who has no policies keeps starting pods while we are away.
//! An agent that answers with an error is not away: its word counts, whatever the setting.
//!
//! **STATUS** says "not available" for an agent that is away only where no pod could start at all (`closed`). The
//! runtime makes the whole node `NotReady` of it, which takes its running pods out of their Services; a rolling update
//! of the agent must not do that.
//!
//! **DEL never fails** for what is gone, here or there: the runtime would try for ever, and the pod could not go.
//!
//! Containers that are no pod (no `K8S_POD_NAMESPACE` and `K8S_POD_NAME` in `CNI_ARGS`) have no policies and are let
//! through.

mod agent;
mod away;
mod configuration;
mod environment;
mod interface;
mod verbs;

use std::{
    env,
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use serde_json::json;

use self::environment::Environment;
use super::spec::{CniError, VERSIONS, code};

/// The longest configuration that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// Does what the environment and standard input say, as section 2 of the specification has it.
#[must_use]
pub fn main() -> ExitCode {
    let mut input = String::new();
    let outcome = io::stdin()
        .take(LONGEST)
        .read_to_string(&mut input)
        .map_err(|error| CniError::new(code::IO, "cannot read the configuration", error))
        .and_then(|_| Environment::read(|name| env::var(name).ok()))
        .and_then(|environment| verbs::execute(&environment, &input));
    let (text, exit) = match outcome {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (show(&error, &input), ExitCode::FAILURE),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => exit,
        Err(_) => ExitCode::FAILURE,
    }
}

/// An error in the version of the configuration, or, where that cannot be told, in our newest.
fn show(error: &CniError, input: &str) -> String {
    let version = configuration::version_of(input).unwrap_or_else(|| newest().to_owned());
    json!({"cniVersion": version, "code": error.code, "msg": error.msg, "details": error.details}).to_string()
}

fn newest() -> &'static str {
    let [.., newest] = VERSIONS;
    newest
}
