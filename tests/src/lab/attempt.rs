//! One attempt to connect, without blocking, so that a thread can have many under way.

use std::{
    io::{self, ErrorKind, Read},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use anyhow::{Context, Result, bail};
use enforcer::model::Protocol;
use nix::{
    errno::Errno,
    poll::PollFlags,
    sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket},
};

use super::{Outcome, Probe};

/// An attempt under way.
pub(super) struct Attempt {
    stage: Stage,
    heard: Vec<u8>,
}

enum Stage {
    Connecting(TcpStream),
    Listening(TcpStream),
    Asked(UdpSocket),
}

/// An attempt just started, or its end when that came at once.
pub(super) enum Started {
    UnderWay(Attempt),
    Over(Outcome),
}

impl Attempt {
    /// Must be called inside the source's network namespace.
    pub(super) fn start(probe: &Probe) -> Result<Started> {
        let begun = match probe.protocol {
            Protocol::Tcp => begin_tcp(probe.to).map(Stage::Connecting),
            Protocol::Udp => begin_udp(probe.to).map(Stage::Asked),
            Protocol::Sctp => bail!("SCTP is not probed"),
        };
        match begun {
            Ok(stage) => Ok(Started::UnderWay(Self { stage, heard: Vec::new() })),
            Err(error) => Ok(Started::Over(failure(error)?)),
        }
    }

    /// What to poll for.
    pub(super) fn awaited(&self) -> PollFlags {
        match self.stage {
            Stage::Connecting(_) => PollFlags::POLLOUT,
            Stage::Listening(_) | Stage::Asked(_) => PollFlags::POLLIN,
        }
    }

    /// Goes on after the socket became ready.
    pub(super) fn advance(mut self) -> Result<Started> {
        let mut buffer = [0; 1024];
        let read = match &mut self.stage {
            Stage::Connecting(stream) => match stream.take_error()? {
                Some(error) => return Ok(Started::Over(failure(error)?)),
                None => Err(ErrorKind::WouldBlock.into()),
            },
            Stage::Listening(stream) => stream.read(&mut buffer),
            Stage::Asked(datagrams) => datagrams.recv(&mut buffer),
        };
        match read {
            Ok(0) => Ok(Started::Over(Outcome::Refused)),
            Ok(length) => {
                self.heard.extend_from_slice(buffer.get(..length).unwrap_or_default());
                Ok(match self.heard.split(|byte| *byte == b'\n').next() {
                    Some(line) if line.len() < self.heard.len() => {
                        Started::Over(Outcome::Connected(String::from_utf8_lossy(line).into_owned()))
                    }
                    _ => Started::UnderWay(self),
                })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Stage::Connecting(stream) = self.stage {
                    self.stage = Stage::Listening(stream);
                }
                Ok(Started::UnderWay(self))
            }
            Err(error) => Ok(Started::Over(failure(error)?)),
        }
    }
}

impl AsFd for Attempt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stage {
            Stage::Connecting(socket) | Stage::Listening(socket) => socket.as_fd(),
            Stage::Asked(socket) => socket.as_fd(),
        }
    }
}

/// The standard library cannot connect without blocking.
fn begin_tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(family, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

fn begin_udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let own: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own)?;
    socket.set_nonblocking(true)?;
    socket.connect(to)?;
    socket.send(b"who is there?")?;
    Ok(socket)
}

/// Errors that the network can cause; any other is the lab's own.
fn failure(error: io::Error) -> Result<Outcome> {
    let kind = error.kind();
    if [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset].contains(&kind) {
        Ok(Outcome::Refused)
    } else if kind == ErrorKind::TimedOut {
        Ok(Outcome::TimedOut)
    } else if [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::PermissionDenied]
        .contains(&kind)
    {
        Ok(Outcome::Unreachable)
    } else {
        Err(error).context("a probe's socket failed")
    }
}
