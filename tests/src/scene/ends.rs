//! Both ends of a flow between two namespaces, in the hands of a test: so either of them may be the first to speak.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use anyhow::{Context, Result, bail, ensure};
use enforcer::model::Protocol;

use super::DEADLINE;
use crate::{lab::Netns, poll};

/// A connection, or two sockets that are connected to each other.
#[derive(Debug)]
pub struct Ends {
    opener: End,
    target: End,
    /// Something goes on listening at the target's port, as a server's does.
    _listener: Option<TcpListener>,
    said: u32,
}

#[derive(Debug)]
enum End {
    Stream(TcpStream),
    Datagrams(UdpSocket),
}

/// Which end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The end that opened the flow.
    Opener,
    /// The other.
    Target,
}

impl Ends {
    /// Opens a flow from one namespace to an address of another, at `via` where that is translated to it. The first
    /// words go both ways.
    pub fn open(
        protocol: Protocol,
        from: &Netns,
        (to, address): (&Netns, SocketAddr),
        via: SocketAddr,
    ) -> Result<Self> {
        let mut ends = match protocol {
            Protocol::Tcp => Self::streams(from, to, address, via)?,
            Protocol::Udp => Self::datagrams(from, to, address, via)?,
            Protocol::Sctp => bail!("there is no SCTP here"),
        };
        ensure!(ends.delivers(Speaker::Opener)? && ends.delivers(Speaker::Target)?, "no way to {via}");
        Ok(ends)
    }

    fn streams(from: &Netns, to: &Netns, address: SocketAddr, via: SocketAddr) -> Result<Self> {
        let listener = to.enter(|| TcpListener::bind(address).context("cannot listen"))?;
        let opener = from.enter(|| {
            TcpStream::connect_timeout(&via, DEADLINE).with_context(|| format!("no way to {via}"))
        })?;
        let (target, _) = listener.accept()?;
        for stream in [&opener, &target] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        let (opener, target) = (End::Stream(opener), End::Stream(target));
        Ok(Self { opener, target, _listener: Some(listener), said: 0 })
    }

    fn datagrams(from: &Netns, to: &Netns, address: SocketAddr, via: SocketAddr) -> Result<Self> {
        let target = to.enter(|| UdpSocket::bind(address).context("cannot bind"))?;
        let any: IpAddr = if via.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
        let opener = from.enter(|| {
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(via)?;
            Ok(socket)
        })?;
        opener.send(b"hello")?;
        target.set_read_timeout(Some(DEADLINE))?;
        let (_, seen) = target.recv_from(&mut [0; 64]).with_context(|| format!("no way to {via}"))?;
        target.connect(seen)?;
        for socket in [&opener, &target] {
            socket.set_nonblocking(true)?;
        }
        let (opener, target) = (End::Datagrams(opener), End::Datagrams(target));
        Ok(Self { opener, target, _listener: None, said: 0 })
    }

    /// One end speaks; without waiting for the other to hear.
    pub fn say(&mut self, speaker: Speaker) -> Result<()> {
        self.said += 1;
        let word = self.said.to_be_bytes();
        let end = if speaker == Speaker::Opener { &mut self.opener } else { &mut self.target };
        match end {
            End::Stream(stream) => stream.write_all(&word).context("cannot send"),
            End::Datagrams(socket) => socket.send(&word).map(drop).context("cannot send"),
        }
    }

    /// What the other end has heard by now.
    pub fn hear(&mut self, speaker: Speaker) -> Result<usize> {
        let end = if speaker == Speaker::Opener { &mut self.target } else { &mut self.opener };
        let mut buffer = [0; 256];
        let heard = match end {
            End::Stream(stream) => stream.read(&mut buffer),
            End::Datagrams(socket) => socket.recv(&mut buffer),
        };
        match heard {
            Ok(0) => bail!("the flow was ended"),
            Ok(length) => Ok(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).context("the flow broke"),
        }
    }

    /// Whether what one end says reaches the other within the deadline.
    pub fn delivers(&mut self, speaker: Speaker) -> Result<bool> {
        self.say(speaker)?;
        let heard = poll::until(DEADLINE, "the other end hears it", || match self.hear(speaker) {
            Ok(0) => None,
            other => Some(other),
        });
        match heard {
            Ok(result) => result.map(|length| length > 0),
            Err(_) => Ok(false),
        }
    }
}
