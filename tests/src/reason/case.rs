//! What a case is.

use enforcer::model::Direction;
use enforcer_common::Reason;

use super::{Sender, Setting};
use crate::frame::{self, Frame, Packet, Transport};

/// Frames that come one after the other at an endpoint without flows.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// What the endpoint's tables hold.
    pub setting: Setting,
    /// The frames.
    pub steps: Vec<Step>,
}

/// A frame and what becomes of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// From the Ethernet header on.
    pub frame: Vec<u8>,
    /// The way it travels.
    pub direction: Direction,
    /// Who sent it.
    pub sender: Sender,
    /// The drop's reason; `None` passes.
    pub reason: Option<Reason>,
    /// What the event says beside what any frame tells, where that is known.
    pub fields: Option<Fields>,
}

/// What an event says of the upper-layer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// IANA number.
    pub protocol: u8,
    /// Source and destination.
    pub ports: (u16, u16),
    /// TCP's.
    pub flags: u8,
}

impl Case {
    /// A case without frames.
    pub(super) fn new(setting: Setting, name: impl Into<String>) -> Self {
        Self { name: name.into(), setting, steps: Vec::new() }
    }

    /// A frame that passes.
    pub(super) fn passes(self, direction: Direction, frame: Vec<u8>) -> Self {
        self.step(direction, Sender::Elsewhere, frame, None)
    }

    /// A frame that is dropped.
    pub(super) fn drops(self, reason: Reason, direction: Direction, frame: Vec<u8>) -> Self {
        self.step(direction, Sender::Elsewhere, frame, Some(reason))
    }

    /// A packet that passes.
    pub(super) fn packet_passes(self, sender: Sender, packet: Packet) -> Self {
        self.step(packet.direction, sender, frame::ethernet(&packet), None)
    }

    /// A packet that is dropped; its event names its ports.
    pub(super) fn packet_drops(mut self, reason: Reason, sender: Sender, packet: Packet) -> Self {
        self = self.step(packet.direction, sender, frame::ethernet(&packet), Some(reason));
        if let Some(step) = self.steps.last_mut() {
            step.fields = Some(Fields::of(&packet));
        }
        self
    }

    /// A described frame that passes.
    pub(super) fn frame_passes(self, sender: Sender, frame: &Frame) -> Self {
        self.step(frame.direction, sender, frame.bytes(), None)
    }

    /// A described frame that is dropped.
    pub(super) fn frame_drops(self, reason: Reason, sender: Sender, frame: &Frame) -> Self {
        self.step(frame.direction, sender, frame.bytes(), Some(reason))
    }

    fn step(mut self, direction: Direction, sender: Sender, frame: Vec<u8>, reason: Option<Reason>) -> Self {
        self.steps.push(Step { frame, direction, sender, reason, fields: None });
        self
    }
}

impl Fields {
    fn of(packet: &Packet) -> Self {
        let flags = if let Transport::Tcp { flags, .. } = packet.transport { flags.0 } else { 0 };
        // An echo's identifier stands in the place of both ports.
        let ports = if let Transport::Icmp { identifier, .. } = packet.transport
            && packet.is_echo()
        {
            (identifier, identifier)
        } else {
            packet.ports().unwrap_or_default()
        };
        Self { protocol: packet.protocol(), ports, flags }
    }
}
