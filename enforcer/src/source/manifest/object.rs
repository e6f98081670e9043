//! What a document is about: which object, or a List of them.

use std::fmt;

use super::tree::{Node, Tree};
use crate::model::ObjectName;

/// Kinds that are read, each in the one version that the API server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ManifestKind {
    Namespace,
    Pod,
    NetworkPolicy,
    Service,
    EndpointSlice,
    Node,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
}

impl ManifestKind {
    const ALL: [Self; 11] = [
        Self::Namespace,
        Self::Pod,
        Self::NetworkPolicy,
        Self::Service,
        Self::EndpointSlice,
        Self::Node,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::Job,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Pod => "Pod",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
        }
    }

    const fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Node | Self::Pod | Self::Service => "v1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::NetworkPolicy => "networking.k8s.io/v1",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet => "apps/v1",
            Self::Job => "batch/v1",
        }
    }
}

/// The other kinds of `networking.k8s.io/v1`.
const OTHER_NETWORKING: [&str; 4] = ["IPAddress", "Ingress", "IngressClass", "ServiceCIDR"];

/// What identifies an object of a manifest. A Namespace and a Node have an empty `name.namespace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ManifestKey {
    pub(super) kind: ManifestKind,
    pub(super) name: ObjectName,
}

impl fmt::Display for ManifestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.namespace.is_empty() {
            write!(f, "{} {}", self.kind.name(), self.name.name)
        } else {
            write!(f, "{} {}", self.kind.name(), self.name)
        }
    }
}

/// One object of a document.
#[derive(Debug)]
pub(super) enum Identified<'a> {
    /// Of a kind that is read. Without a key when its name cannot be told.
    Read { kind: ManifestKind, key: Option<ManifestKey>, tree: &'a Tree },
    /// Of another kind, `apiVersion/kind`.
    Skipped(String),
    /// Surely meant to be an object, but none that the API has: what it calls itself, the field, its line and what is wrong.
    Broken { object: Option<String>, line: u64, field: Option<&'static str>, message: String },
}

/// Names the objects of a document, Lists taken apart.
pub(super) fn identify(tree: &Tree) -> Vec<Identified<'_>> {
    let mut found = Vec::new();
    collect(tree, None, &mut found);
    found
}

/// `of_list` is what the items of a typed List are; such Lists may leave it out of their items.
fn collect<'a>(tree: &'a Tree, of_list: Option<(&str, &str)>, found: &mut Vec<Identified<'a>>) {
    let mut broken = |field: Option<&'static str>, message: &str| {
        let line = field.and_then(|field| tree.get(field)).map_or(tree.line, |value| value.line);
        let object = describe(tree, of_list.map(|(_, kind)| kind));
        found.push(Identified::Broken { object, line, field, message: message.to_owned() });
    };
    if !matches!(tree.node, Node::Mapping(_)) {
        return broken(None, "is not a Kubernetes object: it is not a mapping");
    }
    let Some(kind) = tree.text("kind").or(of_list.map(|(_, kind)| kind)) else {
        return broken(Some("kind"), "is required");
    };
    let Some(api_version) = tree.text("apiVersion").or(of_list.map(|(version, _)| version)) else {
        return broken(Some("apiVersion"), "is required");
    };
    if let Some(item_kind) = kind.strip_suffix("List") {
        let of_list = (!item_kind.is_empty()).then_some((api_version, item_kind));
        let is_list = item_kind.is_empty() || ManifestKind::ALL.iter().any(|known| known.name() == item_kind);
        match tree.get("items").map(|items| &items.node) {
            Some(Node::Sequence(items)) => {
                return items.iter().for_each(|item| collect(item, of_list, found));
            }
            Some(Node::Scalar(value)) if is_list && value.is_null() => return,
            None if is_list => return,
            Some(Node::Scalar(_) | Node::Mapping(_)) if is_list => {
                return broken(Some("items"), "is not a list");
            }
            // Somebody's own kind that happens to be called so.
            Some(Node::Scalar(_) | Node::Mapping(_)) | None => {}
        }
    }
    found.push(identify_kind(api_version, kind, tree));
}

fn identify_kind<'a>(api_version: &str, kind: &str, tree: &'a Tree) -> Identified<'a> {
    let line = tree.get("apiVersion").map_or(tree.line, |value| value.line);
    let known = ManifestKind::ALL.into_iter().find(|known| known.name() == kind);
    match known {
        Some(kind) if kind.api_version() == api_version => {
            Identified::Read { kind, key: identify_key(kind, tree), tree }
        }
        // Kinds of the same name in other API groups are other things; in Kubernetes' own groups
        // this is a version that no server serves any more, and to skip a policy would be silent.
        Some(kind) if is_own_group(api_version) => Identified::Broken {
            object: describe(tree, Some(kind.name())),
            line,
            field: Some("apiVersion"),
            message: format!(
                "{api_version:?} has no {}; the API server has it in {:?}",
                kind.name(),
                kind.api_version()
            ),
        },
        // In the group of policies a kind that does not exist is most likely a misspelt policy.
        None if api_version == ManifestKind::NetworkPolicy.api_version()
            && !OTHER_NETWORKING.contains(&kind) =>
        {
            Identified::Broken {
                object: describe(tree, Some(kind)),
                line: tree.get("kind").map_or(tree.line, |value| value.line),
                field: Some("kind"),
                message: format!("{api_version:?} has no {kind}; is it a NetworkPolicy?"),
            }
        }
        Some(_) | None => match misspelt(api_version, kind) {
            Some(meant) => Identified::Broken {
                object: describe(tree, Some(kind)),
                line: tree.line,
                field: None,
                message: format!(
                    "{api_version}/{kind} is nothing that is read; is it a {} of {:?}?",
                    meant.name(),
                    meant.api_version()
                ),
            },
            None => Identified::Skipped(format!("{api_version}/{kind}")),
        },
    }
}

/// What a kind that is not read was most likely meant to be: to skip it would take an object away without a word.
fn misspelt(api_version: &str, kind: &str) -> Option<ManifestKind> {
    let group = |version: &str| version.split_once('/').map_or("", |(group, _)| group).to_owned();
    let is_near = |word: &str, meant: &str, letters: usize| {
        word.eq_ignore_ascii_case(meant) || strsim::damerau_levenshtein(word, meant) <= letters
    };
    ManifestKind::ALL.into_iter().find(|meant| {
        let (its, theirs) = (group(meant.api_version()), group(api_version));
        // One letter of a short word is enough to make another.
        let of_kind = if meant.name().len() > 4 { 2 } else { 1 };
        let same_kind = kind == meant.name();
        let same_group = its == theirs;
        same_group && is_near(kind, meant.name(), of_kind)
            || same_kind && !its.is_empty() && is_near(&theirs, &its, 2)
            || !same_kind && kind.eq_ignore_ascii_case(meant.name()) && is_own_group(api_version)
    })
}

fn is_own_group(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    matches!(group, "" | "apps" | "batch" | "discovery.k8s.io" | "extensions" | "networking.k8s.io")
}

/// What people know an object by that has no key: its kind, if it has one, and its name.
fn describe(tree: &Tree, kind: Option<&str>) -> Option<String> {
    let metadata = tree.get("metadata")?;
    let name = metadata.text("name").filter(|name| !name.is_empty())?;
    let kind = tree.text("kind").or(kind).unwrap_or("object");
    match metadata.text("namespace").filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => Some(format!("{kind} {namespace}/{name}")),
        None => Some(format!("{kind} {name}")),
    }
}

fn identify_key(kind: ManifestKind, tree: &Tree) -> Option<ManifestKey> {
    let metadata = tree.get("metadata")?;
    let name = metadata.text("name").filter(|name| !name.is_empty())?;
    let namespace = match metadata.get("namespace") {
        _ if matches!(kind, ManifestKind::Namespace | ManifestKind::Node) => "",
        None => "default",
        Some(value) if value.is_null() => "default",
        Some(_) => metadata.text("namespace").map(|text| if text.is_empty() { "default" } else { text })?,
    };
    Some(ManifestKey { kind, name: ObjectName::new(namespace, name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_not_skipped_and_what_is_others_is() {
        let meant = |text: &str| {
            let (version, kind) = text.rsplit_once('/').unwrap_or(("", text));
            misspelt(version, kind).map(ManifestKind::name)
        };
        for (text, kind) in [
            ("networking.k8s.oi/v1/NetworkPolicy", "NetworkPolicy"),
            ("v1/networkpolicy", "NetworkPolicy"),
            ("v1/Servise", "Service"),
            ("v1/Pdo", "Pod"),
            ("v1/pod", "Pod"),
            ("apps/v1/Deploiment", "Deployment"),
            ("discovery.k8s.io/v1/EndpointSlices", "EndpointSlice"),
        ] {
            assert_eq!(meant(text), Some(kind), "{text}");
        }
        for text in [
            "crd.projectcalico.org/v1/NetworkPolicy",
            "crd.antrea.io/v1beta1/NetworkPolicy",
            "policy.networking.k8s.io/v1alpha1/AdminNetworkPolicy",
            "networking.k8s.io/v1/Ingress",
            "serving.knative.dev/v1/Service",
            "rbac.authorization.k8s.io/v1/Role",
            "batch/v1/CronJob",
            "v1/ConfigMap",
            "v1/ServiceAccount",
            "v1/Secret",
            "v1/Event",
            "v1/Endpoints",
            "v1/PodTemplate",
            "apps/v1/ControllerRevision",
        ] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
