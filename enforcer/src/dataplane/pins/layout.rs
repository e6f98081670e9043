//! Which maps are pinned, and the versions of what they hold.
//!
//! A version covers everything that another build may read differently: sizes, the meaning of each bit of keys and values
//! (`enforcer_common::{tables, flow, fragment, event}`), and what the numbers of counters and reasons stand for. Whoever
//! changes any of it raises the version. The test below notices changed sizes, and changed meanings by samples.

/// Maps that have one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dataplane) enum Group {
    /// Rules, and what is counted and reported of them.
    Tables,
    /// Flows, and the generations that they were judged under: as long as the flows are there, a generation must not be
    /// counted from the start.
    Flows,
}

/// The version of the tables' layout.
const TABLES: u32 = 1;
/// The version of the flows' layout.
const FLOWS: u32 = 1;

impl Group {
    pub(in crate::dataplane) const ALL: [Self; 2] = [Self::Tables, Self::Flows];

    /// What the names of its folders begin with.
    pub(in crate::dataplane) const fn prefix(self) -> &'static str {
        match self {
            Self::Tables => "tables-",
            Self::Flows => "flows-",
        }
    }

    /// The name of its folder.
    pub(in crate::dataplane) fn folder(self) -> String {
        let version = match self {
            Self::Tables => TABLES,
            Self::Flows => FLOWS,
        };
        format!("{}{version}", self.prefix())
    }

    /// Its maps. The others are of one loaded object: read-only data, the clock, the programs' log.
    pub(in crate::dataplane) const fn maps(self) -> &'static [&'static str] {
        match self {
            Self::Tables => &[
                "ENDPOINTS",
                "OWN4",
                "OWN6",
                "OWN_PREFIXES4",
                "OWN_PREFIXES6",
                "ADDRESSES4",
                "ADDRESSES6",
                "PREFIXES4",
                "PREFIXES6",
                "ROWS",
                "INTERVALS",
                "POLICY_GENERATIONS",
                "COUNTERS",
                "EVENTS",
            ],
            Self::Flows => &[
                "CONFIRMED4",
                "CONFIRMED6",
                "OPENING4",
                "OPENING6",
                "FRAGMENTS4",
                "FRAGMENTS6",
                "GENERATIONS",
                "SPENT",
                "BUDGET",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use enforcer_common::{
        Direction, Reason,
        event::DROP_EVENT_LEN,
        flow::{Ground, Judgement, Opener},
        fragment::Remembered,
        tables::{
            Endpoint, Family, Interval, OwnKey, PolicyGeneration, Ports, Row, RowKey, Ruling, V4, V6,
            counter, pack_class, point,
        },
    };

    use super::{super::Shapes, *};

    /// Where this differs, raise the version of the group, and write down what is new.
    #[test]
    fn what_is_pinned_is_what_its_version_says() -> Result<(), Box<dyn std::error::Error>> {
        let shapes = Shapes::of_object(None)?;
        let mut text = String::new();
        for group in Group::ALL {
            for map in group.maps() {
                writeln!(text, "{} {map}: {}", group.folder(), shapes.describe(map))?;
            }
            let samples = match group {
                Group::Tables => tables(),
                Group::Flows => flows(),
            };
            for sample in samples {
                writeln!(text, "{} {sample}", group.folder())?;
            }
        }
        assert_eq!(text, include_str!("layout.txt"), "now it is:\n{text}");
        Ok(())
    }

    fn tables() -> Vec<String> {
        let endpoint = Endpoint {
            rule_set: 0x1234_5678,
            slot: 0xabc,
            isolates_ingress: true,
            isolates_egress: false,
            any_source: true,
            dhcp: false,
        };
        let interval = Interval { start: point(6, 443), ruling: Ruling::Keep, rule: 0x1234 };
        vec![
            format!("endpoint {:#018x}", endpoint.pack(0x5_0007)),
            format!("own {:02x?}", OwnKey { interface: 7, address: [1, 2, 3, 4] }.to_bytes()),
            format!("class {:#018x} {:#010x}", pack_class(7, V4::proof([1, 2, 3, 4])), V6::proof([9; 16])),
            format!("row {:02x?}", RowKey::new(5, Direction::Egress, 9).to_bytes()),
            format!("row {:#018x}", Row { start: 3, len: 4 }.pack()),
            format!("interval {:#018x}", interval.pack()),
            format!("policies {:#018x}", PolicyGeneration { rule_set: 5, since: 6 }.pack()),
            format!("policies at {}", PolicyGeneration::index(9, true)),
            format!("reasons {:?}", Reason::ALL.map(|reason| (reason.name(), reason as u8))),
            format!("counters {} {:?}", counter::LEN, (counter::LOST, counter::UNCONFIRMED)),
            format!("dropped {}", counter::index(Direction::Egress, Some(Reason::Policy))),
            format!("event of {DROP_EVENT_LEN} bytes"),
        ]
    }

    fn flows() -> Vec<String> {
        let ports = Ports { local: 80, remote: 40_000 };
        let four = V4::flow_key(7, [1, 2, 3, 4], [5, 6, 7, 8], ports, 6);
        let six = V6::flow_key(7, [1; 16], [2; 16], ports, 17);
        let judgement =
            Judgement { generation: 3, slot: 5, opener: Opener::Pod, ground: Ground::Own, denied: true };
        let remembered = Remembered::new(3, 4, 5, 6, Some(Reason::Policy), 7, Ground::Node);
        vec![
            format!("key {:02x?} {:#010x}", four.to_bytes(), V4::fingerprint(&four)),
            format!("key {:02x?} {:#010x}", six.to_bytes(), V6::fingerprint(&six)),
            format!("judgement {:#018x}", judgement.pack(0xdead_beef)),
            format!("fragment {remembered:?}"),
        ]
    }
}
