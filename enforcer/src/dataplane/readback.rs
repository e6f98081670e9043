//! What the tables hold, read back from the kernel. The programs only read these maps, so nothing changes on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use aya::{
    Pod,
    maps::{LpmTrie, MapData, MapError, lpm_trie::Key},
};
use enforcer_common::tables::{
    Endpoint, Family, Interval, PolicyGeneration, Row, RowKey, V4, V6, capacity, unpack_class,
};
use ipnet::IpNet;

use super::{
    Dataplane, DataplaneError,
    maps::{Hash, Maps},
};
use crate::plan::TableImage;

/// Why the tables say nothing that could be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The kernel does not tell.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The entries do not fit together, or into this layout.
    #[error("{table}: {what}")]
    Inconsistent {
        /// The table's name in the kernel.
        table: &'static str,
        /// The entry.
        what: String,
    },
}

fn inconsistent(table: &'static str, what: impl Into<String>) -> ReadError {
    ReadError::Inconsistent { table, what: what.into() }
}

impl Dataplane {
    /// Reads the tables that plans are made of.
    ///
    /// # Errors
    /// When the kernel does not tell, or what it tells cannot be meant.
    pub fn read_tables(&self) -> Result<TableImage, ReadError> {
        let maps = &self.maps;
        let mut tables = TableImage {
            endpoints: endpoints(maps)?,
            rows: rows(maps)?,
            generations: generations(maps)?,
            policy_generations: policy_generations(maps)?,
            ..TableImage::default()
        };
        own(&maps.own4, "OWN4", &mut tables.own, split4)?;
        own(&maps.own6, "OWN6", &mut tables.own, split6)?;
        own_prefixes(&maps.own_prefixes4, "OWN_PREFIXES4", &mut tables.own_prefixes, split4)?;
        own_prefixes(&maps.own_prefixes6, "OWN_PREFIXES6", &mut tables.own_prefixes, split6)?;
        addresses::<V4, _>(&maps.addresses4, "ADDRESSES4", &mut tables.addresses)?;
        addresses::<V6, _>(&maps.addresses6, "ADDRESSES6", &mut tables.addresses)?;
        prefixes(&maps.prefixes4, "PREFIXES4", &mut tables.prefixes)?;
        prefixes(&maps.prefixes6, "PREFIXES6", &mut tables.prefixes)?;
        tables.intervals = intervals(maps, &tables.rows)?;
        Ok(tables)
    }
}

/// All entries of a hash table.
fn entries<K: Pod, V: Pod>(map: &Hash<K, V>, table: &'static str) -> Result<Vec<(K, V)>, DataplaneError> {
    map.iter().collect::<Result<_, MapError>>().map_err(DataplaneError::map(table))
}

fn endpoints(maps: &Maps) -> Result<BTreeMap<u32, Endpoint>, ReadError> {
    let entries = entries(&maps.endpoints, "ENDPOINTS")?.into_iter();
    let mut slots = BTreeSet::new();
    let read = |(interface, word)| match Endpoint::unpack(word, interface) {
        Some(endpoint) if slots.insert(endpoint.slot) => Ok((interface, endpoint)),
        Some(_) | None => Err(inconsistent("ENDPOINTS", format!("interface {interface} has {word:#x}"))),
    };
    entries.map(read).collect()
}

fn split4([a, b, c, d, rest @ ..]: [u8; 8]) -> (u32, IpAddr) {
    (u32::from_ne_bytes([a, b, c, d]), rest.into())
}

fn split6([a, b, c, d, rest @ ..]: [u8; 20]) -> (u32, IpAddr) {
    (u32::from_ne_bytes([a, b, c, d]), rest.into())
}

fn own<const N: usize>(
    map: &Hash<[u8; N], u32>,
    table: &'static str,
    own: &mut BTreeSet<(u32, IpAddr)>,
    split: impl Fn([u8; N]) -> (u32, IpAddr),
) -> Result<(), ReadError>
where
    [u8; N]: Pod,
{
    own.extend(entries(map, table)?.into_iter().map(|(key, _)| split(key)));
    Ok(())
}

/// A prefix in a trie, and what is said of it.
type Prefix<const N: usize> = (Key<[u8; N]>, u32);

/// All entries of a trie.
fn keys<const N: usize>(
    map: &LpmTrie<MapData, [u8; N], u32>,
    table: &'static str,
) -> Result<Vec<Prefix<N>>, DataplaneError>
where
    [u8; N]: Pod,
{
    map.iter().collect::<Result<_, MapError>>().map_err(DataplaneError::map(table))
}

fn net(address: IpAddr, length: Option<u32>, table: &'static str) -> Result<IpNet, ReadError> {
    let length = length.and_then(|length| u8::try_from(length).ok());
    let net = length.and_then(|length| IpNet::new(address, length).ok());
    net.filter(|net| net.trunc() == *net)
        .ok_or_else(|| inconsistent(table, format!("{address} of {length:?} bits")))
}

fn own_prefixes<const N: usize>(
    map: &LpmTrie<MapData, [u8; N], u32>,
    table: &'static str,
    own: &mut BTreeSet<(u32, IpNet)>,
    split: impl Fn([u8; N]) -> (u32, IpAddr),
) -> Result<(), ReadError>
where
    [u8; N]: Pod,
{
    for (key, _) in keys(map, table)? {
        let (interface, address) = split(key.data());
        own.insert((interface, net(address, key.prefix_len().checked_sub(u32::BITS), table)?));
    }
    Ok(())
}

fn addresses<F, const N: usize>(
    map: &Hash<[u8; N], u64>,
    table: &'static str,
    addresses: &mut BTreeMap<IpAddr, u32>,
) -> Result<(), ReadError>
where
    F: Family<Address = [u8; N]>,
    [u8; N]: Pod + Into<IpAddr>,
{
    for (octets, word) in entries(map, table)? {
        let address: IpAddr = octets.into();
        let class = unpack_class(word, F::proof(octets));
        addresses
            .insert(address, class.ok_or_else(|| inconsistent(table, format!("{address} has {word:#x}")))?);
    }
    Ok(())
}

fn prefixes<const N: usize>(
    map: &LpmTrie<MapData, [u8; N], u32>,
    table: &'static str,
    prefixes: &mut BTreeMap<IpNet, u32>,
) -> Result<(), ReadError>
where
    [u8; N]: Pod + Into<IpAddr>,
{
    for (key, class) in keys(map, table)? {
        prefixes.insert(net(key.data().into(), Some(key.prefix_len()), table)?, class);
    }
    Ok(())
}

fn rows(maps: &Maps) -> Result<BTreeMap<RowKey, Row>, ReadError> {
    let mut rows = BTreeMap::new();
    for (key, word) in entries(&maps.rows, "ROWS")? {
        let row = Row::unpack(word);
        let end = row.start.checked_add(row.len).filter(|end| *end <= capacity::INTERVALS);
        if row.len == 0 || row.len > capacity::ROW_INTERVALS || end.is_none() {
            return Err(inconsistent("ROWS", format!("{row:?}")));
        }
        rows.insert(RowKey::from_bytes(key), row);
    }
    Ok(rows)
}

/// Those that rows lead to. Two rows have all of them in common, or none.
fn intervals(maps: &Maps, rows: &BTreeMap<RowKey, Row>) -> Result<BTreeMap<u32, Interval>, ReadError> {
    let mut intervals = BTreeMap::new();
    let places: BTreeSet<Row> = rows.values().copied().collect();
    let mut end = 0;
    for row in places {
        if row.start < end {
            return Err(inconsistent("ROWS", format!("{row:?} lies across another one")));
        }
        end = row.start + row.len;
        let mut last = None;
        for index in row.start..end {
            let word = maps.intervals.get(&index, 0).map_err(DataplaneError::map("INTERVALS"))?;
            let interval = Interval::unpack(word);
            let follows = last.map_or(interval.start == 0, |last| interval.start > last);
            if !follows || interval.pack() != word {
                return Err(inconsistent("INTERVALS", format!("{interval:?} at {index}")));
            }
            last = Some(interval.start);
            intervals.insert(index, interval);
        }
    }
    Ok(intervals)
}

fn generations(maps: &Maps) -> Result<BTreeMap<u16, u32>, ReadError> {
    let mut generations = BTreeMap::new();
    for slot in 0..maps.generations.len() {
        let generation = maps.generations.get(&slot, 0).map_err(DataplaneError::map("GENERATIONS"))?;
        let number = u16::try_from(slot).map_err(|_| inconsistent("GENERATIONS", slot.to_string()))?;
        if generation != 0 {
            generations.insert(number, generation);
        }
    }
    Ok(generations)
}

fn policy_generations(maps: &Maps) -> Result<BTreeMap<(u16, bool), PolicyGeneration>, ReadError> {
    let mut cells = BTreeMap::new();
    for index in 0..maps.policy_generations.len() {
        let word = maps.policy_generations.get(&index, 0);
        let word = word.map_err(DataplaneError::map("POLICY_GENERATIONS"))?;
        let slot =
            u16::try_from(index >> 1).map_err(|_| inconsistent("POLICY_GENERATIONS", index.to_string()))?;
        if word != 0 {
            cells.insert((slot, index & 1 != 0), PolicyGeneration::unpack(word));
        }
    }
    Ok(cells)
}
