//! A table of flows: what happens at an endpoint step by step, and what the tables say of the flow then.
//!
//! Each case is one sentence of the design, written out as packets. The same table is played on the host's tables and
//! in the kernel, for IPv4 and for IPv6. It says what ought to be by itself, so that host and kernel cannot be wrong
//! together unnoticed.

mod budget;
mod case;
mod denied;
mod entry;
mod mid_stream;
mod origin;
mod play;
mod reuse;
mod stale;

pub use case::{Case, Entry, Step};
pub use play::{Played, play};

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    [
        entry::cases(),
        stale::cases(),
        denied::cases(),
        mid_stream::cases(),
        reuse::cases(),
        origin::cases(),
        budget::cases(),
    ]
    .concat()
}
