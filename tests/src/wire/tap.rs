//! What arrives.

use std::{
    fmt,
    os::fd::{AsRawFd, OwnedFd},
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::socket::{LinkAddr, recvfrom},
};
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, eth, socket_with};

use crate::{lab::Netns, poll};

/// What the kernel calls a packet that is sent, not received (linux/if_packet.h).
const PACKET_OUTGOING: u8 = 4;

/// A frame, with the interface where it was seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The interface's index.
    pub interface: usize,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Listens to all that a network namespace receives.
#[derive(Debug)]
pub struct Tap {
    sockets: Vec<OwnedFd>,
    heard: Vec<Frame>,
}

impl Tap {
    /// All frames, as they come from the wire.
    pub fn open(netns: &Netns) -> Result<Self> {
        Self::listen(netns, &[eth::ALL])
    }

    /// IPv4, IPv6 and ARP that went past all programs of the interface: those who listen to one protocol are
    /// asked after them, unlike those who listen to all.
    pub fn behind_programs(netns: &Netns) -> Result<Self> {
        Self::listen(netns, &[eth::IP, eth::IPV6, eth::ARP])
    }

    fn listen(netns: &Netns, protocols: &[Protocol]) -> Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = |protocol: &Protocol| {
            socket_with(AddressFamily::PACKET, SocketType::RAW, flags, Some(*protocol))
                .context("no packet socket")
        };
        let sockets = netns.enter(|| protocols.iter().map(open).collect::<Result<_>>())?;
        Ok(Self { sockets, heard: Vec::new() })
    }

    /// All that has come so far.
    pub fn heard(&mut self) -> Result<&[Frame]> {
        let mut buffer = vec![0; 0x1_0040];
        for socket in &self.sockets {
            loop {
                match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
                    Ok((length, Some(from))) if from.pkttype() != PACKET_OUTGOING => {
                        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                        self.heard.push(Frame { interface: from.ifindex(), bytes });
                    }
                    Ok(_) => {}
                    Err(Errno::EAGAIN) => break,
                    Err(error) => return Err(error).context("a packet socket failed"),
                }
            }
        }
        Ok(&self.heard)
    }

    /// Whether such a frame has come.
    pub fn has(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<bool> {
        Ok(self.heard()?.iter().any(|frame| wanted(&frame.bytes)))
    }

    /// Waits for such a frame.
    pub fn wait(&mut self, what: &str, wanted: impl Fn(&[u8]) -> bool) -> Result<()> {
        let answer = poll::until(Duration::from_secs(10), what, || match self.has(&wanted) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        });
        answer?.with_context(|| what.to_owned())
    }

    /// Forgets what has come.
    pub fn clear(&mut self) -> Result<()> {
        self.heard()?;
        self.heard.clear();
        Ok(())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.interface)?;
        self.bytes.iter().take(96).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
