//! For benchmarks: runs the packet programs many times over, beside an empty program and single look-ups of the same
//! keys, on one packet or on those of many flows in turn (`enforcer-ebpf/src/bench`).

use std::time::Duration;

use aya::{
    Ebpf, EbpfLoader, Pod, include_bytes_aligned,
    maps::{Array, HashMap, LpmTrie, MapData, ProgramArray, lpm_trie::Key},
    programs::{ProgramError, ProgramFd, SchedClassifier, TestRun as _, TestRunOptions},
};
use enforcer_common::Direction;
use ipnet::IpNet;

use super::{
    Dataplane, DataplaneError,
    load::program,
    maps::{Hash, set, take},
};
use crate::tuple::FlowKey;

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench"));

/// A program to measure against. All but the first want a TCP packet without options, towards the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// Does nothing.
    Empty,
    /// Looks up an IPv4 flow in a hash table.
    Lookup4,
    /// Looks up an IPv6 flow in a hash table.
    Lookup6,
    /// Inserts an IPv4 flow into an LRU table.
    Insert4,
    /// Inserts an IPv6 flow into an LRU table.
    Insert6,
    /// Looks up the IPv4 source in a hash table.
    Hash4,
    /// Looks up the IPv6 source in a hash table.
    Hash6,
    /// Looks up the IPv4 source in a trie.
    Trie4,
    /// Looks up the IPv6 source in a trie.
    Trie6,
}

impl Floor {
    const ALL: [Self; 9] = [
        Self::Empty,
        Self::Lookup4,
        Self::Lookup6,
        Self::Insert4,
        Self::Insert6,
        Self::Hash4,
        Self::Hash6,
        Self::Trie4,
        Self::Trie6,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Lookup4 => "lookup4",
            Self::Lookup6 => "lookup6",
            Self::Insert4 => "insert4",
            Self::Insert6 => "insert6",
            Self::Hash4 => "hash4",
            Self::Hash6 => "hash6",
            Self::Trie4 => "trie4",
            Self::Trie6 => "trie6",
        }
    }
}

/// How to make one packet that of many flows: each run of the program has the next flow's number written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel {
    /// How many flows there are.
    pub flows: u32,
    /// The first one's number; goes on from there.
    pub start: u64,
    /// In an order in which no two neighbours follow each other.
    pub mixed: bool,
    /// Offset of the two bytes that take the upper half of the flow's number.
    pub address_at: u32,
    /// Offset of the two bytes that take the lower half.
    pub port_at: u32,
}

impl Wheel {
    /// 2³² divided by the golden ratio: the multiplier that spreads consecutive numbers best (Knuth, volume 3, 6.4).
    const MIX: u32 = 2_654_435_769;

    /// The layout of `Wheel` in the program.
    fn to_bytes(self) -> [u8; 24] {
        let mix = if self.mixed { Self::MIX } else { 0 };
        let words = [self.flows, mix, self.address_at, self.port_at].map(u32::to_ne_bytes);
        let mut bytes = [0; 24];
        let (next, rest) = bytes.split_at_mut(8);
        next.copy_from_slice(&self.start.to_ne_bytes());
        rest.copy_from_slice(words.as_flattened());
        bytes
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The frame, from its Ethernet header on.
    pub frame: &'a [u8],
    /// How many times.
    pub repeat: u32,
    /// Where the packet is one of many flows.
    pub wheel: Option<Wheel>,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// Mean of one run, the kernel's loop included; the kernel tells whole nanoseconds.
    pub mean: Duration,
    /// What the last run returned.
    pub code: i32,
}

/// The floors, loaded.
pub struct Floors {
    ebpf: Ebpf,
    target: ProgramArray<MapData>,
    wheel: Array<MapData, [u8; 24]>,
    flows4: Hash<[u8; 24], [u8; 64]>,
    flows6: Hash<[u8; 48], [u8; 64]>,
    hash4: Hash<[u8; 4], u64>,
    hash6: Hash<[u8; 16], u64>,
    trie4: LpmTrie<MapData, [u8; 4], u32>,
    trie6: LpmTrie<MapData, [u8; 16], u32>,
}

impl Floors {
    /// Loads them.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load() -> Result<Self, DataplaneError> {
        let mut ebpf =
            EbpfLoader::new().load(OBJECT).map_err(|source| DataplaneError::Load(Box::new(source)))?;
        for name in Floor::ALL.map(Floor::name).into_iter().chain(["turn"]) {
            program(&mut ebpf, name)?.load().map_err(refused(name))?;
        }
        Ok(Self {
            target: take(&mut ebpf, "TARGET")?,
            wheel: take(&mut ebpf, "WHEEL")?,
            flows4: take(&mut ebpf, "FLOWS4")?,
            flows6: take(&mut ebpf, "FLOWS6")?,
            hash4: take(&mut ebpf, "HASH4")?,
            hash6: take(&mut ebpf, "HASH6")?,
            trie4: take(&mut ebpf, "TRIE4")?,
            trie6: take(&mut ebpf, "TRIE6")?,
            ebpf,
        })
    }

    /// Puts flows into the tables that [`Floor::Lookup4`] and [`Floor::Lookup6`] ask.
    ///
    /// # Errors
    /// When they are full.
    pub fn add_flows(&mut self, keys: impl IntoIterator<Item = FlowKey>) -> Result<(), DataplaneError> {
        for key in keys {
            match key {
                FlowKey::V4(key) => add(&mut self.flows4, "FLOWS4", key.to_bytes(), [0; 64])?,
                FlowKey::V6(key) => add(&mut self.flows6, "FLOWS6", key.to_bytes(), [0; 64])?,
            }
        }
        Ok(())
    }

    /// Puts what the packet programs know of addresses into the tables of the other floors.
    ///
    /// # Errors
    /// When they are full.
    pub fn add_addresses(
        &mut self,
        addresses: impl IntoIterator<Item = std::net::IpAddr>,
        prefixes: impl IntoIterator<Item = IpNet>,
    ) -> Result<(), DataplaneError> {
        for address in addresses {
            match address {
                std::net::IpAddr::V4(address) => add(&mut self.hash4, "HASH4", address.octets(), 1)?,
                std::net::IpAddr::V6(address) => add(&mut self.hash6, "HASH6", address.octets(), 1)?,
            }
        }
        for net in prefixes {
            let bits = u32::from(net.prefix_len());
            match net {
                IpNet::V4(net) => self.trie4.insert(&Key::new(bits, net.network().octets()), 1, 0),
                IpNet::V6(net) => self.trie6.insert(&Key::new(bits, net.network().octets()), 1, 0),
            }
            .map_err(DataplaneError::map("TRIE"))?;
        }
        Ok(())
    }

    /// Runs a floor.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn run(&mut self, floor: Floor, run: Run<'_>) -> Result<Ran, DataplaneError> {
        let Some(wheel) = run.wheel else { return repeat(program(&mut self.ebpf, floor.name())?, run) };
        let target = fd(program(&mut self.ebpf, floor.name())?)?;
        self.turn(&target, wheel, run)
    }

    /// Runs the packet program of a direction.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn run_ours(
        &mut self,
        ours: &mut Dataplane,
        direction: Direction,
        run: Run<'_>,
    ) -> Result<Ran, DataplaneError> {
        let name = match direction {
            Direction::Ingress => "to_pod",
            Direction::Egress => "from_pod",
        };
        let program = ours.program(name)?;
        let Some(wheel) = run.wheel else { return repeat(program, run) };
        let target = fd(program)?;
        self.turn(&target, wheel, run)
    }

    fn turn(&mut self, target: &ProgramFd, wheel: Wheel, run: Run<'_>) -> Result<Ran, DataplaneError> {
        self.target.set(0, target, 0).map_err(DataplaneError::map("TARGET"))?;
        self.wheel.set(0, wheel.to_bytes(), 0).map_err(DataplaneError::map("WHEEL"))?;
        repeat(program(&mut self.ebpf, "turn")?, run)
    }
}

fn repeat(program: &SchedClassifier, run: Run<'_>) -> Result<Ran, DataplaneError> {
    let options = TestRunOptions { data_in: Some(run.frame), repeat: run.repeat, ..TestRunOptions::new() };
    let result = program.test_run(options).map_err(refused("of a benchmark"))?;
    Ok(Ran { mean: result.duration, code: result.return_value.cast_signed() })
}

fn fd(program: &SchedClassifier) -> Result<ProgramFd, DataplaneError> {
    let fd = program.fd().map_err(refused("of a benchmark"))?;
    fd.try_clone()
        .map_err(|source| DataplaneError::System { what: "a program's descriptor".to_owned(), source })
}

fn add<K: Pod, V: Pod>(
    map: &mut HashMap<MapData, K, V>,
    name: &'static str,
    key: K,
    value: V,
) -> Result<(), DataplaneError> {
    set(map, key, value).map_err(DataplaneError::map(name))
}

fn refused(program: &'static str) -> impl FnOnce(ProgramError) -> DataplaneError {
    move |source| DataplaneError::Program { program, source: Box::new(source) }
}
