//! An agent that goes on where an earlier one has ended (DESIGN section 5).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use super::{
    memory::{self, Memory, Remembered},
    reconcile::Agent,
};
use crate::{
    compile::RuleSets,
    dataplane::{Dataplane, DataplaneError, Found},
    model::Endpoint,
    plan::MapImage,
};

/// What is left to do before the last trace of other layouts can go.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Slots by which other layouts' programs know endpoints, and may have judged flows until their end.
    slots: BTreeSet<u16>,
    is_there: bool,
}

impl Agent {
    /// Goes on from what was found. Returns the endpoints as the tables know them: of each it is told what the earlier
    /// agent knew, until something newer is.
    ///
    /// # Errors
    /// When the kernel does not tell at which boot this is.
    pub(super) fn adopt(dataplane: Dataplane, found: Found) -> io::Result<(Self, Vec<Endpoint>)> {
        memory::sweep();
        for why in &found.refused {
            tracing::warn!("{why}: what is in force stays until new tables are filled, and then goes");
        }
        let memory = Memory::of(found.identity)?;
        let mut remembered = recall(&memory);
        if remembered.is_none() {
            // The tables are new. What was in force under another layout may be known.
            let formers = found.formers.iter().filter_map(|identity| Memory::of(*identity).ok());
            let policies = formers.filter_map(|memory| recall(&memory)).flat_map(|former| former.policies);
            let policies: Vec<_> = policies.collect();
            if !policies.is_empty() {
                remembered = Some(Remembered::of_policies(policies));
            }
        }
        let is_known = !found.tables.endpoints.is_empty();
        if is_known && remembered.is_none() {
            tracing::warn!("what the tables' numbers stand for is not known: open flows are judged again");
        }
        let kept = remembered.as_ref().map(|remembered| &remembered.kept);
        let mut image = MapImage::adopt(found.tables, kept);
        let mut beside = Beside { is_there: found.is_beside, slots: BTreeSet::new() };
        if found.is_beside {
            beside.slots = image.tables.generations.keys().copied().collect();
            image.set_aside(beside.slots.iter().copied());
        }
        let mut agent = Self::new(dataplane);
        agent.seeded = found.followed.keys().copied().collect();
        let policies = remembered.map(|remembered| remembered.policies).unwrap_or_default();
        agent.in_force.set(&policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect());
        let endpoints: Vec<Endpoint> = found
            .followed
            .iter()
            .filter_map(|(index, name)| endpoint(&image, *index, name))
            .filter(|endpoint| !endpoint.pod.name.is_empty())
            .collect();
        tracing::info!(memory = %memory.file().display(), "maps are pinned: they outlive the agent");
        if is_known {
            tracing::info!(
                endpoints = image.tables.endpoints.len(),
                known = endpoints.len(),
                attached = agent.dataplane().attached().count(),
                rule_sets = image.rule_sets.len(),
                "the tables of an earlier run go on"
            );
        }
        agent.directory.update(&BTreeMap::new(), &endpoints, &image);
        (agent.image, agent.memory, agent.beside) = (image, Some(memory), beside);
        Ok((agent, endpoints))
    }

    /// Whether an interface has to wait with this run's programs: their tables do not know it, those of the programs that it
    /// carries do.
    pub(super) fn waits(&mut self, endpoint: &Endpoint) -> bool {
        let index = endpoint.interface_index;
        !self.image.tables.endpoints.contains_key(&index)
            && self.dataplane().inherited().any(|it| it == index)
    }

    /// Whether other layouts' maps are there, and no interface carries an earlier run's programs any more.
    pub(super) fn may_leave_others(&mut self) -> bool {
        self.beside.is_there && self.dataplane().inherited().next().is_none()
    }

    /// Removes other layouts' maps. Flows that were judged by their programs, under rules of theirs, are judged again.
    pub(super) fn leave_others(&mut self, compiled: &RuleSets) -> Result<(), DataplaneError> {
        self.image.owed.extend(&self.beside.slots);
        if let Err(error) = self.write(compiled, None) {
            tracing::error!("{error}");
            return Ok(());
        }
        self.dataplane().remove_others()?;
        self.beside = Beside::default();
        tracing::info!("the tables of another layout are replaced, and gone");
        Ok(())
    }

    /// Ends enforcement, and leaves nothing.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub(super) fn remove(mut self) -> Result<(), DataplaneError> {
        if let Some(memory) = &mut self.memory {
            memory.forget();
        }
        self.into_dataplane().remove()
    }
}

fn recall(memory: &Memory) -> Option<Remembered> {
    memory.read().unwrap_or_else(|error| {
        tracing::warn!("{error}");
        None
    })
}

/// An endpoint as the tables know it.
fn endpoint(image: &MapImage, index: u32, name: &str) -> Option<Endpoint> {
    let (tables, known) = (&image.tables, image.endpoints.get(&index)?);
    let value = tables.endpoints.get(&index)?;
    let addresses = tables.own.iter().filter(|(interface, _)| *interface == index);
    let prefixes = tables.own_prefixes.iter().filter(|(interface, _)| *interface == index);
    Some(Endpoint {
        pod: known.pod.clone(),
        identity: known.identity.clone(),
        interface_index: index,
        interface: name.to_owned(),
        addresses: addresses.map(|(_, address)| *address).collect(),
        prefixes: prefixes.map(|(_, prefix)| *prefix).collect(),
        any_source: value.any_source,
        dhcp: value.dhcp,
    })
}
