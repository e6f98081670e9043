//! Handles to the maps, typed by bytes.

use std::borrow::Borrow;

use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, LpmTrie, Map, MapData, MapError, PerCpuArray},
};

use super::DataplaneError;

/// A hash map in user space.
pub(super) type Hash<K, V> = HashMap<MapData, K, V>;

/// Handles to the maps that the agent writes or reads.
pub(super) struct Maps {
    pub(super) endpoints: Hash<u32, u64>,
    pub(super) own4: Hash<[u8; 8], u32>,
    pub(super) own6: Hash<[u8; 20], u32>,
    pub(super) own_prefixes4: LpmTrie<MapData, [u8; 8], u32>,
    pub(super) own_prefixes6: LpmTrie<MapData, [u8; 20], u32>,
    pub(super) addresses4: Hash<[u8; 4], u64>,
    pub(super) addresses6: Hash<[u8; 16], u64>,
    pub(super) prefixes4: LpmTrie<MapData, [u8; 4], u32>,
    pub(super) prefixes6: LpmTrie<MapData, [u8; 16], u32>,
    pub(super) rows: Hash<[u8; 8], u64>,
    pub(super) intervals: Array<MapData, u64>,
    pub(super) generations: Array<MapData, u32>,
    pub(super) policy_generations: Array<MapData, u64>,
    pub(super) confirmed4: Hash<[u8; 24], [u8; 64]>,
    pub(super) confirmed6: Hash<[u8; 48], [u8; 64]>,
    pub(super) opening4: Hash<[u8; 24], [u8; 64]>,
    pub(super) opening6: Hash<[u8; 48], [u8; 64]>,
    pub(super) fragments4: Hash<[u8; 24], [u8; 16]>,
    pub(super) fragments6: Hash<[u8; 48], [u8; 16]>,
    pub(super) spent: Array<MapData, u32>,
    pub(super) budget: Array<MapData, u32>,
    pub(super) counters: PerCpuArray<MapData, u64>,
    pub(super) clock: Array<MapData, u64>,
}

impl Maps {
    /// Takes the maps out of the loaded object.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, DataplaneError> {
        Ok(Self {
            endpoints: take(ebpf, "ENDPOINTS")?,
            own4: take(ebpf, "OWN4")?,
            own6: take(ebpf, "OWN6")?,
            own_prefixes4: take(ebpf, "OWN_PREFIXES4")?,
            own_prefixes6: take(ebpf, "OWN_PREFIXES6")?,
            addresses4: take(ebpf, "ADDRESSES4")?,
            addresses6: take(ebpf, "ADDRESSES6")?,
            prefixes4: take(ebpf, "PREFIXES4")?,
            prefixes6: take(ebpf, "PREFIXES6")?,
            rows: take(ebpf, "ROWS")?,
            intervals: take(ebpf, "INTERVALS")?,
            generations: take(ebpf, "GENERATIONS")?,
            policy_generations: take(ebpf, "POLICY_GENERATIONS")?,
            confirmed4: take(ebpf, "CONFIRMED4")?,
            confirmed6: take(ebpf, "CONFIRMED6")?,
            opening4: take(ebpf, "OPENING4")?,
            opening6: take(ebpf, "OPENING6")?,
            fragments4: take(ebpf, "FRAGMENTS4")?,
            fragments6: take(ebpf, "FRAGMENTS6")?,
            spent: take(ebpf, "SPENT")?,
            budget: take(ebpf, "BUDGET")?,
            counters: take(ebpf, "COUNTERS")?,
            clock: take(ebpf, "CLOCK")?,
        })
    }
}

/// Takes one map.
pub(super) fn take<T: TryFrom<Map, Error = MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, DataplaneError> {
    let map = ebpf.take_map(name).ok_or(DataplaneError::Missing(name))?;
    T::try_from(map).map_err(DataplaneError::map(name))
}

/// Removes a key; a key that is not there is as good as removed.
pub(super) fn remove<K: Pod, V: Pod>(map: &mut Hash<K, V>, key: &K) -> Result<(), MapError> {
    absent_is_fine(map.remove(key))
}

/// A delete of what is not there.
pub(super) fn absent_is_fine(result: Result<(), MapError>) -> Result<(), MapError> {
    match result {
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(()),
        other => other,
    }
}

/// Inserts or replaces.
pub(super) fn set<K: Pod, V: Pod>(
    map: &mut Hash<K, V>,
    key: impl Borrow<K>,
    value: V,
) -> Result<(), MapError> {
    map.insert(key, value, 0)
}
