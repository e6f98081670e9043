//! Packets of which each opens a flow: UDP, each from another port of the client. They leave by its interface as they
//! are; no socket of its own sends them.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::atomic::Ordering,
    time::Instant,
};

use anyhow::{Result, ensure};

use super::{Ends, rate, received};
use crate::{
    bench::pin::pin,
    wire::{Datagram, Port, framed, mac},
};

/// A round. Ten of them are fewer than there are ports, and a flow without an answer is forgotten after half a minute.
const PACKETS: u32 = 6_000;
/// The ports that are used.
const FIRST_PORT: u32 = 1_025;
const PORTS: u32 = 64_000;

pub(super) fn run(ends: &Ends<'_>) -> Result<f64> {
    let server = ends.server.enter(|| Ok(UdpSocket::bind(ends.to)?))?;
    let port = Port::open(ends.client, "eth0")?;
    let own = mac(ends.client, "eth0")?;
    let begin = ends.fresh.fetch_add(PACKETS, Ordering::Relaxed);
    let frame = |number: u32| -> Result<Vec<u8>> {
        let from = SocketAddr::from((ends.from, u16::try_from(FIRST_PORT + number % PORTS)?));
        Ok(framed(ends.gateway, own, 0x0800, &Datagram::udp(from, ends.to, b"first").bytes()))
    };
    let frames: Vec<Vec<u8>> = (begin..begin + PACKETS).map(frame).collect::<Result<_>>()?;
    let before = received(ends.server)?;
    let took = ends.client.enter(|| {
        pin()?;
        let begun = Instant::now();
        for frame in &frames {
            port.send(frame)?;
        }
        Ok(begun.elapsed())
    })?;
    let arrived = received(ends.server)?.saturating_sub(before);
    ensure!(arrived * 10 >= u64::from(PACKETS) * 9, "of {PACKETS} packets {arrived} arrived");
    drop(server);
    Ok(rate(arrived, took))
}
