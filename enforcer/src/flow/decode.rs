//! Ring-buffer bytes → [`DropEvent`].

use bytes::Buf;
use enforcer_common::event::{DROP_EVENT_LEN, DropEvent};

/// Decodes one record; `None` when it has not the length of one.
#[must_use]
pub fn decode(mut record: impl Buf) -> Option<DropEvent> {
    if record.remaining() != DROP_EVENT_LEN {
        return None;
    }
    let mut event = DropEvent {
        time: record.get_u64_ne(),
        endpoint: record.get_u32_ne(),
        rule: record.get_u32_ne(),
        generation: record.get_u32_ne(),
        length: record.get_u32_ne(),
        slot: record.get_u16_ne(),
        reason: record.get_u8(),
        direction: record.get_u8(),
        family: record.get_u8(),
        protocol: record.get_u8(),
        tcp_flags: record.get_u8(),
        reserved: record.get_u8(),
        source_port: record.get_u16_ne(),
        destination_port: record.get_u16_ne(),
        ether_type: record.get_u16_ne(),
        reserved_too: record.get_u16_ne(),
        source: [0; 16],
        destination: [0; 16],
    };
    record.copy_to_slice(&mut event.source);
    record.copy_to_slice(&mut event.destination);
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte its own value, so that two fields that changed places show.
    #[test]
    fn each_field_is_read_from_its_place() {
        let record: Vec<u8> = (1..=72).collect();
        let Some(event) = decode(record.as_slice()) else { unreachable!("72 bytes are a record") };
        assert_eq!(event.time, u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(event.endpoint, u32::from_ne_bytes([9, 10, 11, 12]));
        assert_eq!(event.rule, u32::from_ne_bytes([13, 14, 15, 16]));
        assert_eq!(event.generation, u32::from_ne_bytes([17, 18, 19, 20]));
        assert_eq!(event.length, u32::from_ne_bytes([21, 22, 23, 24]));
        assert_eq!(event.slot, u16::from_ne_bytes([25, 26]));
        assert_eq!([event.reason, event.direction, event.family, event.protocol], [27, 28, 29, 30]);
        assert_eq!(event.tcp_flags, 31);
        assert_eq!(event.source_port, u16::from_ne_bytes([33, 34]));
        assert_eq!(event.destination_port, u16::from_ne_bytes([35, 36]));
        assert_eq!(event.ether_type, u16::from_ne_bytes([37, 38]));
        assert_eq!(event.source.first(), Some(&41));
        assert_eq!(event.destination.last(), Some(&72));
    }

    #[test]
    fn other_lengths_are_no_records() {
        for length in [0, 71, 73] {
            assert_eq!(decode(vec![0; length].as_slice()), None);
        }
    }
}
