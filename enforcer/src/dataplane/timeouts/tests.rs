//! Stages of flows, and settings in words.

use std::time::Duration;

use enforcer_common::flow::{FlowState, Ground, Judgement, Opener};

use super::{Setting, SettingError, Stage, Timeouts};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

fn flow(answered: bool, ingress_flags: u8, egress_flags: u8) -> FlowState {
    let judgement =
        Judgement { generation: 7, slot: 3, opener: Opener::Pod, ground: Ground::Rules, denied: false };
    FlowState { judgement, rule: 0, idle: 0, answered, ingress_flags, egress_flags }
}

#[test]
fn a_stage_follows_from_the_protocol_and_from_what_both_sides_have_shown() {
    let cases = [
        (6, flow(false, 0, SYN), Stage::TcpOpening),
        (6, flow(true, SYN | ACK, SYN | ACK), Stage::TcpEstablished),
        (6, flow(true, SYN | ACK | FIN, SYN | ACK), Stage::TcpHalfClosed),
        (6, flow(true, SYN | ACK, SYN | ACK | FIN), Stage::TcpHalfClosed),
        (6, flow(true, SYN | ACK | FIN, SYN | ACK | FIN), Stage::TcpClosed),
        (6, flow(true, RST | ACK, SYN), Stage::TcpClosed),
        (6, flow(false, 0, SYN | RST), Stage::TcpClosed),
        (17, flow(false, 0, 0), Stage::UdpOpening),
        (17, flow(true, 0, 0), Stage::Udp),
        (132, flow(false, 0, 0), Stage::SctpOpening),
        (132, flow(true, 0, 0), Stage::Sctp),
        (1, flow(true, 0, 0), Stage::Icmp),
        (58, flow(false, 0, 0), Stage::Icmp),
        (50, flow(true, 0, 0), Stage::Other),
        // Flags are TCP's only.
        (17, flow(true, RST, FIN), Stage::Udp),
    ];
    for (protocol, flow, stage) in cases {
        assert_eq!(Stage::of(protocol, &flow), stage, "protocol {protocol}, {flow:?}");
    }
}

#[test]
fn settings_replace_defaults_and_the_last_one_counts() {
    let settings = ["udp=5s", "tcp-established=2h", "udp=90s", "other=20d", "icmp=3m"];
    let timeouts = Timeouts::with(settings.map(|text| text.parse::<Setting>().expect(text)));
    let seconds = |stage| timeouts.get(stage).as_secs();
    assert_eq!(seconds(Stage::Udp), 90);
    assert_eq!(seconds(Stage::TcpEstablished), 7200);
    assert_eq!(seconds(Stage::Other), 20 * 86400);
    assert_eq!(seconds(Stage::Icmp), 180);
    assert_eq!(seconds(Stage::TcpClosed), 120);
    assert_eq!(timeouts.shortest(), Duration::from_secs(30));
}

#[test]
fn an_error_names_the_part_that_is_wrong() {
    let wrong = [
        ("tcp-established", SettingError::Form("tcp-established".into())),
        ("", SettingError::Form(String::new())),
        ("tcp=2h", SettingError::Stage("tcp".into())),
        ("=2h", SettingError::Stage(String::new())),
        ("udp=", SettingError::Time(String::new())),
        ("udp=2", SettingError::Time("2".into())),
        ("udp=s", SettingError::Time("s".into())),
        ("udp=-2s", SettingError::Time("-2s".into())),
        ("udp=2 s", SettingError::Time("2 s".into())),
        ("udp=1.5h", SettingError::Time("1.5h".into())),
        ("udp=2ß", SettingError::Time("2ß".into())),
        ("udp=0s", SettingError::Range("0s".into())),
        ("udp=21d", SettingError::Range("21d".into())),
        ("udp=99999999999999999999999d", SettingError::Range("99999999999999999999999d".into())),
    ];
    for (text, error) in wrong {
        assert_eq!(text.parse::<Setting>(), Err(error), "{text}");
    }
    let error = "tcp=2h".parse::<Setting>().expect_err("no such state").to_string();
    assert!(error.contains("\"tcp\"") && error.contains("tcp-half-closed"), "{error}");
}

/// The documents have a table of the defaults: it says what the program does.
#[test]
fn the_documents_name_every_stage_with_its_default() {
    let text = include_str!("../../../../docs/flows.md");
    for stage in Stage::ALL {
        let time = match stage.default_timeout().as_secs() {
            seconds if seconds % 86400 == 0 => format!("{}d", seconds / 86400),
            seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
            seconds if seconds % 60 == 0 && seconds > 60 => format!("{}m", seconds / 60),
            seconds => format!("{seconds}s"),
        };
        let row = format!("| `{}` | {time} |", stage.name());
        assert!(text.contains(&row), "docs/flows.md has no row that begins with {row}");
    }
}
