//! One question to a server, from anywhere and from any address there.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use enforcer::model::Protocol;
use nix::sys::{
    socket::{
        AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
    },
    time::{TimeVal, TimeValLike},
};

use crate::lab::Netns;

/// How long silence lasts until it counts: the second time beyond the first retransmission that a busy machine
/// may need.
const PATIENCE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];

const QUESTION: &[u8] = b"who is there?";

/// What the server says first, or `None` for no answer.
pub fn ask(
    netns: &Netns,
    from: Option<IpAddr>,
    to: SocketAddr,
    protocol: Protocol,
) -> Result<Option<String>> {
    netns.enter(|| {
        for patience in PATIENCE {
            let answer = match protocol {
                Protocol::Tcp => tcp(from, to, patience),
                Protocol::Udp => udp(from, to, QUESTION, patience),
                Protocol::Sctp => bail!("SCTP is not asked"),
            };
            match answer {
                Ok(line) => return Ok(Some(line)),
                Err(error) if is_no_answer(&error) => {}
                Err(error) => return Err(error).with_context(|| format!("asking {to}")),
            }
        }
        Ok(None)
    })
}

/// Whether a datagram of this size is answered. The answer holds the question's first 4096 bytes.
pub fn send_datagram(netns: &Netns, to: SocketAddr, size: usize) -> Result<bool> {
    netns.enter(|| {
        for patience in PATIENCE {
            match udp(None, to, &vec![0x5a; size], patience) {
                Ok(_) => return Ok(true),
                Err(error) if is_no_answer(&error) => {}
                Err(error) => return Err(error).with_context(|| format!("sending {size} bytes to {to}")),
            }
        }
        Ok(false)
    })
}

/// Whether a datagram is answered by word that nobody listens there.
pub fn port_is_closed(netns: &Netns, to: SocketAddr) -> Result<bool> {
    netns.enter(|| match udp(None, to, QUESTION, Duration::from_millis(500)) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if is_no_answer(&error) => Ok(false),
        answer => bail!("{to} answers {answer:?}"),
    })
}

fn is_no_answer(error: &io::Error) -> bool {
    // A connection attempt that times out is "in progress" still.
    error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32)
        || [
            ErrorKind::WouldBlock,
            ErrorKind::TimedOut,
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionReset,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
        ]
        .contains(&error.kind())
}

/// The standard library cannot choose the source of a TCP connection.
fn tcp(from: Option<IpAddr>, to: SocketAddr, patience: Duration) -> io::Result<String> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let limit = TimeVal::microseconds(i64::try_from(patience.as_micros()).unwrap_or(i64::MAX));
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    if let Some(from) = from {
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(from, 0)))?;
    }
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(QUESTION)?;
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer)?;
    Ok(first_line(buffer.get(..length).unwrap_or_default()))
}

fn udp(from: Option<IpAddr>, to: SocketAddr, content: &[u8], patience: Duration) -> io::Result<String> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(from.unwrap_or(any), 0))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(to)?;
    socket.send(content)?;
    let mut buffer = vec![0; 0x1_0000];
    let length = socket.recv(&mut buffer)?;
    Ok(first_line(buffer.get(..length).unwrap_or_default()))
}

fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}
