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
    bindings::tcx_action_base::{TCX_DROP, TCX_NEXT},
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
    run(ctx, Direction::Egress)
}

/// On the egress hook of a pod's host-side interface: what is sent to the pod.
#[classifier]
pub fn to_pod(ctx: TcContext) -> i32 {
    run(ctx, Direction::Ingress)
}

/// Never attached: run by the agent to read the kernel's clock in ticks and in nanoseconds.
#[classifier]
pub fn clock(_ctx: TcContext) -> i32 {
    maps::write_clock();
    0
}

#[inline(always)]
fn run(ctx: TcContext, direction: Direction) -> i32 {
    let skb = Skb::new(ctx, direction);
    let verdict = decide(&skb, &Maps);
    match verdict {
        // To clsact this number is "unspecified": there too, other programs on the hook still run.
        Verdict::Pass => TCX_NEXT,
        Verdict::Drop(reason) => {
            debug!(skb.ctx(), target: "kernel", "kernel program: drop, reason {}, direction {}", reason as u8, direction as u8);
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
