//! Frames as they are on the wire: sent from an interface without the kernel's help, and seen where they arrive.
//!
//! What is sent here belongs to a packet socket, and keeps it until some IP stack takes the packet in: on a bridge
//! as far as the other pod.

mod craft;
mod tap;

use std::{
    ffi::CString,
    os::fd::{AsRawFd, OwnedFd},
};

use anyhow::{Context, Result};
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{LinkAddr, MsgFlags, SockaddrLike, sendto},
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

pub use craft::{Datagram, arp, framed};
pub use tap::{Frame, Tap};

use crate::lab::Netns;

/// An interface to send from.
#[derive(Debug)]
pub struct Port {
    socket: OwnedFd,
    interface: LinkAddr,
}

impl Port {
    /// Opens an interface of a network namespace.
    pub fn open(netns: &Netns, interface: &str) -> Result<Self> {
        let interface = link(netns, interface)?;
        // No protocol: it receives nothing.
        let socket = netns.enter(|| {
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None)
                .context("no packet socket")
        })?;
        Ok(Self { socket, interface })
    }

    /// Sends a whole frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        sendto(self.socket.as_raw_fd(), frame, &self.interface, MsgFlags::empty())
            .with_context(|| format!("cannot send a frame of {} bytes", frame.len()))?;
        Ok(())
    }
}

/// The hardware address of an interface.
pub fn mac(netns: &Netns, interface: &str) -> Result<[u8; 6]> {
    link(netns, interface)?.addr().with_context(|| format!("{interface} has no hardware address"))
}

/// What the kernel calls an interface.
fn link(netns: &Netns, interface: &str) -> Result<LinkAddr> {
    let name = CString::new(interface)?;
    netns.enter(|| {
        let mut addresses = getifaddrs().context("cannot list interfaces")?;
        let found = addresses.find_map(|entry| {
            let address = entry.address.filter(|_| entry.interface_name.as_bytes() == name.as_bytes())?;
            address.as_link_addr().filter(|link| link.family().is_some()).copied()
        });
        found.with_context(|| format!("no interface {interface} in {}", netns.name()))
    })
}
