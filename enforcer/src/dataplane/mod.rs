//! The kernel's side: loads the object, attaches it, applies `MapOp`s, reads events and counters.
//!
//! Invariant: the only user of `aya`. Everything is written through safe byte-array keys and integer
//! values, so this module needs no `unsafe`.

mod adopt;
mod anchor;
mod apply;
mod attach;
mod claim;
mod clock;
mod counters;
#[cfg(feature = "bench")]
mod empty;
mod events;
mod expiry;
#[cfg(feature = "bench")]
mod floors;
#[cfg(feature = "bench")]
mod generator;
mod grace;
mod load;
mod maps;
mod pins;
mod readback;
mod seed;
mod timeouts;
mod trial;
mod watchdog;

pub use adopt::Found;
pub use apply::ApplyError;
pub use attach::Hook;
pub use claim::Claim;
pub use clock::{Clock, Ticks};
pub use counters::Counters;
#[cfg(feature = "bench")]
pub use empty::EmptyHooks;
pub use events::{Events, KernelLog};
pub use expiry::Expiry;
#[cfg(feature = "bench")]
pub use floors::{Floor, Floors, Ran, Run, Wheel};
#[cfg(feature = "bench")]
pub use generator::{FRAME_LENGTH, Generator, GeneratorEnd, GeneratorLink};
#[cfg(feature = "bench")]
pub use grace::GraceWait;
pub use load::{Dataplane, Options};
pub use pins::Pins;
pub use readback::ReadError;
pub use seed::Seeded;
pub use timeouts::{Setting, SettingError, Stage, Timeouts};
pub use trial::{Trial, TrialEvents, TrialOutcome};

use std::path::PathBuf;

/// Why the kernel did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DataplaneError {
    /// The object was refused.
    #[error("loading the eBPF object: {0}")]
    Load(#[source] Box<aya::EbpfError>),
    /// A program was refused; the verifier's words are in the source.
    #[error("program {program}: {source}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// What the kernel said.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// The object lacks a program or a map of this name.
    #[error("the eBPF object has no {0}")]
    Missing(&'static str),
    /// A map was not read or written.
    #[error("map {map}: {source}")]
    Map {
        /// The map's name.
        map: &'static str,
        /// What the kernel said.
        #[source]
        source: aya::maps::MapError,
    },
    /// A program was not attached.
    #[error("attaching {program} to {interface}: {source}")]
    Attach {
        /// The program's name.
        program: &'static str,
        /// The interface's name.
        interface: String,
        /// What the kernel said.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// The interface is not the one that was meant.
    #[error("interface {interface} has index {found}, expected {expected}: it was replaced")]
    Replaced {
        /// The interface's name.
        interface: String,
        /// Its index now.
        found: u32,
        /// The index asked for.
        expected: u32,
    },
    /// Another enforcer has the interface or the network namespace.
    #[error(
        "this network namespace is enforced by another enforcer, {}: end that one first",
        process.map_or_else(|| "of another PID namespace".to_owned(), |process| format!("process {process}"))
    )]
    Owned {
        /// Who it is, where that can be told.
        process: Option<i32>,
    },
    /// The folder of pins cannot hold pins.
    #[error(
        "{}: programs and maps outlive the agent on a bpffs only, and this is none: mount one, as with \
         `mount -t bpf bpf /sys/fs/bpf`",
        folder.display()
    )]
    NoBpffs {
        /// The folder.
        folder: PathBuf,
    },
    /// Another enforcer has the folder of pins.
    #[error("{}: another enforcer has its maps there; each has a folder of its own", folder.display())]
    PinsInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// Something else that the kernel refused.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

impl DataplaneError {
    fn map(map: &'static str) -> impl FnOnce(aya::maps::MapError) -> Self {
        move |source| Self::Map { map, source }
    }
}
