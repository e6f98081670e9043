//! Level 6: what no socket here sends: SCTP, which kernels may lack, and segments out of nowhere.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use anyhow::Result;
use enforcer::model::Direction;
use enforcer_tests::{
    frame::{self, Packet, SctpChunk, TcpFlags, Transport},
    oracle::Family,
    scene::{PORT, Scene, families, ingress, policy},
    wire::Tap,
};

/// The client's port, by which its packets are known.
const FROM: u16 = 4444;

/// Sends from one pod to another.
fn send(scene: &Scene, from: &str, to: &str, family: Family, transport: Transport) -> Result<()> {
    let raw = scene.raw(from)?;
    let [local, remote] = [from, to].map(|name| scene.at(name, family).unwrap().ip());
    let packet = frame::ip(&Packet { direction: Direction::Egress, local, remote, transport });
    raw.send_ip(scene.next_hop(&raw, to)?, &packet)
}

/// A packet with these ports, of whatever transport.
fn has_ports(family: Family, source: u16, destination: u16) -> impl Fn(&[u8]) -> bool {
    let (ether_type, at) = if family == Family::V4 { ([8, 0], 34) } else { ([0x86, 0xdd], 54) };
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    move |frame: &[u8]| {
        frame.get(12..14) == Some(&ether_type) && frame.get(at..at + 4) == Some(ports.as_slice())
    }
}

#[test]
fn sctp_is_judged_by_its_ports_and_so_are_its_replies() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    let rule = format!(
        "[{{from: [{{podSelector: {{matchLabels: {{app: client}}}}}}], ports: [{{protocol: SCTP, port: {PORT}}}]}}]"
    );
    let server = policy("sctp", "server", &format!("policyTypes: [Ingress, Egress], ingress: {rule}"));
    scene.write("policies.yaml", &[server, ingress("client", &[])].concat())?;
    let agent = scene.start()?;
    for family in families() {
        let mut at_server = Tap::open(scene.netns("server")?)?;
        let mut at_client = Tap::open(scene.netns("client")?)?;
        let init = |remote| Transport::Sctp { local: FROM, remote, chunk: SctpChunk::INIT };
        send(&scene, "other", "server", family, init(PORT))?;
        send(&scene, "client", "server", family, init(PORT + 1))?;
        for from in ["shop/other", "shop/client"] {
            scene.wait_drop(&agent, "server", &format!("SCTP of {from}, {family:?}"), |drop| {
                drop.source.pod_name() == Some(from.into())
                    && drop.protocol == "SCTP"
                    && drop.is_ipv6() == (family == Family::V6)
            })?;
        }
        // Not even what follows an INIT opens anything.
        let data = Transport::Sctp { local: FROM + 1, remote: PORT, chunk: SctpChunk::DATA };
        send(&scene, "other", "server", family, data)?;
        send(&scene, "client", "server", family, init(PORT))?;
        at_server.wait("the allowed INIT", has_ports(family, FROM, PORT))?;
        let answer = Transport::Sctp { local: PORT, remote: FROM, chunk: SctpChunk::INIT_ACK };
        send(&scene, "server", "client", family, answer)?;
        at_client.wait("its answer", has_ports(family, PORT, FROM))?;
        let allowed = at_server.heard()?.iter().filter(|frame| has_ports(family, FROM, PORT)(&frame.bytes));
        assert_eq!(allowed.count(), 1, "{family:?}: {:?}", at_server.heard()?);
        for (source, destination) in [(FROM, PORT + 1), (FROM + 1, PORT)] {
            assert!(!at_server.has(has_ports(family, source, destination))?, "{family:?}");
        }
    }
    Ok(())
}

#[test]
fn segments_out_of_nowhere_do_not_arrive() -> Result<()> {
    const FLAGS: [TcpFlags; 6] = [
        TcpFlags::NONE,
        TcpFlags::ACK,
        TcpFlags::SYN_ACK,
        TcpFlags::RST,
        TcpFlags::FIN_ACK,
        TcpFlags(TcpFlags::SYN.0 | TcpFlags::FIN.0),
    ];
    let scene = Scene::new(&["client", "server", "other"])?;
    scene.write("policies.yaml", &ingress("server", &["client"]))?;
    let agent = scene.start()?;
    for family in families() {
        let mut tap = Tap::open(scene.netns("server")?)?;
        for (number, flags) in (0..).zip(FLAGS) {
            let stray = Transport::Tcp { local: FROM + number, remote: PORT, flags };
            send(&scene, "other", "server", family, stray)?;
            scene.wait_drop(&agent, "server", &format!("{flags:?}, {family:?}"), |drop| {
                drop.source.port == Some(FROM + number) && drop.is_ipv6() == (family == Family::V6)
            })?;
            assert!(!tap.has(has_ports(family, FROM + number, PORT))?, "{flags:?}, {family:?}");
        }
        let syn = Transport::Tcp { local: FROM, remote: PORT, flags: TcpFlags::SYN };
        send(&scene, "client", "server", family, syn)?;
        tap.wait("the allowed pod's SYN", has_ports(family, FROM, PORT))?;
    }
    Ok(())
}
