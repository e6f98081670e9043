//! Connections, one after the other: opened, a byte there and one back, closed by a reset, so that no port waits for
//! its time to pass.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{
    libc,
    sys::socket::{setsockopt, sockopt::Linger},
};

use super::{Ends, PATIENCE, rate};
use crate::bench::pin::pin;

pub(super) fn run(ends: &Ends<'_>, time: Duration) -> Result<f64> {
    let listener = ends.server.enter(|| Ok(TcpListener::bind(ends.to)?))?;
    ends.client.enter(|| {
        pin()?;
        let begun = Instant::now();
        let mut number = 0;
        while begun.elapsed() < time {
            one(ends, &listener).with_context(|| format!("connection {number}"))?;
            number += 1;
        }
        Ok(rate(number, begun.elapsed()))
    })
}

fn one(ends: &Ends<'_>, listener: &TcpListener) -> Result<()> {
    let mut client = TcpStream::connect_timeout(&ends.to, PATIENCE)?;
    let (mut server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    let mut byte = [0];
    client.write_all(b"?")?;
    server.read_exact(&mut byte)?;
    server.write_all(b"!")?;
    client.read_exact(&mut byte)?;
    setsockopt(&client, Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    // First, so that the server has nothing left to say.
    drop(client);
    Ok(())
}
