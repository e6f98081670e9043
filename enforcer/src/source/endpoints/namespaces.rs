//! Endpoints from named network namespaces: `<namespace>.<pod>`, each with one end of a veth pair.

use std::{fs, path::Path};

use nix::net::if_::if_indextoname;

use super::{
    EndpointsError, EndpointsReading,
    link::{LinkError, inspect},
};
use crate::{
    model::{Endpoint, ObjectName},
    peer::LookError,
    source::{
        Effect, Problem, Severity,
        convert::{is_dns_label, is_dns_subdomain},
    },
};

/// Looks into all namespaces of the folder whose names are a pod's.
pub(super) fn read(dir: &Path) -> Result<EndpointsReading, EndpointsError> {
    let error = |error: std::io::Error| EndpointsError::new(dir, None, error.to_string());
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(error)? {
        names.push(entry.map_err(error)?.file_name());
    }
    names.sort();
    let mut reading = EndpointsReading::default();
    for name in names {
        // Other namespaces are other people's.
        let Some(pod) = name.to_str().and_then(parse_pod) else { continue };
        let path = dir.join(&name);
        match find(&path, &pod) {
            Ok(endpoint) => {
                // It is an endpoint all the same: closed, since no source is its own. A problem makes the reader
                // come back.
                if endpoint.addresses.is_empty() {
                    reading.problems.push(Problem {
                        file: path,
                        line: None,
                        object: Some(format!("Pod {pod}")),
                        field: None,
                        message: "its interface has no address yet".to_owned(),
                        severity: Severity::Warning,
                        effect: Effect::Enforced,
                    });
                }
                reading.endpoints.push(endpoint);
            }
            Err(error) => reading.problems.push(Problem {
                file: path,
                line: None,
                object: Some(format!("Pod {pod}")),
                field: None,
                message: error.to_string(),
                severity: Severity::Error,
                effect: Effect::Nothing,
            }),
        }
    }
    reading.endpoints.sort();
    Ok(reading)
}

/// A namespace's name has no dots, a pod's may have.
fn parse_pod(name: &str) -> Option<ObjectName> {
    let (namespace, pod) = name.split_once('.')?;
    (is_dns_label(namespace) && is_dns_subdomain(pod)).then(|| ObjectName::new(namespace, pod))
}

fn find(path: &Path, pod: &ObjectName) -> Result<Endpoint, LinkError> {
    let (inside, host_index) = inspect(path)?;
    let interface = if_indextoname(host_index).map_err(|error| LookError::Ask(error.into()))?;
    Ok(Endpoint {
        pod: pod.clone(),
        interface_index: host_index,
        interface: interface.to_string_lossy().into_owned(),
        addresses: inside.addresses,
        ..Endpoint::default()
    })
}
