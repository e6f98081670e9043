//! Packet access: direct reads of the linear data, and what else the skb tells.
//!
//! One of the two files of this crate with `unsafe` code: reads between `data` and `data_end`, and fields of
//! the context. Non-linear packets are pulled first; what still cannot be read is a fault to `decide`,
//! never a pass.

use core::ptr;

use aya_ebpf::{
    Global, bindings,
    helpers::{bpf_get_socket_cookie, bpf_jiffies64, bpf_ktime_get_boot_ns},
    programs::TcContext,
};
use enforcer_common::{
    Direction,
    packet::{Context, Origin, Packet},
};

/// Bytes that hold every header we walk in all but absurd packets.
const PULL: u32 = 192;

/// Offsets past this are no headers; the bound also lets the verifier add an offset to a packet pointer.
const MAX_OFFSET: usize = 0x3fff;

/// Set before load by tests: a test run can set neither the incoming interface nor `tc_index`, so the
/// origin is read from the mark instead. A constant to the verifier, which removes the other branch.
#[unsafe(no_mangle)]
static ORIGIN_FROM_MARK: Global<u8> = Global::new(0);

/// A packet at a hook.
pub(crate) struct Skb {
    ctx: TcContext,
    direction: Direction,
}

impl Skb {
    /// Pulls the headers into linear data where they are not there yet.
    #[inline(always)]
    pub(crate) fn new(ctx: TcContext, direction: Direction) -> Self {
        let linear = ctx.data_end().wrapping_sub(ctx.data());
        let wanted = if ctx.len() < PULL { ctx.len() } else { PULL };
        if linear < wanted as usize {
            // A failure leaves the packet as it was: its headers then cannot be read, which is a fault.
            let _pulled = ctx.pull_data(wanted);
        }
        Self { ctx, direction }
    }

    /// The context, for log lines.
    #[inline(always)]
    pub(crate) fn ctx(&self) -> &TcContext {
        &self.ctx
    }

    #[inline(always)]
    fn raw(&self) -> *mut bindings::__sk_buff {
        self.ctx.skb.skb
    }
}

impl Packet for Skb {
    #[inline(always)]
    fn length(&self) -> u32 {
        self.ctx.len()
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        const { assert!(N >= 2) }
        if offset > MAX_OFFSET {
            return None;
        }
        let start = self.ctx.data() + offset;
        if start + N > self.ctx.data_end() {
            return None;
        }
        // SAFETY: `start..start + N` lies within the packet, as just compared; any bytes are a `[u8; N]`.
        Some(unsafe { ptr::read_unaligned(start as *const [u8; N]) })
    }
}

impl Context for Skb {
    #[inline(always)]
    fn interface(&self) -> u32 {
        // SAFETY: the kernel passes a valid context; the verifier checks the field's offset.
        unsafe { (*self.raw()).ifindex }
    }

    #[inline(always)]
    fn direction(&self) -> Direction {
        self.direction
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "flows keep the low half, compared modulo 2³²")]
    fn now(&self) -> u32 {
        // SAFETY: the helper takes no arguments.
        unsafe { bpf_jiffies64() as u32 }
    }

    #[inline(always)]
    fn time(&self) -> u64 {
        // SAFETY: the helper takes no arguments.
        unsafe { bpf_ktime_get_boot_ns() }
    }

    /// Node origin is `ingress_ifindex == 0`, a socket, and no token of a pod: each of the first two alone
    /// can be had by a pod, by re-fragmentation and over a bridge.
    #[inline(always)]
    fn origin(&self) -> Origin {
        if ORIGIN_FROM_MARK.load() != 0 {
            // SAFETY: as in `interface`.
            return from_mark(unsafe { (*self.raw()).mark });
        }
        // SAFETY: as in `interface`.
        let (token, incoming) = unsafe { ((*self.raw()).tc_index, (*self.raw()).ingress_ifindex) };
        if token != 0 {
            return Origin::Pod((token & 0xffff) as u16);
        }
        // SAFETY: the helper takes the context it was given.
        if incoming == 0 && unsafe { bpf_get_socket_cookie(self.raw().cast()) } != 0 {
            return Origin::Node;
        }
        Origin::Elsewhere
    }

    #[inline(always)]
    fn stamp(&self, token: u16) {
        // SAFETY: as in `interface`; tc programs may write `tc_index`.
        unsafe { (*self.raw()).tc_index = u32::from(token) }
    }
}

/// The origin as a test encodes it: 0 elsewhere, 1 the node, `0x10000 | token` a pod.
#[inline(always)]
fn from_mark(mark: u32) -> Origin {
    match mark >> 16 {
        0 if mark == 1 => Origin::Node,
        0 => Origin::Elsewhere,
        _ => Origin::Pod((mark & 0xffff) as u16),
    }
}
