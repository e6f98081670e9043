//! Questions to the kernel's rtnetlink(7), in the network namespace of the calling thread.

use std::{fs::File, io, net::IpAddr, os::fd::AsRawFd};

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage},
    nsid::{NsidAttribute, NsidMessage},
};
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::netlink;

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) is_veth: bool,
    /// `IFLA_LINK`: the index of a veth's other end, in that end's namespace.
    pub(super) peer_index: Option<u32>,
    /// `IFLA_LINK_NETNSID`: this namespace's number for the other end's; `None` when it is the same one.
    pub(super) peer_namespace: Option<i32>,
}

/// All interfaces of this namespace.
pub(super) fn list_links() -> io::Result<Vec<Link>> {
    let answers = ask(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
    let links = answers.into_iter().filter_map(|answer| {
        if let RouteNetlinkMessage::NewLink(message) = answer { Some(read_link(&message)) } else { None }
    });
    Ok(links.collect())
}

fn read_link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        is_veth: false,
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
            link.is_veth = infos.contains(&LinkInfo::Kind(InfoKind::Veth));
        }
    }
    link
}

/// The addresses of an interface, without those that only work on the link.
pub(super) fn list_addresses(link: u32) -> io::Result<Vec<IpAddr>> {
    let answers = ask(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
    let addresses = answers.into_iter().filter_map(|answer| {
        let RouteNetlinkMessage::NewAddress(message) = answer else { return None };
        (message.header.index == link).then(|| read_address(&message)).flatten()
    });
    Ok(addresses.filter(|address| !is_link_local(*address)).collect())
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
pub(super) fn number_namespace(namespace: &File) -> io::Result<Option<i32>> {
    let fd = u32::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?;
    let mut question = NsidMessage::default();
    question.attributes.push(NsidAttribute::Fd(fd));
    let answers = ask(RouteNetlinkMessage::GetNsId(question), 0)?;
    let number = answers.into_iter().find_map(|answer| {
        let RouteNetlinkMessage::NewNsId(message) = answer else { return None };
        // -1 stands for none.
        message.attributes.into_iter().find_map(|attribute| {
            if let NsidAttribute::Id(id) = attribute { Some(id).filter(|id| *id >= 0) } else { None }
        })
    });
    Ok(number)
}

/// Asks and collects the answers: one, or with `NLM_F_DUMP` all.
fn ask(question: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut answers = Vec::new();
    netlink::ask(NETLINK_ROUTE, question, flags, |answer| answers.push(answer))?;
    Ok(answers)
}
