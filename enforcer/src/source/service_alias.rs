//! Addresses that the administrator says stand for a Service, as `ADDRESS=NAMESPACE/NAME`.
//!
//! A node-local DNS cache answers at an address that no Service has; only the configuration can tell.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use super::convert::is_dns_label;
use crate::model::ObjectName;

/// One such address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAlias {
    /// The address.
    pub address: IpAddr,
    /// The Service that it stands for.
    pub service: ObjectName,
}

/// Why an alias cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// Not of its form.
    #[error("{0:?} is not of the form ADDRESS=NAMESPACE/NAME, such as 169.254.20.10=kube-system/kube-dns")]
    Form(String),
    /// No address before the `=`.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// No name of a Service after it.
    #[error("{0:?} is not NAMESPACE/NAME of a Service: two DNS labels, joined by '/'")]
    Service(String),
    /// One address for two Services.
    #[error("{address} is given for Service {first} and for Service {second}")]
    Twice {
        /// The address.
        address: IpAddr,
        /// The first Service.
        first: ObjectName,
        /// The second.
        second: ObjectName,
    },
}

impl FromStr for ServiceAlias {
    type Err = AliasError;

    fn from_str(text: &str) -> Result<Self, AliasError> {
        let (address, service) = text.split_once('=').ok_or_else(|| AliasError::Form(text.to_owned()))?;
        let address = address.parse().map_err(|_bad| AliasError::Address(address.to_owned()))?;
        let (namespace, name) = service
            .split_once('/')
            .filter(|(namespace, name)| is_dns_label(namespace) && is_dns_label(name))
            .ok_or_else(|| AliasError::Service(service.to_owned()))?;
        Ok(Self { address, service: ObjectName::new(namespace, name) })
    }
}

/// All aliases by their address.
///
/// # Errors
/// When one address shall stand for two Services.
pub fn collect_aliases(
    aliases: impl IntoIterator<Item = ServiceAlias>,
) -> Result<BTreeMap<IpAddr, ObjectName>, AliasError> {
    let mut collected: BTreeMap<IpAddr, ObjectName> = BTreeMap::new();
    for ServiceAlias { address, service } in aliases {
        match collected.get(&address) {
            Some(first) if *first != service => {
                return Err(AliasError::Twice { address, first: first.clone(), second: service });
            }
            Some(_) | None => collected.insert(address, service),
        };
    }
    Ok(collected)
}
