//! Services: as manifests for the enforcer, and as address translation on the node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;

use super::{Scene, families, manifest};
use crate::{lab::Service, oracle::Family};

/// The port of every Service; another than that of the servers behind it.
pub const SERVICE_PORT: u16 = 80;

/// A Service of TCP and UDP for the pods with a label `app` of its name.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Its name.
    pub name: &'a str,
    /// The pods behind it.
    pub backends: &'a [&'a str],
    /// Its port on the node, if it has one.
    pub node_port: Option<u16>,
}

/// The address of the Service with this place in the list.
#[must_use]
pub fn virtual_address(place: u8, family: Family) -> SocketAddr {
    let address: IpAddr = match family {
        Family::V4 => Ipv4Addr::new(10, 96, 0, place + 1).into(),
        Family::V6 => Ipv6Addr::new(0xfd96, 0, 0, 0, 0, 0, 0, u16::from(place) + 1).into(),
    };
    SocketAddr::new(address, SERVICE_PORT)
}

impl Scene {
    /// Makes these Services, and no others.
    pub fn publish(&self, services: &[Published<'_>]) -> Result<()> {
        let mut translated = Vec::new();
        let mut manifests = String::new();
        for (place, service) in (0..).zip(services) {
            let at = |family: &Family| virtual_address(place, *family);
            let addresses: Vec<String> =
                families().iter().map(|family| format!("\"{}\"", at(family).ip())).collect();
            manifests.push_str(&manifest::service(service.name, &addresses, SERVICE_PORT, service.node_port));
            for family in families() {
                let backends: Vec<SocketAddr> =
                    service.backends.iter().map(|pod| self.at(pod, family)).collect::<Result<_>>()?;
                for protocol in ["tcp", "udp"] {
                    let (at, node_port) = (at(&family), service.node_port);
                    translated.push(Service { protocol, at, node_port, backends: backends.clone() });
                }
            }
        }
        self.write("services.yaml", &manifests)?;
        self.lab.translate(&translated)
    }
}
