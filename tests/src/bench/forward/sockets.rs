//! The sockets of a pair. One thread speaks for both sides: no scheduler is between a question and its answer, and
//! what takes the time is the packets' way.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use anyhow::Context as _;
use nix::sys::{
    socket::{setsockopt, sockopt},
    time::{TimeVal, TimeValLike as _},
};

use crate::{lab::Netns, scene::DEADLINE};

/// Bytes of a question, and of an answer.
const LENGTH: usize = 64;

/// In a client's network namespace: a connection that does not open is given up after three seconds, not after two
/// minutes.
pub(super) fn give_up_early() -> anyhow::Result<()> {
    fs::write("/proc/sys/net/ipv4/tcp_syn_retries", "1").context("cannot set tcp_syn_retries")
}

/// A listener in a server's network namespace. It waits for a connection, and each connection for bytes, so long at
/// most as a test waits.
pub(super) fn listen(netns: &Netns, at: SocketAddr) -> anyhow::Result<TcpListener> {
    netns.enter(|| {
        let listener = TcpListener::bind(at).with_context(|| format!("cannot listen at {at}"))?;
        let limit = TimeVal::seconds(i64::try_from(DEADLINE.as_secs())?);
        setsockopt(&listener, sockopt::ReceiveTimeout, &limit)?;
        Ok(listener)
    })
}

/// Both ends of a new connection. Must be called in the client's network namespace.
pub(super) fn connect(to: SocketAddr, listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(to)?;
    client.set_read_timeout(Some(DEADLINE))?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

/// A question and its answer.
pub(super) fn exchange(client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    say(client, server)?;
    say(server, client)
}

fn say(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut heard = [0; LENGTH];
    from.write_all(&[0x5a; LENGTH])?;
    to.read_exact(&mut heard)
}

/// The server closes, as a server of HTTP/1.0 does, then the client: so it is the server that waits for late packets,
/// and the client's ports are free at once.
pub(super) fn close(mut client: TcpStream, server: TcpStream) -> io::Result<()> {
    drop(server);
    let left = client.read(&mut [0; 1])?;
    if left == 0 { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
