//! The sockets of a network namespace by sock_diag(7), and what those of a pod say of its flows.
//!
//! A connected socket is one end of a flow; it does not say which end opened it. Where something listens at its port,
//! the flow is taken as opened from outside, else as opened by the pod.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use enforcer_common::{
    flow::{Ground, Opener},
    packet::protocol,
    tables::Ports,
};
use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN},
    inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags},
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::Known;
use crate::{model::Endpoint, netlink, tuple::FlowTuple};

/// One end of a connection.
type End = (IpAddr, u16);

/// The TCP and UDP sockets of a network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sockets {
    /// Protocol, own end, other end.
    pub connected: BTreeSet<(u8, End, End)>,
    /// Protocol and end; the address is unspecified where any will do. UDP listens where it is bound and not
    /// connected.
    pub listening: BTreeSet<(u8, End)>,
}

impl Sockets {
    /// Whether one is connected in just this way.
    #[must_use]
    pub fn has(&self, protocol: u8, own: End, other: End) -> bool {
        self.connected.contains(&(protocol, own, other))
    }

    /// Whether one listens where a connection ends. An IPv6 socket that listens at any address takes IPv4 too,
    /// as far as is known here: whether it is for IPv6 only (`IPV6_V6ONLY`) is not asked.
    fn listens(&self, protocol: u8, (address, port): End) -> bool {
        let any: &[IpAddr] = match address {
            IpAddr::V4(_) => &[Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            IpAddr::V6(_) => &[Ipv6Addr::UNSPECIFIED.into()],
        };
        any.iter().chain([&address]).any(|bound| self.listening.contains(&(protocol, (*bound, port))))
    }
}

/// What a pod's sockets say of the flows at its endpoint.
#[must_use]
pub fn flows_of_sockets(sockets: &Sockets, endpoint: &Endpoint, node: &Sockets) -> Vec<(FlowTuple, Known)> {
    let mut flows = Vec::new();
    for &(protocol, (local, local_port), (remote, remote_port)) in &sockets.connected {
        let is_own =
            endpoint.addresses.contains(&local) || endpoint.prefixes.iter().any(|net| net.contains(&local));
        // What stays inside the pod never crosses its interface: it has both ends. A prefix may hold others' too.
        let stays_inside = endpoint.addresses.contains(&remote)
            || sockets.has(protocol, (remote, remote_port), (local, local_port));
        if !is_own || stays_inside {
            continue;
        }
        let is_inbound = sockets.listens(protocol, (local, local_port));
        let is_nodes = is_inbound && node.has(protocol, (remote, remote_port), (local, local_port));
        let tuple = FlowTuple {
            interface: endpoint.interface_index,
            local,
            remote,
            ports: Ports { local: local_port, remote: remote_port },
            kind: u32::from(protocol),
        };
        let opener = if is_inbound { Opener::Remote } else { Opener::Pod };
        let ground = if is_nodes { Ground::Node } else { Ground::Rules };
        // TCP that is connected was answered; of UDP nothing can be told.
        flows.push((tuple, Known { opener, ground, answered: protocol == protocol::TCP }));
    }
    flows
}

/// The sockets of this thread's network namespace.
pub(super) fn read() -> io::Result<Sockets> {
    let mut sockets = Sockets::default();
    let open = StateFlags::ESTABLISHED
        | StateFlags::SYN_SENT
        | StateFlags::SYN_RECV
        | StateFlags::FIN_WAIT1
        | StateFlags::FIN_WAIT2
        | StateFlags::CLOSE_WAIT
        | StateFlags::LAST_ACK
        | StateFlags::CLOSING
        | StateFlags::LISTEN;
    // UDP has the states of TCP for what is connected and what is not.
    let datagrams = StateFlags::ESTABLISHED | StateFlags::CLOSE;
    for (number, states) in [(protocol::TCP, open), (protocol::UDP, datagrams)] {
        for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
            let question = InetRequest {
                family,
                protocol: number,
                extensions: ExtensionFlags::empty(),
                states: states.clone(),
                socket_id,
            };
            let _is_whole = netlink::ask(
                NETLINK_SOCK_DIAG,
                SockDiagMessage::InetRequest(question),
                NLM_F_DUMP,
                |answer| {
                    if let SockDiagMessage::InetResponse(response) = answer {
                        sockets.note(number, &response.header);
                    }
                },
            )?;
        }
    }
    Ok(sockets)
}

impl Sockets {
    fn note(&mut self, protocol: u8, header: &InetResponseHeader) {
        let id = &header.socket_id;
        // An IPv6 socket may carry IPv4.
        let own = (id.source_address.to_canonical(), id.source_port);
        let other = (id.destination_address.to_canonical(), id.destination_port);
        match (protocol, header.state) {
            (protocol::TCP, TCP_LISTEN) | (protocol::UDP, TCP_CLOSE) => {
                self.listening.insert((protocol, own));
            }
            (protocol::TCP, _) | (_, TCP_ESTABLISHED) => {
                self.connected.insert((protocol, own, other));
            }
            _ => {}
        }
    }
}
