//! A pod that sends what it likes.

use anyhow::Result;

use super::{Scene, pod};
use crate::{
    lab::{BRIDGE, Topology},
    wire::framed,
    wire::{Port, mac},
};

/// A pod's interface without the pod's kernel.
#[derive(Debug)]
pub struct RawPod {
    port: Port,
    /// Its own hardware address.
    pub own: [u8; 6],
    /// Its gateway's.
    pub gateway: [u8; 6],
}

impl Scene {
    /// Opens a pod's interface.
    pub fn raw(&self, name: &str) -> Result<RawPod> {
        let pod = self.lab.pod(&pod(name))?;
        let gateway = match self.lab.topology() {
            Topology::Routed => pod.interface(),
            Topology::Bridged { .. } => BRIDGE,
        };
        Ok(RawPod {
            port: Port::open(pod.netns(), "eth0")?,
            own: mac(pod.netns(), "eth0")?,
            gateway: mac(self.lab.node(), gateway)?,
        })
    }

    /// The hardware address at which a pod's neighbour reaches another pod.
    pub fn next_hop(&self, from: &RawPod, to: &str) -> Result<[u8; 6]> {
        match self.lab.topology() {
            Topology::Routed => Ok(from.gateway),
            Topology::Bridged { .. } => mac(self.netns(to)?, "eth0"),
        }
    }
}

impl RawPod {
    /// Sends a whole frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        self.port.send(frame)
    }

    /// Sends an IP packet to a hardware address.
    pub fn send_ip(&self, to: [u8; 6], packet: &[u8]) -> Result<()> {
        self.send(&self.ip(to, packet))
    }

    /// The frame of an IP packet.
    #[must_use]
    pub fn ip(&self, to: [u8; 6], packet: &[u8]) -> Vec<u8> {
        let is_ipv4 = packet.first().is_some_and(|byte| byte >> 4 == 4);
        framed(to, self.own, if is_ipv4 { 0x0800 } else { 0x86dd }, packet)
    }
}
