//! What the CNI specification fixes: versions, error codes, the parts of results and configurations that we read.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// The versions in which we speak, oldest first. The form of results did not change between the first and the last but
/// in fields that we pass through.
pub const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Error codes of section 5, "Error"; all but the codes from 100 are the specification's.
pub mod code {
    /// Incompatible CNI version.
    pub const VERSION: u32 = 1;
    /// Invalid necessary environment variables.
    pub const ENVIRONMENT: u32 = 4;
    /// I/O failure.
    pub const IO: u32 = 5;
    /// Failed to decode content.
    pub const DECODE: u32 = 6;
    /// Invalid network config.
    pub const CONFIG: u32 = 7;
    /// Try again later.
    pub const LATER: u32 = 11;
    /// The plugin is not available: it cannot serve ADD.
    pub const UNAVAILABLE: u32 = 50;
    /// As before, and containers that exist may have limited connectivity.
    pub const LIMITED: u32 = 51;
    /// Ours: the pod's interface is not as ADD left it.
    pub const CHANGED: u32 = 100;
}

/// An error as the runtime, and with it the pod's events, shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{msg}{}{details}", if details.is_empty() { "" } else { ": " })]
pub struct CniError {
    /// See [`code`].
    pub code: u32,
    /// A short sentence.
    pub msg: String,
    /// The reason, with what to do; may be empty.
    #[serde(default)]
    pub details: String,
}

impl CniError {
    /// With a short sentence and a reason.
    pub fn new(code: u32, msg: impl Into<String>, details: impl fmt::Display) -> Self {
        Self { code, msg: msg.into(), details: details.to_string() }
    }
}

/// The part of a previous plugin's result that tells the pod's addresses (section "ADD Success").
#[derive(Debug, Default, Deserialize)]
struct PreviousResult {
    #[serde(default)]
    interfaces: Vec<Interface>,
    #[serde(default)]
    ips: Vec<Ip>,
}

#[derive(Debug, Deserialize)]
struct Interface {
    name: String,
    /// The container's network namespace; empty for one of the host's.
    #[serde(default)]
    sandbox: String,
}

#[derive(Debug, Deserialize)]
struct Ip {
    /// In CIDR notation.
    address: String,
    /// Position in `interfaces`.
    interface: Option<i64>,
}

/// The addresses that a previous result gives to the interface of this name in the container. One that names no
/// interface is taken for it.
///
/// # Errors
/// When the text is no result.
pub fn addresses_of(previous: &str, interface: &str) -> Result<BTreeSet<IpAddr>, CniError> {
    let undecodable =
        |why: &dyn fmt::Display| CniError::new(code::DECODE, "prevResult is no result of a plugin", why);
    let result: PreviousResult = serde_json::from_str(previous).map_err(|error| undecodable(&error))?;
    let is_ours = |ip: &Ip| {
        let position = ip.interface.and_then(|position| usize::try_from(position).ok());
        let named = position.and_then(|position| result.interfaces.get(position));
        named.is_none_or(|named| named.name == interface && !named.sandbox.is_empty())
    };
    let mut addresses = BTreeSet::new();
    for ip in result.ips.iter().filter(|ip| is_ours(ip)) {
        let address = ip.address.split_once('/').map_or(ip.address.as_str(), |(address, _)| address);
        let address: IpAddr =
            address.parse().map_err(|_| undecodable(&format!("{:?} is no address", ip.address)))?;
        addresses.insert(address.to_canonical());
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(previous: &str) -> Result<Vec<String>, CniError> {
        Ok(addresses_of(previous, "eth0")?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn addresses_are_those_of_the_containers_interface() -> Result<(), CniError> {
        let bridge = r#"{"cniVersion": "1.0.0", "interfaces": [{"name": "cni0", "mac": "x"}, {"name": "veth1"},
            {"name": "eth0", "sandbox": "/run/netns/a"}, {"name": "net1", "sandbox": "/run/netns/a"}],
            "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1", "interface": 2}, {"address": "fd00::2/64"},
            {"address": "10.2.0.9/24", "interface": 3}, {"address": "10.1.0.1/24", "interface": 0}], "dns": {}}"#;
        assert_eq!(addresses(bridge)?, ["10.1.0.2", "fd00::2"]);
        assert!(addresses(r#"{"cniVersion": "1.0.0"}"#)?.is_empty());
        // A position that leads nowhere says nothing.
        assert_eq!(addresses(r#"{"ips": [{"address": "10.1.0.2/32", "interface": 7}]}"#)?, ["10.1.0.2"]);
        Ok(())
    }

    #[test]
    fn what_is_no_result_is_named() {
        for text in ["7", r#"{"ips": [{"address": "10.1.0/24"}]}"#, r#"{"ips": 7}"#] {
            assert_eq!(addresses(text).map_err(|error| error.code), Err(code::DECODE), "{text}");
        }
    }
}
