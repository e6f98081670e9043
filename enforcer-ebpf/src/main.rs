//! The tc programs: a thin shell around [`enforcer_common::decide`].
//!
//! Invariant: no `if` about policy lives here. A program asks `decide`, branch by branch, and turns the
//! [`Verdict`] into a TCX code in one exhaustive match. Maps and their accessors are in `maps`,
//! packet access is in `packet`; no other file of this crate has `unsafe` code.
#![no_std]
#![feature(asm_experimental_arch)]
#![no_main]
#![expect(clippy::needless_pass_by_value, reason = "how a classifier is called")]
#![expect(missing_docs, unreachable_pub, reason = "the classifier macro makes a public, undocumented twin")]

mod maps;
mod object;
mod packet;

use aya_ebpf::{
    bindings::{
        __sk_buff,
        tcx_action_base::{TCX_DROP, TCX_NEXT},
    },
    macros::classifier,
    programs::TcContext,
};
use aya_log_ebpf::debug;
use enforcer_common::{
    Direction, Verdict, decide,
    packet::{Packet as _, ether_type, ethernet},
};
use maps::Maps;
use packet::Skb;

/// On the ingress hook of a pod's host-side interface: what the pod sends.
#[classifier]
pub fn from_pod(ctx: TcContext) -> i32 {
    run::<true>(&ctx)
}

/// On the egress hook of a pod's host-side interface: what is sent to the pod.
#[classifier]
pub fn to_pod(ctx: TcContext) -> i32 {
    run::<false>(&ctx)
}

/// Never attached: run by the agent to read the kernel's clock in ticks and in nanoseconds.
#[classifier]
pub fn clock(_ctx: TcContext) -> i32 {
    maps::write_clock();
    0
}

/// [`decide::decide`], its branches as functions of their own: the verifier forgets on the way back from one what was read
/// there, and their stacks are not added up.
#[inline(always)]
fn run<const FROM_POD: bool>(ctx: &TcContext) -> i32 {
    let raw = ctx.skb.skb;
    if fast::<FROM_POD>(raw) != 0 {
        return code(raw, direction(FROM_POD), Verdict::Pass);
    }
    let skb = skb::<FROM_POD>(raw);
    skb.gather();
    let (ether_type, start) = ethernet(&skb);
    match ether_type {
        ether_type::IPV4 => ipv4::<FROM_POD>(raw, start),
        ether_type::IPV6 => ipv6::<FROM_POD>(raw, start),
        _ => other::<FROM_POD>(raw, ether_type, start),
    }
}

#[inline(never)]
fn fast<const FROM_POD: bool>(raw: *mut __sk_buff) -> u32 {
    u32::from(decide::fast(&skb::<FROM_POD>(raw), &Maps))
}

#[inline(never)]
fn ipv4<const FROM_POD: bool>(raw: *mut __sk_buff, start: usize) -> i32 {
    code(raw, direction(FROM_POD), decide::ipv4(&skb::<FROM_POD>(raw), &Maps, start))
}

#[inline(never)]
fn ipv6<const FROM_POD: bool>(raw: *mut __sk_buff, start: usize) -> i32 {
    code(raw, direction(FROM_POD), decide::ipv6(&skb::<FROM_POD>(raw), &Maps, start))
}

#[inline(never)]
fn other<const FROM_POD: bool>(raw: *mut __sk_buff, ether_type: u16, start: usize) -> i32 {
    code(raw, direction(FROM_POD), decide::other(&skb::<FROM_POD>(raw), &Maps, ether_type, start))
}

#[inline(always)]
fn skb<const FROM_POD: bool>(raw: *mut __sk_buff) -> Skb {
    Skb::new(TcContext::new(raw), direction(FROM_POD))
}

const fn direction(from_pod: bool) -> Direction {
    if from_pod { Direction::Egress } else { Direction::Ingress }
}

#[inline(always)]
fn code(raw: *mut __sk_buff, direction: Direction, verdict: Verdict) -> i32 {
    match verdict {
        // To clsact this number is "unspecified": there too, other programs on the hook still run.
        Verdict::Pass => TCX_NEXT,
        Verdict::Drop(reason) => {
            debug!(&TcContext::new(raw), target: "kernel", "kernel program: drop, reason {}, direction {}", reason as u8, direction as u8);
            TCX_DROP
        }
    }
}
