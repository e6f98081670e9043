//! What benchmarks measure the packet programs against: an empty program, and one look-up of each kind of table
//! with the same key. Never attached, and not in the agent.
//!
//! `turn` runs first where a benchmark wants many flows: it writes the next flow's address and port into the packet,
//! then calls the program under test. What it costs is in every figure, the empty program's too.
//!
//! One of the files with `unsafe` code: a counter in a map, and tail calls.
#![no_std]
#![feature(asm_experimental_arch)]
#![no_main]
#![expect(clippy::needless_pass_by_value, reason = "how a classifier is called")]
#![expect(missing_docs, unreachable_pub, reason = "the classifier macro makes a public, undocumented twin")]

#[path = "../object.rs"]
mod object;
#[path = "../packet.rs"]
mod packet;

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_F_NO_PREALLOC, tcx_action_base::TCX_NEXT},
    btf_maps::{Array, HashMap, LpmTrie, LruHashMap, ProgramArray, lpm_trie},
    macros::{btf_map, classifier},
    programs::TcContext,
};
use enforcer_common::{
    Direction,
    flow::{FlowEntry, Ground, Judgement, Opener},
    packet::Packet as _,
    tables::{Family as _, FlowKey4, FlowKey6, Ports, V4, V6, capacity},
};
use packet::Skb;

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// Protocol number of TCP, which all frames of the benchmarks carry.
const TCP: u32 = 6;
/// The interface that test runs are seen at.
const INTERFACE: u32 = 1;

#[btf_map]
static FLOWS4: HashMap<FlowKey4, FlowEntry, { capacity::CONFIRMED as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static FLOWS6: HashMap<FlowKey6, FlowEntry, { capacity::CONFIRMED as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static NEW4: LruHashMap<FlowKey4, FlowEntry, { capacity::OPENING as usize }> = LruHashMap::new();
#[btf_map]
static NEW6: LruHashMap<FlowKey6, FlowEntry, { capacity::OPENING as usize }> = LruHashMap::new();
#[btf_map]
static HASH4: HashMap<[u8; 4], u64, { capacity::ADDRESSES as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static HASH6: HashMap<[u8; 16], u64, { capacity::ADDRESSES as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static TRIE4: LpmTrie<[u8; 4], u32, { capacity::PREFIXES as usize }> = LpmTrie::new();
#[btf_map]
static TRIE6: LpmTrie<[u8; 16], u32, { capacity::PREFIXES as usize }> = LpmTrie::new();
/// The program that `turn` calls.
#[btf_map]
static TARGET: ProgramArray<1> = ProgramArray::new();
/// What `turn` does: see [`Wheel`].
#[btf_map]
static WHEEL: Array<Wheel, 1> = Array::new();

/// Which flow comes next, and where it is written; the agent's side knows the layout.
#[repr(C)]
pub struct Wheel {
    /// Packets so far.
    next: u64,
    /// How many flows there are.
    flows: u32,
    /// 0: each in its order; else the multiplier that mixes them, odd.
    mix: u32,
    /// Offset of the two bytes of the packet that take the upper half of the flow's number.
    address_at: u32,
    /// Offset of the two bytes that take the lower half.
    port_at: u32,
}

#[classifier]
pub fn empty(_ctx: TcContext) -> i32 {
    TCX_NEXT
}

/// Makes the packet one of the next flow, and calls the target.
#[classifier]
pub fn turn(ctx: TcContext) -> i32 {
    let Some(wheel) = WHEEL.get_ptr_mut(0) else { return TCX_NEXT };
    // SAFETY: benchmarks run one program on one CPU at a time.
    let wheel = unsafe { &mut *wheel };
    let number = wheel.next;
    wheel.next += 1;
    let flow = if wheel.mix == 0 {
        number.checked_rem(u64::from(wheel.flows)).unwrap_or(0)
    } else {
        // A Weyl sequence: each flow comes as often as any other, neighbours never after one another.
        ((number.wrapping_mul(u64::from(wheel.mix)) & 0xffff_ffff) * u64::from(wheel.flows)) >> 32
    };
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a flow's number")]
    let (upper, lower) = ((flow >> 16) as u16, flow as u16);
    let (address_at, port_at) = (wheel.address_at as usize, wheel.port_at as usize);
    let _written = ctx.store(address_at, &upper.to_be_bytes(), 0);
    let _written = ctx.store(port_at, &lower.to_be_bytes(), 0);
    // SAFETY: nothing of this program is used after it.
    unsafe { TARGET.tail_call(&ctx, 0) };
    TCX_NEXT
}

/// The flow of a TCP packet without options towards the pod.
#[inline(always)]
fn flow4(ctx: TcContext) -> Option<FlowKey4> {
    let [s0, s1, s2, s3, d0, d1, d2, d3, p0, p1, q0, q1] =
        Skb::new(ctx, Direction::Ingress).read::<12>(26)?;
    let ports = Ports { local: u16::from_be_bytes([q0, q1]), remote: u16::from_be_bytes([p0, p1]) };
    Some(V4::flow_key(INTERFACE, [d0, d1, d2, d3], [s0, s1, s2, s3], ports, TCP))
}

#[inline(always)]
fn flow6(ctx: TcContext) -> Option<FlowKey6> {
    let skb = Skb::new(ctx, Direction::Ingress);
    let (source, destination) = (skb.read::<16>(22)?, skb.read::<16>(38)?);
    let [p0, p1, q0, q1] = skb.read::<4>(54)?;
    let ports = Ports { local: u16::from_be_bytes([q0, q1]), remote: u16::from_be_bytes([p0, p1]) };
    Some(V6::flow_key(INTERFACE, destination, source, ports, TCP))
}

/// 0 where it was found, else 1: a benchmark checks what it measures.
#[inline(always)]
fn found(found: bool) -> i32 {
    i32::from(!found)
}

#[inline(always)]
fn entry() -> FlowEntry {
    let judgement =
        Judgement { generation: 0, slot: 0, opener: Opener::Remote, ground: Ground::Rules, denied: false };
    FlowEntry::new(judgement, 0, 0)
}

macro_rules! floors {
    ($key:ident, $address:literal, $bits:literal, $flow:ident in $flows:ident, $new:ident in $inserted:ident,
     $hash:ident in $addresses:ident, $trie:ident in $prefixes:ident) => {
        /// One look-up of a flow.
        #[classifier]
        pub fn $flow(ctx: TcContext) -> i32 {
            found($key(ctx).is_some_and(|key| $flows.get_ptr(&key).is_some()))
        }

        /// One insert of a flow.
        #[classifier]
        pub fn $new(ctx: TcContext) -> i32 {
            let Some(key) = $key(ctx) else { return found(false) };
            found($inserted.insert(&key, &entry(), BPF_ANY as u64).is_ok())
        }

        /// One look-up of the source in the hash.
        #[classifier]
        pub fn $hash(ctx: TcContext) -> i32 {
            let address = Skb::new(ctx, Direction::Ingress).read::<{ $bits / 8 }>($address);
            found(address.is_some_and(|address| $addresses.get_ptr(address).is_some()))
        }

        /// One look-up of the source in the trie.
        #[classifier]
        pub fn $trie(ctx: TcContext) -> i32 {
            let address = Skb::new(ctx, Direction::Ingress).read::<{ $bits / 8 }>($address);
            found(address.is_some_and(|address| $prefixes.get(&lpm_trie::Key::new($bits, address)).is_some()))
        }
    };
}

floors!(flow4, 26, 32, lookup4 in FLOWS4, insert4 in NEW4, hash4 in HASH4, trie4 in TRIE4);
floors!(flow6, 22, 128, lookup6 in FLOWS6, insert6 in NEW6, hash6 in HASH6, trie6 in TRIE6);
