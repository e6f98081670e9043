//! Programs that somebody else has taken away: other software that sets up qdiscs, or a hand on the wrong interface.

use std::mem::ManuallyDrop;

use aya::programs::{SchedClassifier, TcAttachType};
use nix::net::if_::if_indextoname;

use super::{
    Dataplane, Hook,
    anchor::{Anchor, SIDES},
    attach::is_ours,
};
use crate::rtnetlink;

impl Dataplane {
    /// Looks whether what was attached still is. What is not is attached again by the next [`attach`](Self::attach). Where the
    /// kernel does not tell, it is taken to be there.
    pub fn check_attached(&mut self) {
        let current = self.attachments.iter().filter(|(_, attachment)| attachment.is_current);
        let indices: Vec<u32> = current.map(|(index, _)| *index).collect();
        for index in indices {
            // With its interface a program goes for good, which the look for endpoints finds.
            let Ok(name) = if_indextoname(index) else { continue };
            let name = name.to_string_lossy().into_owned();
            let is_gone =
                SIDES.into_iter().any(|(program, side)| !self.is_in_force(&name, index, program, side));
            if let Some(attachment) = self.attachments.get_mut(&index).filter(|_| is_gone) {
                tracing::error!(
                    interface = name,
                    "somebody has detached the programs; they are attached again"
                );
                attachment.is_current = false;
                // Its place is the next filter's: what is dropped must not take that away.
                let hook = self.hook;
                let held = std::mem::take(&mut attachment.anchors);
                attachment.anchors = held.into_iter().map(|anchor| left(anchor, hook)).collect();
            }
        }
    }

    fn is_in_force(&mut self, interface: &str, index: u32, name: &'static str, side: TcAttachType) -> bool {
        if self.hook == Hook::Clsact {
            let filters = rtnetlink::list_filters(index, side == TcAttachType::Ingress);
            return filters.map_or(true, |filters| filters.iter().any(|filter| is_ours(filter, name)));
        }
        let own = self.program(name).ok().and_then(|program| program.info().ok());
        match (own, SchedClassifier::query_tcx(interface, side)) {
            (Some(own), Ok((_, there))) => there.iter().any(|program| program.id() == own.id()),
            _ => true,
        }
    }
}

fn left(anchor: Anchor, hook: Hook) -> Anchor {
    match anchor {
        Anchor::Held(link) if hook == Hook::Clsact => Anchor::Filter(ManuallyDrop::new(link)),
        anchor @ (Anchor::Held(_) | Anchor::Pinned(_) | Anchor::Filter(_)) => anchor,
    }
}
