//! Questions to the kernel's rtnetlink(7), in the network namespace of the calling thread.

#[cfg(feature = "agent")]
mod filter;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    net::IpAddr,
    os::fd::AsRawFd,
};

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    nsid::{NsidAttribute, NsidMessage},
};
use netlink_sys::protocols::NETLINK_ROUTE;

#[cfg(feature = "agent")]
pub(crate) use filter::{Filter, list_filters};

use crate::netlink;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) is_loopback: bool,
    /// `IFLA_INFO_KIND`: `veth`, `netkit`, `ipvlan`; `None` for hardware.
    pub(crate) kind: Option<String>,
    /// `IFLA_LINK`: the index of the other end of a pair, or of the device below, in that one's namespace.
    pub(crate) peer_index: Option<u32>,
    /// `IFLA_LINK_NETNSID`: this namespace's number for the other end's; `None` when it is the same one.
    pub(crate) peer_namespace: Option<i32>,
}

impl Link {
    /// Whether it is one end of a veth pair.
    pub(crate) fn is_veth(&self) -> bool {
        self.kind.as_deref() == Some("veth")
    }
}

/// All interfaces of this namespace.
pub(crate) fn list_links() -> io::Result<Vec<Link>> {
    let answers = ask(&RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
    let links = answers.into_iter().filter_map(|answer| {
        if let RouteNetlinkMessage::NewLink(message) = answer { Some(read_link(&message)) } else { None }
    });
    Ok(links.collect())
}

fn read_link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        is_loopback: message.header.flags.contains(LinkFlags::Loopback),
        kind: None,
        peer_index: None,
        peer_namespace: None,
    };
    for attribute in &message.attributes {
        if let LinkAttribute::IfName(name) = attribute {
            link.name.clone_from(name);
        } else if let LinkAttribute::Link(index) = attribute {
            link.peer_index = Some(*index);
        } else if let LinkAttribute::LinkNetNsId(id) = attribute {
            link.peer_namespace = Some(*id);
        } else if let LinkAttribute::LinkInfo(infos) = attribute {
            link.kind = infos
                .iter()
                .find_map(|info| if let LinkInfo::Kind(kind) = info { Some(kind.to_string()) } else { None });
        }
    }
    link
}

/// The addresses of this namespace's interfaces, by index, without those that only work on the link.
pub(crate) fn list_addresses() -> io::Result<BTreeMap<u32, BTreeSet<IpAddr>>> {
    let answers = ask(&RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
    let mut addresses: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
    for answer in answers {
        if let RouteNetlinkMessage::NewAddress(message) = answer
            && let Some(address) = read_address(&message).filter(|address| !is_link_local(*address))
        {
            addresses.entry(message.header.index).or_default().insert(address);
        }
    }
    Ok(addresses)
}

/// `IFA_LOCAL` is the interface's own address; IPv6 has it in `IFA_ADDRESS`, which for a
/// point-to-point IPv4 address is the other side's.
fn read_address(message: &AddressMessage) -> Option<IpAddr> {
    let mut address = None;
    for attribute in &message.attributes {
        if let AddressAttribute::Local(local) = attribute {
            return Some(*local);
        }
        if let AddressAttribute::Address(other) = attribute {
            address = Some(*other);
        }
    }
    address
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_loopback(),
    }
}

/// This namespace's number for another one; `None` while it has none.
pub(crate) fn number_namespace(namespace: &File) -> io::Result<Option<i32>> {
    let fd = u32::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?;
    let mut question = NsidMessage::default();
    question.attributes.push(NsidAttribute::Fd(fd));
    let answers = ask(&RouteNetlinkMessage::GetNsId(question), 0)?;
    let number = answers.into_iter().find_map(|answer| {
        let RouteNetlinkMessage::NewNsId(message) = answer else { return None };
        // -1 stands for none.
        message.attributes.into_iter().find_map(|attribute| {
            if let NsidAttribute::Id(id) = attribute { Some(id).filter(|id| *id >= 0) } else { None }
        })
    });
    Ok(number)
}

/// Asks and collects the answers: one, or with `NLM_F_DUMP` all, of one moment. While pods come and go by the dozen a dump may
/// have to be asked for again.
fn ask(question: &RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let mut answers = Vec::new();
        if netlink::ask(NETLINK_ROUTE, question.clone(), flags, |answer| answers.push(answer))? {
            return Ok(answers);
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "interfaces come and go faster than they can be listed"))
}
