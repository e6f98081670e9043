//! Packets per second of one established flow of UDP. The kernel makes them (`enforcer::dataplane::Generator`): they
//! leave the client by its veth, take the node's route, and are counted and dropped where they come out of the server's
//! veth. No socket, no system call, one processor: the time is that of forwarding.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use enforcer::dataplane::{FRAME_LENGTH, Generator, GeneratorEnd, GeneratorLink};
use nix::net::if_::if_nametoindex;

use super::{
    pair::{PORT, Pairs, client, server},
    turns::{Kind, Turns},
    variant::Variant,
};
use crate::{
    bench::{pin::pin, recorder::Recorder, result::Bar},
    lab::Netns,
    oracle::Family,
    scene::{DEADLINE, families},
    wire::{Datagram, framed, mac},
};

const KIND: Kind = Kind {
    name: "packets",
    metric: "rate",
    unit: "packets/s",
    bar: |variant| (variant.policies() > 0).then_some(Bar::RatioAtLeast(0.92)),
};

/// A pod's own end of its veth.
const INTERFACE: &str = "eth0";
/// Between two looks at the clock.
const PART: u32 = 50_000;
/// The most that a turn takes.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) fn run(pairs: &Pairs, turns: Turns, out: &mut Recorder) -> anyhow::Result<()> {
    let families: Vec<Family> =
        families().into_iter().filter(|family| out.wants_any(&KIND.cases(*family))).collect();
    if families.is_empty() {
        return Ok(());
    }
    if !Generator::is_supported() {
        println!("packets: left out: the generator needs Linux 5.18 or later");
        return Ok(());
    }
    let mut generator = Generator::load()?;
    let parts = if turns.quick { 1 } else { 4 };
    for family in families {
        let lanes: Vec<Lane<'_>> = Variant::ALL
            .map(|variant| Lane::open(pairs, variant, family, &mut generator))
            .into_iter()
            .collect::<Result<_, _>>()?;
        let rounds =
            turns.take(|place| lanes.get(place).context("no such variant")?.turn(&mut generator, parts))?;
        KIND.note(family, &rounds, out)?;
    }
    Ok(())
}

/// A pair with an open flow.
struct Lane<'a> {
    interface: u32,
    frame: [u8; FRAME_LENGTH],
    source: End<'a>,
    sink: End<'a>,
    // While they are open nobody else has their ports.
    _sockets: [UdpSocket; 2],
}

/// A pod whose interface is an end of the packets' way.
struct End<'a> {
    netns: &'a Netns,
    link: Option<GeneratorLink>,
}

impl<'a> Lane<'a> {
    fn open(
        pairs: &'a Pairs,
        variant: Variant,
        family: Family,
        generator: &mut Generator,
    ) -> anyhow::Result<Self> {
        let (client, server) = (client(variant), server(variant));
        let ends = [pairs.at(variant, &client, family, PORT)?, pairs.at(variant, &server, family, PORT)?];
        let bind = |name: &str, at: SocketAddr| {
            pairs
                .netns(variant, name)?
                .enter(|| UdpSocket::bind(at).with_context(|| format!("cannot bind {at}")))
        };
        let [from, to] = ends;
        let sockets = [bind(&client, from)?, bind(&server, to)?];
        greet(&sockets, ends).with_context(|| format!("{client} and {server}"))?;

        let host_side = pairs.pod(variant, &client)?.interface();
        let (client, server) = (pairs.netns(variant, &client)?, pairs.netns(variant, &server)?);
        let hardware = (mac(pairs.lab(variant).node(), host_side)?, mac(client, INTERFACE)?);
        Ok(Self {
            interface: client.enter(|| Ok(if_nametoindex(INTERFACE)?))?,
            frame: frame(ends, hardware)?,
            source: End::new(client, generator, GeneratorEnd::Source)?,
            sink: End::new(server, generator, GeneratorEnd::Sink)?,
            _sockets: sockets,
        })
    }

    /// Packets per second: those that arrived.
    fn turn(&self, generator: &mut Generator, parts: u32) -> anyhow::Result<f64> {
        let before = self.sink.received()?;
        let (sent, took) = self.source.netns.enter(|| {
            pin()?;
            let (mut sent, mut took) = (0, Duration::ZERO);
            while sent < parts * PART && took < LIMIT {
                took += generator.send(self.interface, &self.frame, PART)? * PART;
                sent += PART;
            }
            Ok((sent, took))
        })?;
        let arrived = u32::try_from(self.sink.received()? - before)?;
        ensure!(arrived > sent / 2, "of {sent} packets {arrived} arrived");
        Ok(f64::from(arrived) / took.as_secs_f64())
    }
}

/// Both say something, so that the flow is an established one, and the neighbours know each other.
fn greet([client, server]: &[UdpSocket; 2], [from, to]: [SocketAddr; 2]) -> anyhow::Result<()> {
    let mut buffer = [0; 8];
    for (sender, at, receiver) in [(client, to, server), (server, from, client), (client, to, server)] {
        receiver.set_read_timeout(Some(DEADLINE))?;
        sender.send_to(b"greeting", at)?;
        receiver.recv_from(&mut buffer).with_context(|| format!("nothing arrived at {at}"))?;
    }
    Ok(())
}

/// The client's packet, to the host side of its veth (first of the hardware addresses).
fn frame(
    [from, to]: [SocketAddr; 2],
    (host_side, own): ([u8; 6], [u8; 6]),
) -> anyhow::Result<[u8; FRAME_LENGTH]> {
    let (ether_type, headers) = if to.is_ipv4() { (0x0800, 14 + 20 + 8) } else { (0x86dd, 14 + 40 + 8) };
    let content = vec![0x5a; FRAME_LENGTH - headers];
    let bytes = framed(host_side, own, ether_type, &Datagram::udp(from, to, &content).bytes());
    <[u8; FRAME_LENGTH]>::try_from(bytes).map_err(|bytes| anyhow::anyhow!("a frame of {} bytes", bytes.len()))
}

impl<'a> End<'a> {
    fn new(netns: &'a Netns, generator: &mut Generator, end: GeneratorEnd) -> anyhow::Result<Self> {
        let link = netns.enter(|| Ok(generator.attach(end, INTERFACE)?))?;
        Ok(Self { netns, link: Some(link) })
    }

    /// Packets that its interface has received so far.
    fn received(&self) -> anyhow::Result<u64> {
        self.netns.enter(|| {
            let text = fs::read_to_string("/proc/thread-self/net/dev")?;
            received(&text, INTERFACE).context("a pod has no interface")
        })
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let link = self.link.take();
        // When the namespace is gone, the interface is, and with it the program.
        let _gone = self.netns.enter(|| {
            drop(link);
            Ok(())
        });
    }
}

/// Packets received by an interface, from `/proc/net/dev` (proc(5)).
fn received(text: &str, interface: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_packets_are_those_of_the_interface() {
        let text = "Inter-|   Receive                         |  Transmit\n\
             \x20face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n\
             \x20   lo:     100       1    0    0    0     0          0         0      100       1    0\n\
             \x20 eth0:  640000   10000    0    7    0     0          0         0        0       3    0\n";
        assert_eq!(received(text, "eth0"), Some(10_000));
        assert_eq!(received(text, "eth"), None);
    }

    #[test]
    fn frames_of_both_families_are_of_the_length_that_the_sink_drops() -> anyhow::Result<()> {
        for [from, to] in [["10.0.0.1:7", "10.0.0.2:7"], ["[fd00::1]:7", "[fd00::2]:7"]] {
            let bytes = frame([from.parse()?, to.parse()?], ([2; 6], [4; 6]))?;
            assert_eq!(bytes.get(..7), Some([2, 2, 2, 2, 2, 2, 4].as_slice()));
        }
        Ok(())
    }
}
