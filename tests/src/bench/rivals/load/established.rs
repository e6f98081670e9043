//! Packets of one UDP flow that both sides have used: as fast as one thread can send them. Counted where they arrive.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{Ends, PATIENCE, rate, received};
use crate::bench::pin::pin;

/// Between two looks at the clock.
const BURST: u64 = 64;

pub(super) fn run(ends: &Ends<'_>, time: Duration) -> Result<f64> {
    let server = ends.server.enter(|| Ok(UdpSocket::bind(ends.to)?))?;
    ends.client.enter(|| {
        pin()?;
        let client = UdpSocket::bind("0.0.0.0:0")?;
        client.connect(ends.to)?;
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(PATIENCE))?;
        }
        // Twice there and back: now every kind of connection tracking calls it established.
        let mut buffer = [0; 16];
        for _ in 0..2 {
            client.send(b"who is there?")?;
            let (_, from) = server.recv_from(&mut buffer).context("the first packet did not arrive")?;
            server.send_to(b"me", from)?;
            client.recv(&mut buffer).context("the first answer did not arrive")?;
        }
        let before = received(ends.server)?;
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < time {
            for _ in 0..BURST {
                // Nobody reads: what finds no room in the server's socket has crossed the node all the same.
                client.send(b"packet")?;
            }
            sent += BURST;
        }
        let took = begun.elapsed();
        let arrived = received(ends.server)?.saturating_sub(before);
        ensure!(arrived * 2 >= sent, "of {sent} packets {arrived} arrived");
        Ok(rate(arrived.min(sent), took))
    })
}
