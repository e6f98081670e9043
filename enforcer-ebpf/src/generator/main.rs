//! A source and a sink of packets, and a program that does nothing, for benchmarks of forwarding. Not in the agent.
//!
//! `generate` is run by BPF_PROG_TEST_RUN on live frames: what it passes, the interface named by the run has received.
//! That is a pod's own end of its veth, where `source` turns the frames round: they leave the pod as its own. What is
//! received in a test run comes in lists of one destination, of which the kernel routes one packet and takes the
//! rest along; what a pod sends comes out of its veth one by one, and so do these.
//!
//! Pages are used again, with what routing has changed in them, so each frame is written anew.
//!
//! One of the files with `unsafe` code: helpers that take a pointer, and the interface of a packet.
#![no_std]
#![no_main]
#![expect(clippy::needless_pass_by_value, reason = "how such programs are called")]
#![expect(missing_docs, unreachable_pub, reason = "the macros make public, undocumented twins")]

#[path = "../object.rs"]
mod object;

use aya_ebpf::{
    bindings::{
        tcx_action_base::{TCX_DROP, TCX_NEXT},
        xdp_action::{XDP_ABORTED, XDP_PASS},
    },
    btf_maps::Array,
    helpers::{bpf_redirect, generated::bpf_xdp_store_bytes},
    macros::{btf_map, classifier, xdp},
    programs::{TcContext, XdpContext},
};

/// Bytes of a frame: the least that Ethernet has, its check sequence included. The agent's side knows it.
const LENGTH: u32 = 64;

/// What is sent.
#[btf_map]
static FRAME: Array<[u8; LENGTH as usize], 1> = Array::new();

/// Makes the run's frame the one to send.
#[xdp]
pub fn generate(ctx: XdpContext) -> u32 {
    let Some(frame) = FRAME.get_ptr(0) else { return XDP_ABORTED };
    // SAFETY: the helper checks the bounds of the packet, the verifier those of the map's value.
    let written = unsafe { bpf_xdp_store_bytes(ctx.ctx, 0, frame.cast_mut().cast(), LENGTH) };
    if written == 0 { XDP_PASS } else { XDP_ABORTED }
}

/// Where they come from: sends what has their length.
#[classifier]
pub fn source(ctx: TcContext) -> i32 {
    if ctx.len() != LENGTH {
        return TCX_NEXT;
    }
    // SAFETY: the verifier knows the context of a classifier.
    let redirected = unsafe { bpf_redirect((*ctx.skb.skb).ifindex, 0) };
    i32::try_from(redirected).unwrap_or(TCX_DROP)
}

/// Where they arrive: drops what has their length, so that nobody answers. Nothing that keeps the network going has it
/// (ARP 42 bytes, neighbour discovery 86, TCP without payload 54, 66 and more).
#[classifier]
pub fn sink(ctx: TcContext) -> i32 {
    if ctx.len() == LENGTH { TCX_DROP } else { TCX_NEXT }
}

/// What a hook costs that decides nothing.
#[classifier]
pub fn empty(_ctx: TcContext) -> i32 {
    TCX_NEXT
}
