//! The servers in the pods. A socket stays in the namespace in which it was opened, whoever uses it:
//! so one thread serves all pods of a lab.
//!
//! A TCP server says who it is ("namespace/pod:port" and a line feed), then echoes. A UDP server answers
//! each datagram with the same line and the datagram.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use enforcer::model::Protocol;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Pod, address::has_ipv6};

/// The thread that serves; it ends with this value.
#[derive(Debug)]
pub(super) struct Servers {
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

enum Socket {
    Stop(UnixStream),
    Listener(TcpListener, String),
    Connection(TcpStream),
    Datagrams(UdpSocket, String),
}

impl Servers {
    /// Opens the ports of all pods and serves them.
    pub(super) fn start(pods: &[Pod]) -> Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let mut sockets = vec![Socket::Stop(stopped)];
        for pod in pods {
            sockets.extend(pod.netns().enter(|| open(pod))?);
        }
        let thread = thread::Builder::new().name("lab servers".into()).spawn(move || serve(sockets))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // The thread sees the other end closed.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Must run inside the pod's namespace.
fn open(pod: &Pod) -> Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for (protocol, port) in pod.ports() {
        // An IPv6 wildcard socket serves IPv4 too.
        let wildcard: SocketAddr = if has_ipv6() {
            (Ipv6Addr::UNSPECIFIED, *port).into()
        } else {
            (Ipv4Addr::UNSPECIFIED, *port).into()
        };
        let banner = format!("{}\n", pod.banner(*port));
        let failed = || format!("pod {} cannot listen on {protocol} {port}", pod.name());
        match protocol {
            Protocol::Tcp => {
                let listener = TcpListener::bind(wildcard).with_context(failed)?;
                listener.set_nonblocking(true)?;
                sockets.push(Socket::Listener(listener, banner));
            }
            Protocol::Udp => {
                let datagrams = UdpSocket::bind(wildcard).with_context(failed)?;
                datagrams.set_nonblocking(true)?;
                sockets.push(Socket::Datagrams(datagrams, banner));
            }
            // The standard library has no SCTP, and many kernels neither.
            Protocol::Sctp => {}
        }
    }
    Ok(sockets)
}

fn serve(mut sockets: Vec<Socket>) {
    loop {
        let ready = {
            let mut polled: Vec<PollFd<'_>> =
                sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
            // The only errors are EINTR and lack of memory: in both cases the next round asks again.
            if poll(&mut polled, PollTimeout::NONE).is_err() {
                continue;
            }
            polled.iter().map(|polled| polled.any().unwrap_or(true)).collect::<Vec<_>>()
        };
        let mut next = Vec::with_capacity(sockets.len());
        for (socket, ready) in sockets.into_iter().zip(ready) {
            if !ready {
                next.push(socket);
                continue;
            }
            match socket {
                Socket::Stop(_) => return,
                Socket::Listener(listener, banner) => {
                    next.extend(accept(&listener, &banner).map(Socket::Connection));
                    next.push(Socket::Listener(listener, banner));
                }
                Socket::Connection(stream) => next.extend(echo(stream).map(Socket::Connection)),
                Socket::Datagrams(datagrams, banner) => {
                    answer(&datagrams, &banner);
                    next.push(Socket::Datagrams(datagrams, banner));
                }
            }
        }
        sockets = next;
    }
}

/// `None` when the client is gone already.
fn accept(listener: &TcpListener, banner: &str) -> Option<TcpStream> {
    let (mut stream, _) = listener.accept().ok()?;
    stream.set_nonblocking(true).ok()?;
    // A fresh connection has room for a line.
    stream.write_all(banner.as_bytes()).ok()?;
    Some(stream)
}

/// `None` when the connection is over.
fn echo(mut stream: TcpStream) -> Option<TcpStream> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => None,
        Ok(length) => {
            stream.write_all(buffer.get(..length)?).ok()?;
            Some(stream)
        }
        Err(error) => (error.kind() == ErrorKind::WouldBlock).then_some(stream),
    }
}

fn answer(datagrams: &UdpSocket, banner: &str) {
    let mut buffer = [0; 4096];
    // Errors here are ICMP messages about earlier answers; clients that wait time out by themselves.
    if let Ok((length, client)) = datagrams.recv_from(&mut buffer) {
        let mut reply = banner.as_bytes().to_vec();
        reply.extend_from_slice(buffer.get(..length).unwrap_or_default());
        datagrams.send_to(&reply, client).ok();
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stop(socket) => socket.as_fd(),
            Self::Listener(socket, _) => socket.as_fd(),
            Self::Connection(socket) => socket.as_fd(),
            Self::Datagrams(socket, _) => socket.as_fd(),
        }
    }
}
