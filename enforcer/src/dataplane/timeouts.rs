//! How long a flow may be idle before it is forgotten.
//!
//! Which time-out is a flow's follows from its protocol and from what each side has shown: packets at all, and TCP
//! flags. The defaults are those of Linux' connection tracking
//! (Documentation/networking/nf_conntrack-sysctl.rst), with two exceptions for the sake of connections that are quiet
//! and alive: established TCP has a day (conntrack: five), enough to outlive the keep-alives of every common system
//! (two hours), and a TCP connection of which one side has said its last word has an hour (conntrack: one or two
//! minutes), since the other side may be at work on the answer.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use enforcer_common::{flow::FlowState, packet::protocol};

/// What a flow's time-out depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TCP that was not answered.
    TcpOpening,
    /// TCP in both directions.
    TcpEstablished,
    /// TCP after a FIN from one side.
    TcpHalfClosed,
    /// TCP after a FIN from both sides, or a RST.
    TcpClosed,
    /// UDP that was not answered.
    UdpOpening,
    /// UDP in both directions.
    Udp,
    /// SCTP that was not answered.
    SctpOpening,
    /// SCTP in both directions.
    Sctp,
    /// ICMP and ICMPv6 echoes.
    Icmp,
    /// Everything else.
    Other,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::TcpOpening,
        Self::TcpEstablished,
        Self::TcpHalfClosed,
        Self::TcpClosed,
        Self::UdpOpening,
        Self::Udp,
        Self::SctpOpening,
        Self::Sctp,
        Self::Icmp,
        Self::Other,
    ];

    /// Its name in settings and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpOpening => "tcp-opening",
            Self::TcpEstablished => "tcp-established",
            Self::TcpHalfClosed => "tcp-half-closed",
            Self::TcpClosed => "tcp-closed",
            Self::UdpOpening => "udp-opening",
            Self::Udp => "udp",
            Self::SctpOpening => "sctp-opening",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    /// The time-out that holds when nothing is set.
    #[must_use]
    pub const fn default_timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::TcpOpening | Self::TcpClosed | Self::Udp => 120,
            Self::TcpEstablished => 24 * 3600,
            Self::TcpHalfClosed => 3600,
            Self::UdpOpening | Self::Icmp => 30,
            Self::SctpOpening => 60,
            Self::Sctp => 210,
            Self::Other => 600,
        })
    }

    /// The stage of a flow.
    #[must_use]
    pub fn of(protocol_number: u8, flow: &FlowState) -> Self {
        const FIN: u8 = 0x01;
        const RST: u8 = 0x04;
        let (either, both) = (flow.ingress_flags | flow.egress_flags, flow.ingress_flags & flow.egress_flags);
        match protocol_number {
            protocol::TCP if either & RST != 0 || both & FIN != 0 => Self::TcpClosed,
            protocol::TCP if !flow.answered => Self::TcpOpening,
            protocol::TCP if either & FIN != 0 => Self::TcpHalfClosed,
            protocol::TCP => Self::TcpEstablished,
            protocol::UDP if flow.answered => Self::Udp,
            protocol::UDP => Self::UdpOpening,
            protocol::SCTP if flow.answered => Self::Sctp,
            protocol::SCTP => Self::SctpOpening,
            protocol::ICMP | protocol::ICMPV6 => Self::Icmp,
            _ => Self::Other,
        }
    }
}

/// The time-outs of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeouts {
    set: BTreeMap<Stage, Duration>,
}

impl Timeouts {
    /// The defaults with these changes.
    #[must_use]
    pub fn with(settings: impl IntoIterator<Item = Setting>) -> Self {
        Self { set: settings.into_iter().map(|Setting { stage, timeout }| (stage, timeout)).collect() }
    }

    /// The time-out of a stage.
    #[must_use]
    pub fn get(&self, stage: Stage) -> Duration {
        self.set.get(&stage).copied().unwrap_or_else(|| stage.default_timeout())
    }

    /// The shortest of all: looking for idle flows more rarely than this would make it meaningless.
    #[must_use]
    pub fn shortest(&self) -> Duration {
        Stage::ALL.into_iter().map(|stage| self.get(stage)).min().unwrap_or_default()
    }
}

/// One time-out, written `STAGE=TIME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Whose.
    pub stage: Stage,
    /// How long.
    pub timeout: Duration,
}

/// Ages of flows are differences of 32-bit ticks, which mean something below 2³¹: 24.8 days at 1000 ticks a second.
const LONGEST: Duration = Duration::from_secs(20 * 24 * 3600);
const SHORTEST: Duration = Duration::from_secs(1);

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No equals sign.
    #[error("{0:?} is not STATE=TIME, as in tcp-established=2h")]
    Form(String),
    /// Not one of the names.
    #[error("{0:?} is no state of a flow; the states are {names}", names = names())]
    Stage(String),
    /// Not a number with a unit.
    #[error("{0:?} is not a time: write a whole number and s, m, h or d, as in 90s or 2h")]
    Time(String),
    /// A time that cannot be kept.
    #[error("{0:?} is out of range: a time-out is at least 1s and at most 20d")]
    Range(String),
}

fn names() -> String {
    Stage::ALL.map(Stage::name).join(", ")
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, time) = text.split_once('=').ok_or_else(|| SettingError::Form(text.to_owned()))?;
        let stage = Stage::ALL.into_iter().find(|stage| stage.name() == name);
        let stage = stage.ok_or_else(|| SettingError::Stage(name.to_owned()))?;
        let timeout = parse_time(time).ok_or_else(|| SettingError::Time(time.to_owned()))?;
        if !(SHORTEST..=LONGEST).contains(&timeout) {
            return Err(SettingError::Range(time.to_owned()));
        }
        Ok(Self { stage, timeout })
    }
}

fn parse_time(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than a number has are out of range, not ill-formed.
    let number = digits.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(number.saturating_mul(unit)))
}

#[cfg(test)]
mod tests;
