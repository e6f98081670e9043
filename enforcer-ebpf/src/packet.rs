//! Packet access: direct reads of the linear data, and what else the skb tells.
//!
//! One of the two files of this crate with `unsafe` code: reads between `data` and `data_end`, and fields of
//! the context. Non-linear packets are pulled first; what still cannot be read is a fault to `decide`,
//! never a pass.

use core::arch::asm;

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
///
/// Fields of the context are read once, or in functions of their own: where the compiler finds two uses of a
/// field it may keep a pointer to it, and the verifier refuses a context pointer that was added to.
pub(crate) struct Skb {
    ctx: TcContext,
    direction: Direction,
    length: u32,
    interface: u32,
}

impl Skb {
    /// A packet whose headers may not all be in linear data yet.
    #[inline(always)]
    pub(crate) fn new(ctx: TcContext, direction: Direction) -> Self {
        let length = ctx.len();
        // SAFETY: the kernel passes a valid context; the verifier checks the field's offset.
        let interface = unsafe { (*ctx.skb.skb).ifindex };
        Self { ctx, direction, length, interface }
    }

    #[inline(always)]
    fn raw(&self) -> *mut bindings::__sk_buff {
        self.ctx.skb.skb
    }
}

impl Packet for Skb {
    #[inline(always)]
    fn length(&self) -> u32 {
        self.length
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
        let mut bytes = [0; N];
        let mut at = 0;
        // SAFETY: `start..start + N` lies within the packet, as just compared, and so does each word of it.
        unsafe {
            while at + 8 <= N {
                place(&mut bytes, at, load64(start + at).to_ne_bytes());
                at += 8;
            }
            if at + 4 <= N {
                place(&mut bytes, at, load32(start + at).to_ne_bytes());
                at += 4;
            }
            if at + 2 <= N {
                place(&mut bytes, at, load16(start + at).to_ne_bytes());
                at += 2;
            }
            if at < N {
                place(&mut bytes, at, [load8(start + at)]);
            }
        }
        Some(bytes)
    }

    /// Pulls the headers into linear data where they are not there yet.
    #[inline(always)]
    fn gather(&self) {
        let linear = self.ctx.data_end().wrapping_sub(self.ctx.data());
        let wanted = if self.length < PULL { self.length } else { PULL };
        if linear < wanted as usize {
            // A failure leaves the packet as it was: its headers then cannot be read, which is a fault.
            let _pulled = self.ctx.pull_data(wanted);
        }
    }

    #[inline(always)]
    fn opaque(&self, word: u64) -> u64 {
        opaque(word)
    }
}

/// A global function (Documentation/bpf/kernel, `bpf_design_QA`; since Linux 5.6): the verifier looks at it once, for
/// itself, and takes what it returns for any number.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn opaque(word: u64) -> u64 {
    word ^ u64::from(NOTHING.load())
}

/// 0. Read from memory, so that the compiler does not see that [`opaque`] returns its argument.
static NOTHING: Global<u8> = Global::new(0);

/// Copies a word's bytes to their place.
#[inline(always)]
fn place<const N: usize, const M: usize>(bytes: &mut [u8; N], at: usize, word: [u8; M]) {
    if let Some(place) = bytes.get_mut(at..at + M) {
        place.copy_from_slice(&word);
    }
}

// Headers lie at any address, and the kernel lets programs read packets there. The compiler does not know that: what it is
// not told to be aligned it reads byte by byte, and a byte then has 8 of the stack's 512 bytes to itself. So
// these say which instruction is meant.
macro_rules! loads {
    ($($name:ident: $type:ty, $instruction:literal;)*) => {
        $(
            /// One load.
            ///
            /// # Safety
            /// The address and the word's other bytes lie within the packet.
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "the instruction loads no more than the type has")]
            unsafe fn $name(address: usize) -> $type {
                let word: u64;
                // SAFETY: the caller's promise; the verifier checks it.
                unsafe {
                    asm!(
                        $instruction,
                        word = out(reg) word,
                        address = in(reg) address,
                        options(pure, readonly, nostack, preserves_flags)
                    );
                }
                word as $type
            }
        )*
    };
}

loads! {
    load64: u64, "{word} = *(u64 *)({address} + 0)";
    load32: u32, "{word} = *(u32 *)({address} + 0)";
    load16: u16, "{word} = *(u16 *)({address} + 0)";
    load8: u8, "{word} = *(u8 *)({address} + 0)";
}

impl Context for Skb {
    #[inline(always)]
    fn interface(&self) -> u32 {
        self.interface
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

    #[inline(always)]
    fn origin(&self) -> Origin {
        let word = origin_word(self.raw());
        match word >> 16 {
            0 if word == NODE => Origin::Node,
            0 => Origin::Elsewhere,
            _ => Origin::Pod((word & 0xffff) as u16),
        }
    }

    #[inline(always)]
    fn stamp(&self, token: u16) {
        write_token(self.raw(), u32::from(token));
    }
}

/// The origin in one word, as tests put it into the mark: 0 elsewhere, [`NODE`] the node, `POD | token` a pod.
const NODE: u32 = 1;
const POD: u32 = 0x1_0000;

/// Node origin is `ingress_ifindex == 0`, a socket, and no token of a pod: each of the first two alone can be
/// had by a pod, by re-fragmentation and over a bridge.
#[inline(never)]
fn origin_word(skb: *mut bindings::__sk_buff) -> u32 {
    // SAFETY: `skb` is the context that the kernel passed; the verifier checks the fields' offsets, and the
    // helper takes the context it was given.
    unsafe {
        if ORIGIN_FROM_MARK.load() != 0 {
            return (*skb).mark;
        }
        let token = (*skb).tc_index;
        if token != 0 {
            return POD | token & 0xffff;
        }
        if (*skb).ingress_ifindex == 0 && bpf_get_socket_cookie(skb.cast()) != 0 {
            return NODE;
        }
    }
    0
}

#[inline(never)]
fn write_token(skb: *mut bindings::__sk_buff, token: u32) -> u32 {
    // SAFETY: as in `origin_word`; tc programs may write `tc_index`.
    unsafe { (*skb).tc_index = token }
    // A value, because old kernels want one of every function.
    0
}
