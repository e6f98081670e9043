//! Attaching both programs to the host side of a pod's interface.
//!
//! First on the hook: a program that runs before us and ends the chain would end enforcement with it.

use aya::{
    programs::{
        LinkOrder, TcAttachType,
        tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcHandle},
    },
    util::KernelVersion,
};
use enforcer_common::tables::capacity;
use nix::net::if_::if_nametoindex;

use super::{Dataplane, DataplaneError};

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

    /// Our place among other filters on clsact: first, and always the same.
    pub(super) fn options(self) -> TcAttachOptions {
        match self {
            Self::Tcx => TcAttachOptions::TcxOrder(LinkOrder::first()),
            Self::Clsact => TcAttachOptions::Netlink(NlOptions {
                priority: 1,
                handle: TcHandle::new(0, 1),
                classid: None,
            }),
        }
    }
}

/// The links of one interface; dropping them detaches.
#[derive(Debug)]
pub(super) struct Attachment {
    _from_pod: SchedClassifierLink,
    _to_pod: SchedClassifierLink,
}

impl Dataplane {
    /// Attaches both programs to an interface, once.
    ///
    /// # Errors
    /// When the interface is not the one with this index or another enforcer's, or the kernel refuses.
    pub fn attach(&mut self, interface: &str, index: u32) -> Result<(), DataplaneError> {
        let found = if_nametoindex(interface).map_err(|source| DataplaneError::System {
            what: format!("interface {interface}"),
            source: source.into(),
        });
        match found {
            Ok(found) if found == index => {}
            // The links went with the interface that they were on.
            Ok(found) => {
                self.detach(index);
                let interface = interface.to_owned();
                return Err(DataplaneError::Replaced { interface, found, expected: index });
            }
            Err(error) => {
                self.detach(index);
                return Err(error);
            }
        }
        if self.attachments.contains_key(&index) {
            return Ok(());
        }
        if self.hook == Hook::Clsact {
            // An error here is "it is there already", or the attach below fails with the reason.
            let _added = tc::qdisc_add_clsact(interface);
            // What a run that was killed left behind: nothing there is fine.
            for (name, side) in [("from_pod", TcAttachType::Ingress), ("to_pod", TcAttachType::Egress)] {
                let _removed = tc::qdisc_detach_program(interface, side, name);
            }
        }
        let from_pod = self.attach_one("from_pod", interface, TcAttachType::Ingress)?;
        let to_pod = self.attach_one("to_pod", interface, TcAttachType::Egress)?;
        self.attachments.insert(index, Attachment { _from_pod: from_pod, _to_pod: to_pod });
        Ok(())
    }

    /// How programs are attached.
    #[must_use]
    pub const fn hook(&self) -> Hook {
        self.hook
    }

    /// Detaches from an interface; one that is gone took its links along.
    pub fn detach(&mut self, index: u32) {
        self.attachments.remove(&index);
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

    /// Interfaces that carry the programs.
    pub fn attached(&self) -> impl Iterator<Item = u32> + '_ {
        self.attachments.keys().copied()
    }

    fn attach_one(
        &mut self,
        name: &'static str,
        interface: &str,
        side: TcAttachType,
    ) -> Result<SchedClassifierLink, DataplaneError> {
        let options = self.hook.options();
        let program = self.program(name)?;
        program.attach_with_options(interface, side, options).and_then(|id| program.take_link(id)).map_err(
            |source| DataplaneError::Attach {
                program: name,
                interface: interface.to_owned(),
                source: Box::new(source),
            },
        )
    }
}
