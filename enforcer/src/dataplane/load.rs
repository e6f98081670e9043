//! Loading: the object that the build embedded, its constants, its programs.

use std::collections::BTreeMap;

use aya::{Ebpf, EbpfLoader, include_bytes_aligned, programs::SchedClassifier};

use super::{
    DataplaneError,
    attach::{Attachment, Hook},
    grace::Grace,
    maps::Maps,
    pins::{Group, Pins},
};

/// The eBPF object.
pub(super) static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/enforcer"));

/// How to load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// For tests: read a packet's origin from its mark, which a test run can set.
    pub origin_from_mark: bool,
    /// For tests: entries of each flow table instead of what it has room for. What is small is emptied soon.
    pub flow_entries: Option<u32>,
    /// Log lines from the programs (for debugging; costs time on every drop).
    pub kernel_log: bool,
    /// How to attach; `None` takes TCX where the kernel has it.
    pub hook: Option<Hook>,
}

/// The programs, maps and links in the kernel. Dropping it detaches and frees all that is not pinned.
pub struct Dataplane {
    pub(super) ebpf: Ebpf,
    pub(super) maps: Maps,
    pub(super) hook: Hook,
    pub(super) attachments: BTreeMap<u32, Attachment>,
    pub(super) grace: Grace,
    pub(super) pins: Option<Pins>,
}

/// The packet programs, and the one that is only run to read the clock.
pub(super) const PROGRAMS: [&str; 3] = ["from_pod", "to_pod", "clock"];

/// The tables whose room [`Options::flow_entries`] says.
pub(super) const FLOW_TABLES: [&str; 6] =
    ["CONFIRMED4", "CONFIRMED6", "OPENING4", "OPENING6", "FRAGMENTS4", "FRAGMENTS6"];

impl Dataplane {
    /// Loads the object and verifies its programs; attaches nothing. All of it goes with the process.
    ///
    /// # Errors
    /// When the kernel refuses the object or a program.
    pub fn load(options: Options) -> Result<Self, DataplaneError> {
        Self::load_with(options, None)
    }

    /// The same, with the maps that are pinned; those that are not are made and pinned.
    pub(super) fn load_with(options: Options, pins: Option<Pins>) -> Result<Self, DataplaneError> {
        let from_mark = u8::from(options.origin_from_mark);
        let level = if options.kernel_log { aya_log::Level::Debug as u8 } else { 0 };
        let mut loader = EbpfLoader::new();
        loader.override_global("ORIGIN_FROM_MARK", &from_mark, true);
        loader.override_global(aya_log::LEVEL, &level, true);
        for table in FLOW_TABLES {
            if let Some(entries) = options.flow_entries {
                loader.map_max_entries(table, entries);
            }
        }
        for (pins, group) in pins.iter().flat_map(|pins| Group::ALL.map(|group| (pins, group))) {
            for map in group.maps() {
                loader.map_pin_path(map, pins.group(group).join(map));
            }
        }
        let mut ebpf = loader.load(OBJECT).map_err(|source| DataplaneError::Load(Box::new(source)))?;
        for name in PROGRAMS {
            program(&mut ebpf, name)?
                .load()
                .map_err(|source| DataplaneError::Program { program: name, source: Box::new(source) })?;
        }
        let maps = Maps::take(&mut ebpf)?;
        let hook = options.hook.unwrap_or_else(Hook::best);
        Ok(Self { ebpf, maps, hook, attachments: BTreeMap::new(), grace: Grace::start(), pins })
    }

    /// Instructions that the verifier walked, and bytes of native code, by program.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn sizes(&self) -> Result<Vec<(String, Option<u32>, u32)>, DataplaneError> {
        let mut sizes = Vec::new();
        for (name, program) in self.ebpf.programs() {
            let info = program
                .info()
                .map_err(|source| DataplaneError::Program { program: "info", source: Box::new(source) })?;
            sizes.push((name.to_owned(), info.verified_instruction_count(), info.size_jitted()));
        }
        Ok(sizes)
    }

    /// A program by name.
    pub(super) fn program(&mut self, name: &'static str) -> Result<&mut SchedClassifier, DataplaneError> {
        program(&mut self.ebpf, name)
    }
}

pub(super) fn program<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, DataplaneError> {
    let program = ebpf.program_mut(name).ok_or(DataplaneError::Missing(name))?;
    program.try_into().map_err(|source| DataplaneError::Program { program: name, source: Box::new(source) })
}
