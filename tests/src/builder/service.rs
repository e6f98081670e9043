//! Services and slices of their backends.

use enforcer::model::{
    AddressType, EndpointSlice, Protocol, Service, ServiceKind, ServicePort, SliceEndpoint, SlicePort,
    TargetPort,
};

use super::{
    cluster::{parse_addresses, parse_labels},
    name,
};

/// A Service of type `ClusterIP` with these addresses, no ports and no selector yet.
#[must_use]
pub fn service<const N: usize>(text: &str, cluster_ips: [&str; N]) -> ServiceBuilder {
    let cluster_ips = parse_addresses(cluster_ips);
    ServiceBuilder { service: Service { name: name(text), cluster_ips, ..Service::default() } }
}

/// A Service in the making.
#[derive(Debug, Clone)]
pub struct ServiceBuilder {
    service: Service,
}

impl ServiceBuilder {
    /// `selector`
    #[must_use]
    pub fn select<const N: usize>(mut self, labels: [(&str, &str); N]) -> Self {
        self.service.selector = Some(parse_labels(labels));
        self
    }

    /// A TCP port that leads to another number.
    #[must_use]
    pub fn tcp(self, port: u16, target: u16) -> Self {
        self.port(port, TargetPort::Number(target))
    }

    /// A TCP port that leads to what each backend calls so.
    #[must_use]
    pub fn tcp_named(self, port: u16, target: &str) -> Self {
        self.port(port, TargetPort::Name(target.to_owned()))
    }

    /// Something else about it.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(&mut self.service);
        self
    }

    /// Type `NodePort`: the last port is also a port of every node.
    ///
    /// # Panics
    /// Without a port.
    #[must_use]
    pub fn node_port(mut self, number: u16) -> Self {
        self.service.kind = ServiceKind::NodePort;
        self.service.ports.last_mut().expect("the Service has a port").node_port = Some(number);
        self
    }

    fn port(mut self, port: u16, target: TargetPort) -> Self {
        self.service.ports.push(ServicePort {
            name: None,
            protocol: Protocol::Tcp,
            port,
            target,
            node_port: None,
        });
        self
    }
}

impl From<ServiceBuilder> for Service {
    fn from(builder: ServiceBuilder) -> Self {
        builder.service
    }
}

/// A slice of IPv4 backends at one TCP port of a Service of the same namespace.
#[must_use]
pub fn slice(text: &str, service: &str, port: Option<u16>) -> SliceBuilder {
    SliceBuilder {
        slice: EndpointSlice {
            name: name(text),
            service: Some(service.to_owned()),
            address_type: AddressType::Ipv4,
            endpoints: Vec::new(),
            ports: vec![SlicePort { name: None, protocol: Protocol::Tcp, port }],
        },
    }
}

/// A slice in the making.
#[derive(Debug, Clone)]
pub struct SliceBuilder {
    slice: EndpointSlice,
}

impl SliceBuilder {
    /// A backend that is ready.
    #[must_use]
    pub fn ready(self, address: &str) -> Self {
        self.endpoint(address, [true, true, false])
    }

    /// A backend that serves while it ends.
    #[must_use]
    pub fn ending(self, address: &str) -> Self {
        self.endpoint(address, [false, true, true])
    }

    /// A backend that does not serve.
    #[must_use]
    pub fn unready(self, address: &str) -> Self {
        self.endpoint(address, [false, false, false])
    }

    fn endpoint(mut self, address: &str, [ready, serving, terminating]: [bool; 3]) -> Self {
        let addresses = parse_addresses([address]);
        self.slice.endpoints.push(SliceEndpoint { addresses, ready, serving, terminating });
        self
    }
}

impl From<SliceBuilder> for EndpointSlice {
    fn from(builder: SliceBuilder) -> Self {
        builder.slice
    }
}
