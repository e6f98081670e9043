//! The verbs, and what the runtime is told.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    agent::{Patience, ask},
    away::must_wait,
    configuration::{Configuration, version_of},
    environment::{Container, Environment},
    interface::find,
    newest,
};
use crate::cni::{
    protocol::{Answer, Attachment, AttachmentId, Call},
    settings::{Settings, WhenAgentIsAway},
    spec::{CniError, VERSIONS, addresses_of, code},
};

/// Does it, and returns what is to be printed.
pub(super) fn execute(environment: &Environment, input: &str) -> Result<String, CniError> {
    if let Environment::Version = environment {
        let version = version_of(input).unwrap_or_else(|| newest().to_owned());
        return Ok(json!({"cniVersion": version, "supportedVersions": VERSIONS}).to_string());
    }
    let configuration = Configuration::read(input)?;
    match environment {
        Environment::Add(container) => add(container, &configuration),
        Environment::Check(container) => {
            configuration.require("CHECK", "0.4.0")?;
            check(container, &configuration).map(|()| String::new())
        }
        Environment::Del(id) => {
            del(id, &configuration);
            Ok(String::new())
        }
        Environment::Gc => {
            configuration.require("GC", "1.1.0")?;
            gc(&configuration).map(|()| String::new())
        }
        Environment::Status => {
            configuration.require("STATUS", "1.1.0")?;
            status(&configuration.settings).map(|()| String::new())
        }
        Environment::Version => Ok(String::new()),
    }
}

fn add(container: &Container, configuration: &Configuration<'_>) -> Result<String, CniError> {
    let settings = &configuration.settings;
    let deadline = deadline(settings);
    let (previous, attachment) = attachment(container, configuration)?;
    let Some(attachment) = attachment else { return Ok(previous.to_owned()) };
    let namespace = attachment.pod.namespace.clone();
    match ask(&settings.socket, Call::Add(attachment), Patience::Until(deadline)) {
        Ok(Answer::Ok(_)) => Ok(previous.to_owned()),
        Ok(Answer::Error(error)) => Err(error),
        Err(error) => match must_wait(settings, &namespace) {
            Some(reason) => Err(CniError::new(
                code::LATER,
                "the enforcer of network policies does not answer",
                format!("{error} ({}); {reason}", settings.socket.display()),
            )),
            // The runtime keeps what is written to standard error in its log.
            None => {
                eprintln!(
                    "enforcer-cni: no agent answers ({error}); the pod of namespace {namespace} starts without"
                );
                Ok(previous.to_owned())
            }
        },
    }
}

fn check(container: &Container, configuration: &Configuration<'_>) -> Result<(), CniError> {
    let settings = &configuration.settings;
    let (_, Some(attachment)) = attachment(container, configuration)? else { return Ok(()) };
    match ask(&settings.socket, Call::Check(attachment), Patience::Until(deadline(settings))) {
        Ok(Answer::Ok(_)) => Ok(()),
        Ok(Answer::Error(error)) => Err(error),
        Err(error) => Err(no_agent(settings, &error)),
    }
}

fn del(id: &AttachmentId, configuration: &Configuration<'_>) {
    let settings = &configuration.settings;
    match ask(&settings.socket, Call::Del(id.clone()), Patience::Now(deadline(settings))) {
        Ok(Answer::Ok(_)) => {}
        // The agent finds out by itself that the interface is gone.
        Ok(Answer::Error(error)) => eprintln!("enforcer-cni: {error}"),
        Err(error) => eprintln!("enforcer-cni: no agent answers ({error})"),
    }
}

fn gc(configuration: &Configuration<'_>) -> Result<(), CniError> {
    let settings = &configuration.settings;
    // To take "nothing said" for "nothing left" would forget every pod.
    let valid = configuration.valid.clone().ok_or_else(|| {
        CniError::new(code::CONFIG, "the configuration lacks cni.dev/valid-attachments", "GC needs it")
    })?;
    match ask(&settings.socket, Call::Gc(valid), Patience::Now(deadline(settings))) {
        Ok(Answer::Ok(_)) => Ok(()),
        Ok(Answer::Error(error)) => Err(error),
        Err(error) => Err(no_agent(settings, &error)),
    }
}

fn status(settings: &Settings) -> Result<(), CniError> {
    match ask(&settings.socket, Call::Status, Patience::Now(deadline(settings))) {
        Ok(Answer::Ok(_)) => Ok(()),
        Ok(Answer::Error(error)) => Err(error),
        Err(error) if settings.when_agent_is_away == WhenAgentIsAway::Closed => {
            Err(CniError { code: code::UNAVAILABLE, ..no_agent(settings, &error) })
        }
        Err(error) => {
            eprintln!("enforcer-cni: no agent answers ({error})");
            Ok(())
        }
    }
}

/// The previous result, and what is to be told of the container's interface; `None` when it is no pod.
fn attachment<'a>(
    container: &Container,
    configuration: &Configuration<'a>,
) -> Result<(&'a str, Option<Attachment>), CniError> {
    let previous = configuration.previous.ok_or_else(|| {
        let details =
            "enforcer-cni must come after the plugin that makes the interface, in its list of plugins";
        CniError::new(code::CONFIG, "the configuration lacks prevResult", details)
    })?;
    let id = &container.id;
    let mut addresses = addresses_of(previous, &id.interface)?;
    let Some(pod) = container.pod.clone() else { return Ok((previous, None)) };
    let found = find(&container.netns, &id.interface)?;
    if addresses.is_empty() {
        addresses = found.addresses;
    }
    Ok((previous, Some(Attachment { id: id.clone(), pod, netns: found.netns, host: found.host, addresses })))
}

fn deadline(settings: &Settings) -> Instant {
    Instant::now() + Duration::from_secs(settings.timeout_seconds.into())
}

fn no_agent(settings: &Settings, error: &std::io::Error) -> CniError {
    let details = format!("{error} ({})", settings.socket.display());
    CniError::new(code::LATER, "the enforcer of network policies does not answer", details)
}
