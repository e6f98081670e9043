//! The tc programs: a thin shell around [`enforcer_common::decide`].
//!
//! Invariant: no `if` about policy lives here. A program pulls the headers into reach, asks `decide`, and
//! turns the [`Verdict`] into a TCX code in one exhaustive match. Maps and their accessors are in `maps`,
//! packet access is in `packet`; no other file of this crate has `unsafe` code.
#![no_std]
#![feature(asm_experimental_arch)]
#![no_main]
#![expect(missing_docs, unreachable_pub, reason = "the classifier macro makes a public, undocumented twin")]

mod maps;
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
use enforcer_common::{Direction, Verdict, decide};
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

// The two halves of the verdict are functions of their own to the kernel too: the verifier forgets what was read on the
// way to a "no" and walks the long way once, and their stacks are not added up.

#[inline(never)]
fn fast<const FROM_POD: bool>(skb: *mut __sk_buff) -> u32 {
    decide::fast(&Skb::new(TcContext::new(skb), direction(FROM_POD)), &Maps) as u32
}

#[inline(never)]
fn thorough<const FROM_POD: bool>(skb: *mut __sk_buff) -> i32 {
    let verdict = decide::thorough(&Skb::new(TcContext::new(skb), direction(FROM_POD)), &Maps);
    code(skb, direction(FROM_POD), verdict)
}

const fn direction(from_pod: bool) -> Direction {
    if from_pod { Direction::Egress } else { Direction::Ingress }
}

#[inline(always)]
fn run<const FROM_POD: bool>(ctx: &TcContext) -> i32 {
    let skb = ctx.skb.skb;
    if fast::<FROM_POD>(skb) != 0 {
        code(skb, direction(FROM_POD), Verdict::Pass)
    } else {
        thorough::<FROM_POD>(skb)
    }
}

#[inline(always)]
fn code(skb: *mut __sk_buff, direction: Direction, verdict: Verdict) -> i32 {
    match verdict {
        // To clsact this number is "unspecified": there too, other programs on the hook still run.
        Verdict::Pass => TCX_NEXT,
        Verdict::Drop(reason) => {
            debug!(&TcContext::new(skb), target: "kernel", "kernel program: drop, reason {}, direction {}", reason as u8, direction as u8);
            TCX_DROP
        }
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier proves that this is never reached; there is nothing a kernel program could do here.
    loop {}
}

/// The licence that the kernel asks of programs that call GPL-only helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
