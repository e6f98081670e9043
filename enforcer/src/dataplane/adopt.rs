//! Taking over what an earlier run has left in the kernel.
//!
//! What is sure is gone on with. What is not (another layout's maps, a size that is not ours, entries that do not fit
//! together) is left to the programs that use it, until this process's tables are filled and its programs take their place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    mem::ManuallyDrop,
    path::Path,
};

use aya::{
    maps::MapInfo,
    programs::{SchedClassifier, TcAttachType, links::PinnedLink},
};
use nix::net::if_::if_indextoname;

use super::{
    Dataplane, DataplaneError, Options, Pins, ReadError,
    anchor::{Anchor, SIDES},
    attach::{Attachment, filter, is_ours},
    pins::{Group, Shapes, State, system},
};
use crate::{plan::TableImage, rtnetlink};

/// The table whose number stands for all of its group: kernels number maps in turn.
const FIRST: &str = "ENDPOINTS";

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// What the tables hold; nothing but generations where they are new.
    pub tables: TableImage,
    /// The kernel's number for the tables.
    pub identity: u32,
    /// Those of other layouts' tables.
    pub formers: Vec<u32>,
    /// Other layouts' maps are there, which attached programs may use.
    pub is_beside: bool,
    /// Interfaces, by index, that carry both programs of an earlier run, whose flows are known.
    pub followed: BTreeMap<u32, String>,
    /// What could not be gone on with, and why.
    pub refused: Vec<String>,
}

impl Dataplane {
    /// Loads the object as [`Dataplane::load`] does, with the maps that are pinned, and takes over what is attached. The
    /// programs in force are those of before until [`Dataplane::attach`]. Whatever is attached stays when this value goes.
    ///
    /// # Errors
    /// When the kernel refuses the object or a program, or the folder cannot be read or written.
    pub fn adopt(options: Options, pins: Pins) -> Result<(Self, Found), DataplaneError> {
        let shapes = Shapes::of_object(options.flow_entries)?;
        let mut refused = Vec::new();
        let mut look = |group: Group| match shapes.look(&pins.group(group), group) {
            State::Absent => Ok::<bool, DataplaneError>(false),
            State::Whole => Ok(true),
            State::Broken(why) => {
                refused.push(format!("{}: {why}", pins.group(group).display()));
                pins.set_aside(group).map(|()| false)
            }
        };
        let has_flows = look(Group::Flows)?;
        let mut has_tables = look(Group::Tables)?;
        if has_tables && !has_flows {
            // Their generations went with the flows.
            pins.set_aside(Group::Tables)?;
            has_tables = false;
        }
        let mut pins = pins;
        let (mut dataplane, tables) = loop {
            Group::ALL.into_iter().try_for_each(|group| pins.make(group))?;
            let mut dataplane = Self::load_with(options, Some(pins))?;
            match dataplane.read_tables() {
                Ok(tables) => break (dataplane, tables),
                Err(error) if !has_tables => return Err(unreadable(error)),
                Err(error) => {
                    let Some(back) = dataplane.pins.take() else { return Err(unreadable(error)) };
                    pins = back;
                    refused.push(format!("{}: {error}", pins.group(Group::Tables).display()));
                    pins.set_aside(Group::Tables)?;
                    has_tables = false;
                }
            }
        };
        let mut found = Found { tables, refused, ..Found::default() };
        if let Some(pins) = &dataplane.pins {
            found.identity = identity(&pins.group(Group::Tables).join(FIRST))?;
            let others = pins.others()?;
            found.formers = others.iter().filter_map(|folder| identity(&folder.join(FIRST)).ok()).collect();
            found.is_beside = !others.is_empty();
        }
        let carried = dataplane.inherit()?;
        found.followed = if has_flows { carried } else { BTreeMap::new() };
        // No program runs any more that began before the earlier run's last write.
        dataplane.grace.wait();
        Ok((dataplane, found))
    }

    /// Finds what is attached. Returns the interfaces that carry both programs.
    fn inherit(&mut self) -> Result<BTreeMap<u32, String>, DataplaneError> {
        let mut held: BTreeMap<u32, Vec<(&str, Anchor)>> = BTreeMap::new();
        let links = rtnetlink::list_links()
            .map_err(|source| DataplaneError::System { what: "interfaces".to_owned(), source })?;
        for link in links {
            for (program, side) in SIDES {
                // An interface may go at any time. Of one that only cannot be read `attach` will tell.
                let filters = rtnetlink::list_filters(link.index, side == TcAttachType::Ingress);
                if filters.unwrap_or_default().iter().any(|filter| is_ours(filter, program))
                    && let Ok(filter) = filter(&link.name, side)
                {
                    let anchor = Anchor::Filter(ManuallyDrop::new(filter));
                    held.entry(link.index).or_default().push((program, anchor));
                }
            }
        }
        if let Some(pins) = &self.pins {
            for index in pins.linked()? {
                for (program, side) in SIDES {
                    let pin = pins.link(index, program);
                    let Ok(link) = PinnedLink::from_pin(&pin) else { continue };
                    if !is_attached(index, link, side) {
                        // Its interface is gone, or it was detached from it.
                        fs::remove_file(&pin).map_err(system(&pin))?;
                    } else if let Ok(link) = PinnedLink::from_pin(&pin) {
                        held.entry(index).or_default().push((program, Anchor::Pinned(link)));
                    }
                }
            }
        }
        let mut carried = BTreeMap::new();
        for (index, held) in held {
            let sides: BTreeSet<&str> = held.iter().map(|(program, _)| *program).collect();
            let anchors = held.into_iter().map(|(_, anchor)| anchor).collect();
            if sides.len() == SIDES.len() {
                carried.extend(name_of(index).map(|name| (index, name)));
            }
            self.attachments.insert(index, Attachment { anchors, is_current: false });
        }
        Ok(carried)
    }

    /// Removes the maps of other layouts.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn remove_others(&self) -> Result<(), DataplaneError> {
        self.pins.as_ref().map_or(Ok(()), Pins::remove_others)
    }

    /// Ends enforcement: detaches everything and removes all pins.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn remove(mut self) -> Result<(), DataplaneError> {
        let attached: BTreeSet<u32> = self.attached().collect();
        attached.into_iter().for_each(|index| self.detach(index));
        self.pins.as_ref().map_or(Ok(()), Pins::remove_all)
    }

    /// The kernel's number for the tables that are pinned in a folder.
    #[must_use]
    pub fn tables_of(pins: &Path) -> Option<u32> {
        identity(&pins.join(Group::Tables.folder()).join(FIRST)).ok()
    }

    /// Whether the kernel has a map of this number.
    #[must_use]
    pub fn has_map(identity: u32) -> bool {
        MapInfo::from_id(identity).is_ok()
    }
}

fn unreadable(error: ReadError) -> DataplaneError {
    match error {
        ReadError::Dataplane(error) => error,
        ReadError::Inconsistent { .. } => {
            let source = std::io::Error::other(error.to_string());
            DataplaneError::System { what: "reading new tables".to_owned(), source }
        }
    }
}

fn identity(pin: &Path) -> Result<u32, DataplaneError> {
    MapInfo::from_pin(pin).map(|info| info.id()).map_err(DataplaneError::map(FIRST))
}

fn name_of(index: u32) -> Option<String> {
    if_indextoname(index).ok()?.into_string().ok()
}

/// Whether a link's program runs at an interface. Where the kernel does not tell, the link is taken to be what its name says.
fn is_attached(index: u32, link: PinnedLink, side: TcAttachType) -> bool {
    let Some(name) = name_of(index) else { return false };
    let link = aya::programs::links::FdLink::from(link);
    match (link.info(), SchedClassifier::query_tcx(&name, side)) {
        (Ok(info), Ok((_, programs))) => programs.iter().any(|program| program.id() == info.program_id()),
        _ => true,
    }
}
