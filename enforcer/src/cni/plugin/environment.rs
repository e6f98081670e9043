//! What the runtime says in environment variables.

use std::path::PathBuf;

use crate::cni::{
    protocol::{AttachmentId, PodIdentity},
    spec::{CniError, code},
};

/// What the runtime wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Environment {
    Add(Container),
    Check(Container),
    Del(AttachmentId),
    Gc,
    Status,
    Version,
}

/// The container of an ADD or CHECK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) id: AttachmentId,
    /// `CNI_NETNS`
    pub(super) netns: PathBuf,
    /// `None`: it is no pod.
    pub(super) pod: Option<PodIdentity>,
}

impl Environment {
    /// Reads the variables of the command.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CniError> {
        let required = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                CniError::new(code::ENVIRONMENT, format!("the variable {name} is missing"), "")
            })
        };
        let id = || {
            Ok(AttachmentId { container: required("CNI_CONTAINERID")?, interface: required("CNI_IFNAME")? })
        };
        let container = || {
            let pod = pod(&variable("CNI_ARGS").unwrap_or_default())?;
            Ok(Container { id: id()?, netns: required("CNI_NETNS")?.into(), pod })
        };
        match required("CNI_COMMAND")?.as_str() {
            "ADD" => container().map(Self::Add),
            "CHECK" => container().map(Self::Check),
            "DEL" => id().map(Self::Del),
            "GC" => Ok(Self::Gc),
            "STATUS" => Ok(Self::Status),
            "VERSION" => Ok(Self::Version),
            other => {
                let msg = format!("the variable CNI_COMMAND is {other:?}");
                Err(CniError::new(code::ENVIRONMENT, msg, "known: ADD, DEL, CHECK, GC, STATUS, VERSION"))
            }
        }
    }
}

/// The Kubernetes arguments: `KEY=value;KEY=value`. Others are for other plugins.
fn pod(arguments: &str) -> Result<Option<PodIdentity>, CniError> {
    let argument = |name: &str| {
        let mut pairs = arguments.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
            .filter(|value| !value.is_empty())
    };
    match (argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME")) {
        (Some(namespace), Some(name)) => {
            Ok(Some(PodIdentity { namespace, name, uid: argument("K8S_POD_UID") }))
        }
        (None, None) => Ok(None),
        // Whose rules it has cannot be told, and to let it through would be a guess.
        (Some(_), None) | (None, Some(_)) => Err(CniError::new(
            code::ENVIRONMENT,
            "the variable CNI_ARGS names a pod in part",
            "K8S_POD_NAMESPACE and K8S_POD_NAME belong together",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Environment, CniError> {
        Environment::read(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const FULL: [(&str, &str); 5] = [
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_NETNS", "/run/netns/a"),
        ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_UID=u-1"),
    ];

    #[test]
    fn a_pod_is_named_by_the_arguments() -> Result<(), CniError> {
        let pod = PodIdentity {
            namespace: "shop".to_owned(),
            name: "cart-0".to_owned(),
            uid: Some("u-1".to_owned()),
        };
        let id = AttachmentId { container: "c1".to_owned(), interface: "eth0".to_owned() };
        let wanted = Container { id, netns: "/run/netns/a".into(), pod: Some(pod) };
        assert_eq!(read(&FULL)?, Environment::Add(wanted));
        let [command, container, interface, netns, _] = FULL;
        let with = |arguments| read(&[command, container, interface, netns, ("CNI_ARGS", arguments)]);
        assert!(matches!(with("IgnoreUnknown=1")?, Environment::Add(Container { pod: None, .. })));
        assert_eq!(with("K8S_POD_NAME=cart-0").map_err(|error| error.code), Err(code::ENVIRONMENT));
        Ok(())
    }

    #[test]
    fn what_a_command_needs_must_be_there() {
        for (command, without, fails) in [
            ("ADD", "CNI_NETNS", true),
            ("ADD", "CNI_ARGS", false),
            ("CHECK", "CNI_NETNS", true),
            ("DEL", "CNI_NETNS", false),
            ("DEL", "CNI_CONTAINERID", true),
            ("DEL", "CNI_IFNAME", true),
            ("GC", "CNI_CONTAINERID", false),
            ("STATUS", "CNI_IFNAME", false),
            ("VERSION", "CNI_NETNS", false),
            ("ATTACH", "", true),
        ] {
            let [_, rest @ ..] = FULL;
            let mut pairs = vec![("CNI_COMMAND", command)];
            pairs.extend(rest.into_iter().filter(|(name, _)| *name != without));
            let error = read(&pairs).map_err(|error| error.code).err();
            assert_eq!(error, fails.then_some(code::ENVIRONMENT), "{command} without {without}");
        }
        assert!(read(&[]).is_err());
    }
}
