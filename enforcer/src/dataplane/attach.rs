//! Attaching both programs to the host side of a pod's interface.
//!
//! First on the hook: a program that runs before us and ends the chain would end enforcement with it. Where a program of an
//! earlier run is attached, ours takes its place in one step: no packet goes unjudged, and none is judged twice.

use std::{error::Error, fs, io, mem::ManuallyDrop, path::Path};

use aya::{
    programs::{
        LinkOrder, ProgramError, SchedClassifier, TcAttachType,
        links::{FdLink, LinkError, PinnedLink},
        tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle},
    },
    sys::SyscallError,
    util::KernelVersion,
};
use enforcer_common::tables::capacity;
use nix::{
    errno::Errno,
    net::if_::{if_indextoname, if_nametoindex},
};

use super::{
    Dataplane, DataplaneError,
    anchor::{Anchor, SIDES},
};
use crate::rtnetlink::{self, Filter};

/// Our place among other filters on clsact: first, and always the same.
pub(super) const PRIORITY: u16 = 1;
pub(super) const HANDLE: TcHandle = TcHandle::new(0, 1);

/// How programs are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// TCX, Linux 6.6 and later.
    Tcx,
    /// The clsact qdisc, before.
    Clsact,
}

impl Hook {
    /// The best that the running kernel has.
    #[must_use]
    pub fn best() -> Self {
        match KernelVersion::current() {
            Ok(version) if version >= KernelVersion::new(6, 6, 0) => Self::Tcx,
            Ok(_) | Err(_) => Self::Clsact,
        }
    }

    /// Our place among other programs.
    pub(super) fn options(self) -> TcAttachOptions {
        match self {
            Self::Tcx => TcAttachOptions::TcxOrder(LinkOrder::first()),
            Self::Clsact => {
                TcAttachOptions::Netlink(NlOptions { priority: PRIORITY, handle: HANDLE, classid: None })
            }
        }
    }
}

/// What is attached to one interface.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) anchors: Vec<Anchor>,
    /// The programs are this process's own, not those of an earlier run.
    pub(super) is_current: bool,
}

impl Dataplane {
    /// Attaches both programs to an interface, once.
    ///
    /// # Errors
    /// When the interface is not the one with this index or another enforcer's, or the kernel refuses.
    pub fn attach(&mut self, interface: &str, index: u32) -> Result<(), DataplaneError> {
        // It is its index; its name may have changed.
        let Some(name) = name_of(index) else {
            // The links went with the interface that they were on.
            self.detach(index);
            return Err(match if_nametoindex(interface) {
                Ok(found) => {
                    DataplaneError::Replaced { interface: interface.to_owned(), found, expected: index }
                }
                Err(source) => {
                    DataplaneError::System { what: format!("interface {interface}"), source: source.into() }
                }
            });
        };
        let interface = name.as_str();
        if self.attachments.get(&index).is_some_and(|attachment| attachment.is_current) {
            return Ok(());
        }
        if self.hook == Hook::Clsact {
            // An error here is "it is there already", or the attach below fails with the reason.
            let _added = tc::qdisc_add_clsact(interface);
        }
        let mut anchors = Vec::new();
        for (program, side) in SIDES {
            match self.anchor(program, (interface, index), side) {
                Ok(anchor) => anchors.push(anchor),
                Err(source) => {
                    // One side alone would drop the answers to what comes in. What an earlier run has put there stays.
                    if !self.attachments.contains_key(&index) {
                        anchors.into_iter().for_each(Anchor::release);
                    }
                    let (interface, source) = (interface.to_owned(), Box::new(source));
                    return Err(DataplaneError::Attach { program, interface, source });
                }
            }
        }
        let former = self.attachments.insert(index, Attachment { anchors, is_current: true });
        // Those of the other hook are still there.
        let former = former.into_iter().flat_map(|former| former.anchors);
        former.filter(|anchor| !anchor.is_replaced_on(self.hook)).for_each(Anchor::release);
        Ok(())
    }

    /// How programs are attached.
    #[must_use]
    pub const fn hook(&self) -> Hook {
        self.hook
    }

    /// Detaches from an interface; one that is gone took its links along.
    pub fn detach(&mut self, index: u32) {
        let attachment = self.attachments.remove(&index);
        attachment.into_iter().flat_map(|attachment| attachment.anchors).for_each(Anchor::release);
    }

    /// Gives each attached endpoint its share of the table of confirmed flows.
    ///
    /// # Errors
    /// When the share cannot be written.
    pub fn share_budget(&mut self) -> Result<(), DataplaneError> {
        self.share_budget_among(self.attachments.len())
    }

    /// As [`Dataplane::share_budget`], for as many endpoints as there will be.
    ///
    /// # Errors
    /// When the share cannot be written.
    pub fn share_budget_among(&mut self, endpoints: usize) -> Result<(), DataplaneError> {
        let endpoints = u32::try_from(endpoints).unwrap_or(u32::MAX).max(1);
        let share = (capacity::CONFIRMED / endpoints).clamp(1, capacity::CONFIRMED_PER_ENDPOINT);
        self.maps.budget.set(0, share, 0).map_err(DataplaneError::map("BUDGET"))
    }

    /// Interfaces that carry the programs, or those of an earlier run.
    pub fn attached(&self) -> impl Iterator<Item = u32> + '_ {
        self.attachments.keys().copied()
    }

    /// Interfaces that still carry the programs of an earlier run.
    pub fn inherited(&self) -> impl Iterator<Item = u32> + '_ {
        self.attachments.iter().filter(|(_, attachment)| !attachment.is_current).map(|(index, _)| *index)
    }

    /// Attaches one program, in the place of an earlier run's where that is there.
    fn anchor(
        &mut self,
        name: &'static str,
        (interface, index): (&str, u32),
        side: TcAttachType,
    ) -> Result<Anchor, ProgramError> {
        let pin = self.pins.as_ref().map(|pins| pins.link(index, name));
        let hook = self.hook;
        let program = self.program(name).map_err(other)?;
        match (hook, pin) {
            (Hook::Tcx, None) => attach(program, interface, side, hook).map(Anchor::Held),
            (Hook::Tcx, Some(pin)) => {
                if !take_over(program, &pin)? {
                    let link: FdLink = attach(program, interface, side, hook)?.try_into().map_err(other)?;
                    link.pin(&pin).map_err(other)?;
                }
                Ok(Anchor::Pinned(PinnedLink::from_pin(&pin).map_err(other)?))
            }
            (Hook::Clsact, pin) => {
                let filters = rtnetlink::list_filters(index, side == TcAttachType::Ingress)?;
                let link = if filters.iter().any(|filter| is_ours(filter, name)) {
                    let link = filter(interface, side).map_err(TcError::IoError)?;
                    program.attach_to_link(link).and_then(|id| program.take_link(id))?
                } else {
                    attach(program, interface, side, hook)?
                };
                Ok(match pin {
                    Some(_) => Anchor::Filter(ManuallyDrop::new(link)),
                    None => Anchor::Held(link),
                })
            }
        }
    }
}

/// The name that an interface has now; `None` when it is gone.
fn name_of(index: u32) -> Option<String> {
    if_indextoname(index).ok()?.into_string().ok()
}

/// Whether a filter is one of ours: other software has a place like ours too.
pub(super) fn is_ours(filter: &Filter, program: &str) -> bool {
    let is_in_place = filter.priority == PRIORITY && filter.handle == u32::from(HANDLE);
    is_in_place && filter.program.as_deref() == Some(program)
}

/// Our filter at an interface, which is there.
pub(super) fn filter(interface: &str, side: TcAttachType) -> io::Result<SchedClassifierLink> {
    SchedClassifierLink::attached(interface, side, PRIORITY, HANDLE, None)
}

/// An error that aya has no conversion for.
fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> ProgramError {
    ProgramError::IOError(io::Error::other(error))
}

fn attach(
    program: &mut SchedClassifier,
    interface: &str,
    side: TcAttachType,
    hook: Hook,
) -> Result<SchedClassifierLink, ProgramError> {
    program.attach_with_options(interface, side, hook.options()).and_then(|id| program.take_link(id))
}

/// Gives a pinned link this program, in one step. `false` when there is no such link, or its interface is gone.
fn take_over(program: &mut SchedClassifier, pin: &Path) -> Result<bool, ProgramError> {
    let pinned = match PinnedLink::from_pin(pin) {
        Ok(pinned) => pinned,
        Err(LinkError::SyscallError(SyscallError { io_error, .. }))
            if io_error.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(false);
        }
        Err(error) => return Err(other(error)),
    };
    let link: SchedClassifierLink = FdLink::from(pinned).try_into().map_err(other)?;
    match program.attach_to_link(link).and_then(|id| program.take_link(id)) {
        // Only a descriptor is closed by that: the pin holds the link.
        Ok(link) => drop(link),
        Err(ProgramError::SyscallError(SyscallError { io_error, .. }))
            if io_error.raw_os_error() == Some(Errno::ENOLINK as i32) =>
        {
            fs::remove_file(pin)?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}
