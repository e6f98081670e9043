//! Capacities of the tables, and so the sizes that `plan` refuses to exceed.

/// Local endpoints; generation slots are numbered below this.
pub const ENDPOINTS: u32 = 4096;
/// Own addresses of local endpoints, per family.
pub const OWN: u32 = 16_384;
/// Own prefixes of local endpoints, per family.
pub const OWN_PREFIXES: u32 = 16_384;
/// Addresses with a class, per family.
pub const ADDRESSES: u32 = 524_288;
/// Prefixes with a class, per family.
pub const PREFIXES: u32 = 262_144;
/// Rows: (rule set, direction, class).
pub const ROWS: u32 = 1_048_576;
/// Intervals of all distinct rows together.
pub const INTERVALS: u32 = 262_144;
/// Confirmed flows, per family.
pub const CONFIRMED: u32 = 524_288;
/// Opening flows, per family.
pub const OPENING: u32 = 131_072;
/// Most confirmed flows of one endpoint, both families together. The budget is less where many endpoints share
/// the table: an equal share, so that no pod can fill it for the others.
pub const CONFIRMED_PER_ENDPOINT: u32 = 65_536;
/// First fragments that are remembered, per family; the least recently used gives way.
pub const FRAGMENTS: u32 = 16_384;
/// Bytes of the event ring.
pub const EVENT_BYTES: u32 = 1 << 20;
/// Intervals of one row: what the bounded binary search can reach.
pub const ROW_INTERVALS: u32 = 1 << SEARCH_STEPS;
/// Steps of the binary search over a row.
pub const SEARCH_STEPS: u32 = 16;
