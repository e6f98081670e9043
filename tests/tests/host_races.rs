//! Levels 1–2: packets of both directions and changes of the rules at the same time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    compile::compile,
    model::{Direction, Policy},
    plan::{MapImage, MapOp, diff, plan},
};
use enforcer_common::packet::Origin;
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    frame::{self, Packet, TcpFlags, Transport},
    node::{At, Host, Target},
    race::{Race, Sent, is_covered},
};

const TCP: [TcpFlags; 3] = [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN_ACK];

fn tcp(direction: Direction, flags: TcpFlags) -> Packet {
    let [local, remote] = ["10.0.0.1", "10.0.0.9"].map(|text| text.parse().unwrap());
    Packet { direction, local, remote, transport: Transport::Tcp { local: 40_000, remote: 80, flags } }
}

fn udp(direction: Direction) -> Packet {
    Packet { transport: Transport::Udp { local: 40_000, remote: 53 }, ..tcp(direction, TcpFlags::ACK) }
}

fn elsewhere(packet: Packet) -> Sent {
    Sent { packet, origin: Origin::Elsewhere }
}

fn rules() -> Vec<Vec<Policy>> {
    let (open, closed) = (|| [any()], || []);
    vec![
        vec![],
        vec![policy("a/p").ingress(closed()).egress(closed()).into()],
        vec![policy("a/p").ingress(closed()).egress(open()).into()],
        vec![policy("a/p").ingress(open()).egress(closed()).into()],
    ]
}

/// The image for some policies, after another image.
fn image(before: &MapImage, policies: &[Policy]) -> (MapImage, Vec<MapOp>) {
    let scene = cluster().pod("a/pod", [("app", "pod")], ["10.0.0.1"]);
    let scene = policies.iter().cloned().fold(scene, enforcer_tests::builder::ClusterBuilder::policy).build();
    let next = plan(before, &compile(&scene, &[endpoint("a/pod", ["10.0.0.1"])])).unwrap();
    let ops = diff(before, &next.image);
    (next.image, ops)
}

/// What has happened before: under some rules, then under those that hold at the beginning.
fn pasts() -> Vec<Vec<Packet>> {
    use Direction::{Egress, Ingress};
    vec![
        vec![],
        vec![tcp(Egress, TcpFlags::SYN)],
        vec![tcp(Egress, TcpFlags::SYN), tcp(Ingress, TcpFlags::SYN_ACK)],
        vec![tcp(Ingress, TcpFlags::SYN), tcp(Egress, TcpFlags::SYN_ACK)],
        vec![tcp(Egress, TcpFlags::SYN), tcp(Ingress, TcpFlags::FIN_ACK), tcp(Egress, TcpFlags::FIN_ACK)],
        vec![tcp(Ingress, TcpFlags::ACK), tcp(Egress, TcpFlags::ACK)],
        vec![udp(Egress)],
        vec![udp(Egress), udp(Ingress)],
    ]
}

#[test]
fn any_interleaving_is_at_most_as_permissive_as_some_serial_order() {
    use Direction::{Egress, Ingress};
    let mut pairs: Vec<[Packet; 2]> = Vec::new();
    for out in TCP {
        pairs.extend(TCP.map(|back| [tcp(Egress, out), tcp(Ingress, back)]));
    }
    let datagrams = [udp(Egress), udp(Ingress)];
    let (mut meetings, mut more_strict) = (0_u64, 0_u64);
    for past in pasts() {
        let is_udp = past.first().is_some_and(|packet| packet.protocol() == 17);
        for [earlier, before, after] in choices() {
            let (first_image, _) = image(&MapImage::default(), &earlier);
            let (second_image, _) = image(&first_image, &before);
            let (_, change) = image(&second_image, &after);
            let tables = || {
                let mut host = Host::with(first_image.tables.clone());
                for (number, packet) in past.iter().enumerate() {
                    // The last of them comes after the change of the rules before: a mark may stand then.
                    if number + 1 == past.len() {
                        host.tables.image = second_image.tables.clone();
                    }
                    let frame = frame::ethernet(packet);
                    let direction = packet.direction.into();
                    host.judge(&At { frame: &frame, interface: 1, direction, origin: Origin::Elsewhere })
                        .unwrap();
                }
                host.tables.image = second_image.tables.clone();
                host.tables
            };
            for pair in if is_udp { std::slice::from_ref(&datagrams) } else { pairs.as_slice() } {
                let next = if is_udp {
                    datagrams.map(elsewhere).to_vec()
                } else {
                    [TcpFlags::SYN, TcpFlags::ACK]
                        .into_iter()
                        .flat_map(|flags| [Egress, Ingress].map(|direction| elsewhere(tcp(direction, flags))))
                        .collect()
                };
                let [out, back] = *pair;
                let node = (back != tcp(Ingress, TcpFlags::FIN_ACK)).then_some(Origin::Node);
                for origin in [Some(Origin::Elsewhere), node].into_iter().flatten() {
                    let packets = [elsewhere(out), Sent { packet: back, origin }];
                    let race = Race { packets, change: change.clone(), next: next.clone() };
                    let (serial, met) = race.run(tables);
                    for (meeting, verdicts) in met {
                        meetings += 1;
                        more_strict += u64::from(!serial.contains(&verdicts));
                        assert!(
                            is_covered(&verdicts, &serial),
                            "{meeting:?} lets pass {verdicts:?}, and no order does: {serial:?}\n{past:?} {race:?}\n\
                             rules {earlier:?}, {before:?}, {after:?}"
                        );
                    }
                }
            }
        }
    }
    println!(
        "{meetings} meetings; {more_strict} of them stricter than every serial order, none more permissive"
    );
    assert!(meetings > 100_000);
}

/// Rules of the past, at the beginning, and after the change. The first choice changes nothing.
fn choices() -> Vec<[Vec<Policy>; 3]> {
    let rules = rules();
    let mut choices = Vec::new();
    for before in &rules {
        for after in rules.iter().filter(|after| *after != before || after.is_empty()) {
            choices.push([Vec::new(), before.clone(), after.clone()]);
        }
    }
    choices
}
