//! Endpoints from a file:
//!
//! ```yaml
//! endpoints:
//! - pod: shop/cart-0        # namespace/name
//!   interface: vethcart0    # host-side interface, in the agent's network namespace
//!   addresses: [10.96.0.5, "fd00::5"]
//!   prefixes: ["fd00:5::/64"]    # every address in them is the pod's own (optional)
//!   anySource: true         # no check of its addresses: it routes for others (optional)
//!   dhcp: true              # its addresses are leased by DHCP (optional)
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
};

use ipnet::IpNet;
use nix::net::if_::if_nametoindex;
use serde::Deserialize;
use thiserror::Error;

use super::{EndpointsError, EndpointsReading};
use crate::{
    model::{Endpoint, Identity, ObjectName},
    source::{
        Effect, Problem, Severity,
        convert::{Field, Findings, is_dns_label, is_dns_subdomain},
        manifest::{Node, Tree, decode_typed, parse_documents, read_text},
    },
};

/// What a file as a whole must look like.
const FORM: &str =
    "the form is `endpoints: [{pod: NAMESPACE/NAME, interface: HOST-SIDE, addresses: [ADDRESS]}]`";
/// Fields that every Kubernetes object has, and none of ours.
const OF_MANIFESTS: [&str; 2] = ["apiVersion", "kind"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    pod: String,
    interface: String,
    addresses: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    any_source: bool,
    #[serde(default)]
    dhcp: bool,
}

/// What is wrong with an entry.
#[derive(Debug, PartialEq, Eq, Error)]
enum EntryError {
    #[error("{0:?} is not a pod's namespace/name")]
    Pod(String),
    #[error("there is no interface {0:?} in this network namespace: {1}")]
    Interface(String, nix::Error),
    #[error("{0:?} is not an IP address")]
    Address(String),
    #[error("{0} is an IPv4-mapped IPv6 address; write it as IPv4")]
    Ipv4Mapped(IpAddr),
    #[error("{0:?} is not a CIDR")]
    Prefix(String),
    #[error("{0} is an IPv4-mapped IPv6 prefix; write it as IPv4")]
    Ipv4MappedPrefix(IpNet),
    #[error("prefix {0} overlaps {1} of pod {2} (endpoints[{3}])")]
    PrefixTwice(IpNet, IpNet, ObjectName, usize),
    #[error("prefix {0} holds {1} of pod {2} (endpoints[{3}])")]
    PrefixHolds(IpNet, IpAddr, ObjectName, usize),
    #[error("address {0} lies in {1} of pod {2} (endpoints[{3}])")]
    AddressHeld(IpAddr, IpNet, ObjectName, usize),
    #[error("pod {0} has the entry endpoints[{1}] already")]
    PodTwice(ObjectName, usize),
    #[error("interface {0:?} is that of pod {1} already (endpoints[{2}])")]
    InterfaceTwice(String, ObjectName, usize),
    #[error("address {0} is that of pod {1} already (endpoints[{2}])")]
    AddressTwice(IpAddr, ObjectName, usize),
}

type Fault = (Field, EntryError);

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<EndpointsReading, EndpointsError> {
    let text = read_text(path).map_err(|error| EndpointsError::new(path, None, error.to_string()))?;
    parse(path, &text, if_nametoindex)
}

/// Parses the text; `resolve` gives the index of an interface.
fn parse(
    path: &Path,
    text: &str,
    resolve: impl Fn(&str) -> Result<u32, nix::Error>,
) -> Result<EndpointsReading, EndpointsError> {
    let mut entries = Vec::new();
    for document in parse_documents(text) {
        let tree = document.map_err(|error| {
            EndpointsError::new(path, Some(error.line), format!("is not YAML: {}", error.message))
        })?;
        entries.extend(list_entries(path, tree)?);
    }
    let mut reading = EndpointsReading::default();
    let mut accepted = Accepted::default();
    for (index, tree) in entries.iter().enumerate() {
        let mut problem = |field: &Field, message: String, pod: Option<&str>| {
            reading.problems.push(Problem {
                file: path.to_owned(),
                line: Some(tree.line_of(field)),
                object: pod.map(|pod| format!("Pod {pod}")),
                field: Some(Field::root("endpoints").index(index).append(field).to_string()),
                message,
                severity: Severity::Error,
                effect: Effect::Nothing,
            });
        };
        let pod = tree.text("pod");
        let mut findings = Findings::default();
        let entry = decode_typed::<Entry>(tree.to_value(), Severity::Error, &mut findings);
        for finding in findings.iter() {
            problem(&finding.field, finding.fault.to_string(), pod);
        }
        let Some(entry) = entry.filter(|_| !findings.refuses()) else { continue };
        match convert(&entry, &resolve).and_then(|endpoint| accepted.admit(index, endpoint)) {
            Ok(()) => {}
            Err(faults) => {
                faults.into_iter().for_each(|(field, error)| problem(&field, error.to_string(), pod));
            }
        }
    }
    reading.endpoints = accepted.endpoints.into_values().collect();
    Ok(reading)
}

fn list_entries(path: &Path, tree: Tree) -> Result<Vec<Tree>, EndpointsError> {
    let shape =
        |line: u64, message: &str| EndpointsError::new(path, Some(line), format!("{message}; {FORM}"));
    let line = tree.line;
    let Node::Mapping(fields) = tree.node else {
        return Err(shape(line, "is not a mapping with the field endpoints"));
    };
    if fields.iter().any(|(name, ..)| OF_MANIFESTS.contains(&name.as_str())) {
        return Err(shape(line, "is a Kubernetes manifest, no list of endpoints"));
    }
    let mut entries = Vec::new();
    for (name, line, value) in fields {
        match value.node {
            _ if name != "endpoints" => return Err(shape(line, &format!("{name}: unknown field"))),
            Node::Sequence(items) => entries.extend(items),
            Node::Scalar(value) if value.is_null() => {}
            Node::Scalar(_) | Node::Mapping(_) => return Err(shape(line, "endpoints: is not a list")),
        }
    }
    Ok(entries)
}

fn convert(entry: &Entry, resolve: impl Fn(&str) -> Result<u32, nix::Error>) -> Result<Endpoint, Vec<Fault>> {
    let mut faults = Vec::new();
    let pod = match entry.pod.split_once('/') {
        Some((namespace, name)) if is_dns_label(namespace) && is_dns_subdomain(name) => {
            ObjectName::new(namespace, name)
        }
        Some(_) | None => {
            faults.push((Field::root("pod"), EntryError::Pod(entry.pod.clone())));
            ObjectName::default()
        }
    };
    let mut addresses = BTreeSet::new();
    for (index, written) in entry.addresses.iter().enumerate() {
        let field = Field::root("addresses").index(index);
        match written.parse::<IpAddr>() {
            Ok(address) if address.to_canonical() != address => {
                faults.push((field, EntryError::Ipv4Mapped(address)));
            }
            Ok(address) => {
                addresses.insert(address);
            }
            Err(_) => faults.push((field, EntryError::Address(written.clone()))),
        }
    }
    let mut prefixes = BTreeSet::new();
    for (index, written) in entry.prefixes.iter().enumerate() {
        let field = Field::root("prefixes").index(index);
        match written.parse::<IpNet>() {
            Ok(prefix) if is_ipv4_mapped(prefix) => {
                faults.push((field, EntryError::Ipv4MappedPrefix(prefix)))
            }
            Ok(prefix) => {
                prefixes.insert(prefix.trunc());
            }
            Err(_) => faults.push((field, EntryError::Prefix(written.clone()))),
        }
    }
    let &Entry { any_source, dhcp, .. } = entry;
    let interface = entry.interface.clone();
    match resolve(&interface) {
        Ok(interface_index) if faults.is_empty() => {
            let identity = Identity::Name;
            return Ok(Endpoint {
                pod,
                identity,
                interface_index,
                interface,
                addresses,
                prefixes,
                any_source,
                dhcp,
            });
        }
        Ok(_) => {}
        Err(error) => faults.push((Field::root("interface"), EntryError::Interface(interface, error))),
    }
    Err(faults)
}

/// ::ffff:0:0/96 and what lies in it.
fn is_ipv4_mapped(prefix: IpNet) -> bool {
    prefix.prefix_len() >= 96 && prefix.network().to_canonical() != prefix.network()
}

/// The good entries so far, and where each of their parts was first named.
#[derive(Debug, Default)]
struct Accepted {
    endpoints: BTreeMap<ObjectName, Endpoint>,
    entries: BTreeMap<ObjectName, usize>,
}

impl Accepted {
    /// Takes an endpoint, unless it claims what an earlier one has.
    fn admit(&mut self, index: usize, endpoint: Endpoint) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        for (pod, other) in &self.endpoints {
            let entry = self.entries.get(pod).copied().unwrap_or_default();
            if *pod == endpoint.pod {
                faults.push((Field::root("pod"), EntryError::PodTwice(pod.clone(), entry)));
            }
            if other.interface_index == endpoint.interface_index {
                let error = EntryError::InterfaceTwice(endpoint.interface.clone(), pod.clone(), entry);
                faults.push((Field::root("interface"), error));
            }
            for address in other.addresses.intersection(&endpoint.addresses) {
                let error = EntryError::AddressTwice(*address, pod.clone(), entry);
                faults.push((Field::root("addresses"), error));
            }
            faults.extend(shared_prefixes(&endpoint, pod, other, entry));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        self.entries.insert(endpoint.pod.clone(), index);
        self.endpoints.insert(endpoint.pod.clone(), endpoint);
        Ok(())
    }
}

/// What an endpoint's prefixes and addresses share with those of the pod of an earlier entry: an address has one owner.
fn shared_prefixes(endpoint: &Endpoint, pod: &ObjectName, other: &Endpoint, entry: usize) -> Vec<Fault> {
    let at_prefixes = || Field::root("prefixes");
    let mut faults = Vec::new();
    for mine in &endpoint.prefixes {
        let overlapping =
            other.prefixes.iter().filter(|theirs| mine.contains(*theirs) || theirs.contains(mine));
        faults.extend(
            overlapping
                .map(|theirs| (at_prefixes(), EntryError::PrefixTwice(*mine, *theirs, pod.clone(), entry))),
        );
        let held = other.addresses.iter().filter(|address| mine.contains(*address));
        faults.extend(
            held.map(|address| (at_prefixes(), EntryError::PrefixHolds(*mine, *address, pod.clone(), entry))),
        );
    }
    for address in &endpoint.addresses {
        let holding = other.prefixes.iter().filter(|theirs| theirs.contains(address));
        faults.extend(holding.map(|theirs| {
            (Field::root("addresses"), EntryError::AddressHeld(*address, *theirs, pod.clone(), entry))
        }));
    }
    faults
}
