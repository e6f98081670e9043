//! From a snapshot to the kernel, in one call.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Instant,
};

use super::{
    adoption::Beside,
    memory::{Memory, MemoryError},
    withheld::{Fitting, InForce, Withheld},
};
use crate::{
    compile::{Diagnostic, RuleSets, compile, compile_owned, owners},
    dataplane::{ApplyError, Dataplane, DataplaneError},
    flow::{Applied, Directory},
    model::{Endpoint, ObjectName, Policy},
    plan::{MapImage, MapOp, PlanError, diff, plan},
    seed,
    store::Cluster,
};

/// Plans in a row before a change counts as settled: one to refine, one to merge, and one to see that nothing
/// is left.
const ROUNDS: usize = 4;

/// The state of enforcement on this node.
pub struct Agent {
    dataplane: Dataplane,
    pub(super) image: MapImage,
    pub(super) directory: Directory,
    diagnostics: Vec<Diagnostic>,
    revision: u64,
    /// Files of endpoints' network namespaces, by the index of the interface, where they are known.
    namespaces: BTreeMap<u32, PathBuf>,
    /// Interfaces of pods that had not begun when they were told of.
    newborn: BTreeSet<u32>,
    /// Interfaces that could not be attached to at the last attempt.
    unattached: BTreeSet<u32>,
    /// Endpoints are found by looking: one that is not seen is not therefore gone.
    keeps_unseen: bool,
    /// Interfaces whose older flows were looked for.
    pub(super) seeded: BTreeSet<u32>,
    pub(super) in_force: InForce,
    /// What a restarted agent is told; nothing where all ends with this one.
    pub(super) memory: Option<Memory>,
    pub(super) beside: Beside,
    /// Whether the last writes were noted there, and if not, why.
    is_noted: bool,
    unnoted: Option<MemoryError>,
}

/// Why a change is not in force. What was in force before still is.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It does not fit.
    #[error("the change is refused, the last good state stays in force: {0}")]
    Plan(#[from] PlanError),
    /// The kernel refused a write.
    #[error("the change is in force in part, and will be tried again: {0}")]
    Apply(#[from] ApplyError),
}

/// What is not as it should be, beside a change that is in force.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The kernel's side.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// A part of the change does not fit.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// What a restarted agent would have to know.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

impl Agent {
    /// Starts with empty tables.
    #[must_use]
    pub fn new(dataplane: Dataplane) -> Self {
        Self {
            dataplane,
            image: MapImage::default(),
            directory: Directory::default(),
            diagnostics: Vec::new(),
            revision: 0,
            namespaces: BTreeMap::new(),
            newborn: BTreeSet::new(),
            unattached: BTreeSet::new(),
            keeps_unseen: false,
            seeded: BTreeSet::new(),
            in_force: InForce::default(),
            memory: None,
            beside: Beside::default(),
            is_noted: true,
            unnoted: None,
        }
    }

    /// Says where endpoints' network namespaces are, by the index of the interface: sockets in them tell of older flows.
    pub fn set_namespaces(&mut self, namespaces: BTreeMap<u32, PathBuf>) {
        self.namespaces = namespaces;
    }

    /// Says that endpoints are found by looking. An interface that carries an earlier run's programs keeps them then while it is
    /// there, whether its endpoint is seen or not: without rules of its own it is closed.
    pub fn keep_unseen(&mut self) {
        self.keeps_unseen = true;
    }

    /// Says that nothing runs behind an interface yet, so that no flow of it is older than the programs. What conntrack knows
    /// of its addresses is of an earlier pod.
    pub fn expect_newborn(&mut self, interface: u32) {
        self.newborn.insert(interface);
    }

    /// Brings the kernel to this state. Programs are attached after their rules are in place, and after the flows
    /// that are older than they are; they are detached before their rules go. Returns what was done, and what is not as it
    /// should be all the same: endpoints that could not be attached, policies that do not fit.
    ///
    /// # Errors
    /// When the kernel refuses a write, or the change does not fit and nothing can be kept out of it. The programs are
    /// attached all the same: endpoints that the tables know keep their last good rules, and others are closed.
    pub fn reconcile(
        &mut self,
        cluster: &Cluster,
        endpoints: &[Endpoint],
    ) -> (Result<Applied, AgentError>, Vec<Failure>) {
        let start = Instant::now();
        let owned = owners(cluster, endpoints);
        let compiled = compile_owned(cluster, endpoints, &owned);
        let compiled_in = start.elapsed();
        self.report(&compiled.diagnostics);
        let inherited: BTreeSet<u32> = self.dataplane.inherited().filter(|_| self.keeps_unseen).collect();
        let is_there = |index| nix::net::if_::if_indextoname(index).is_ok();
        let unlisted = self.dataplane.attached().filter(|index| !compiled.endpoints.contains_key(index));
        let gone: Vec<u32> =
            unlisted.filter(|index| !(inherited.contains(index) && is_there(*index))).collect();
        for index in gone {
            self.dataplane.detach(index);
        }
        // What is not attached, or no longer, is looked at again before it is.
        let attached: BTreeSet<u32> = self.dataplane.attached().collect();
        self.seeded.retain(|index| attached.contains(index));
        let mut written = self.write(&compiled, Some(&cluster.policies));
        let mut fitting = Fitting::all(cluster, endpoints);
        while let Err(AgentError::Plan(why)) = &written
            && fitting.withhold(&self.in_force, &self.image, why)
        {
            written =
                self.write(&compile(&fitting.cluster, &fitting.endpoints), Some(&fitting.cluster.policies));
        }
        if written.is_ok() {
            self.in_force.set(&fitting.cluster.policies);
        }
        tracing::debug!(
            compiled = compiled_in.as_micros(),
            planned_and_written = start.elapsed().saturating_sub(compiled_in).as_micros(),
            "microseconds of a change"
        );
        self.directory.update(&owned.0, endpoints, &self.image);
        let present: BTreeSet<u32> = endpoints.iter().map(|endpoint| endpoint.interface_index).collect();
        self.newborn.retain(|index| present.contains(index));
        let is_new = |endpoint: &&Endpoint| {
            let index = &endpoint.interface_index;
            !self.seeded.contains(index) && !self.newborn.contains(index)
        };
        let fresh: Vec<&Endpoint> = endpoints.iter().filter(is_new).collect();
        let withheld = if written.is_ok() { fitting.withheld } else { Vec::new() };
        let mut failed: Vec<DataplaneError> =
            self.dataplane.share_budget_among(endpoints.len()).err().into_iter().collect();
        // Looking for flows is dear beside a change of rules: not for an interface that was gone, or refused, a moment ago.
        let before = std::mem::take(&mut self.unattached);
        let likely: Vec<&Endpoint> =
            fresh.iter().copied().filter(|endpoint| !before.contains(&endpoint.interface_index)).collect();
        failed.extend(self.seed(&likely, endpoints).err());
        for endpoint in endpoints {
            if self.waits(endpoint) {
                continue;
            }
            if let Err(error) = self.dataplane.attach(&endpoint.interface, endpoint.interface_index) {
                self.unattached.insert(endpoint.interface_index);
                failed.push(error);
            }
        }
        // What began while the programs were being attached.
        let begun: Vec<&Endpoint> = fresh
            .into_iter()
            .filter(|endpoint| !self.unattached.contains(&endpoint.interface_index))
            .collect();
        failed.extend(self.seed(&begun, endpoints).err());
        failed.extend(self.dataplane.share_budget().err());
        // From now on they are as any other.
        let attached: BTreeSet<u32> = self.dataplane.attached().collect();
        self.seeded.extend(self.newborn.extract_if(.., |index| attached.contains(index)));
        if written.is_ok() && self.may_leave_others() {
            failed.extend(self.leave_others(&compile(&fitting.cluster, &fitting.endpoints)).err());
        }
        let applied = written.map(|operations| {
            self.revision += 1;
            Applied {
                revision: self.revision,
                policies: fitting.cluster.policies.len(),
                pods: cluster.pods.len(),
                endpoints: self.dataplane.attached().count(),
                rule_sets: self.image.rule_sets.len(),
                operations,
                microseconds: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
            }
        });
        let failed = withheld.into_iter().map(Failure::from).chain(failed.into_iter().map(Failure::from));
        (applied, failed.chain(self.unnoted.take().map(Failure::from)).collect())
    }

    /// Writes what is known of the flows of endpoints that are about to be judged for the first time, or have just
    /// begun to be.
    fn seed(&mut self, fresh: &[&Endpoint], all: &[Endpoint]) -> Result<(), DataplaneError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let namespace_of = |endpoint: &Endpoint| self.namespaces.get(&endpoint.interface_index).cloned();
        let findings = seed::find(fresh, all, namespace_of);
        for error in &findings.errors {
            tracing::warn!("{error}; flows that only this shows are judged by their next packet");
        }
        let seeded = self.dataplane.seed(&findings.flows)?;
        // An endpoint that the tables do not know yet is closed, and comes again.
        let known = fresh.iter().map(|endpoint| endpoint.interface_index);
        self.seeded.extend(known.filter(|index| !seeded.without_endpoint.contains(index)));
        tracing::info!(
            endpoints = fresh.len(),
            found = findings.flows.len(),
            by_conntrack = findings.tracked,
            confirmed = seeded.confirmed,
            opening = seeded.opening,
            unconfirmed = seeded.unconfirmed,
            known = seeded.known,
            milliseconds = start.elapsed().as_millis(),
            "flows from before enforcement"
        );
        if seeded.left_out > 0 {
            tracing::warn!(flows = seeded.left_out, "found no room: they are judged by their next packet");
        }
        Ok(())
    }

    /// Plans and writes until nothing is left to settle. Returns the number of writes. `policies` are those that are
    /// compiled; without, those in force are.
    pub(super) fn write(
        &mut self,
        compiled: &RuleSets,
        policies: Option<&BTreeMap<ObjectName, Policy>>,
    ) -> Result<usize, AgentError> {
        let mut operations = 0;
        for _ in 0..ROUNDS {
            let next = plan(&self.image, compiled)?;
            let ops = diff(&self.image, &next.image);
            operations += ops.iter().filter(|op| **op != MapOp::Grace).count();
            if let Some(memory) = &mut self.memory
                && (!ops.is_empty() || !self.is_noted)
            {
                let policies = policies.unwrap_or(self.in_force.policies());
                self.unnoted = memory.note(&self.image, &next.image, policies).err();
                self.is_noted = self.unnoted.is_none();
            }
            match self.dataplane.apply(&ops) {
                Ok(()) => self.image = next.image,
                Err(error) => {
                    self.image.recover(next.image, &ops, error.done);
                    return Err(error.into());
                }
            }
            if ops.contains(&MapOp::Grace) {
                self.image.release();
            }
            if next.settled {
                break;
            }
        }
        Ok(operations)
    }

    /// Logs diagnostics that were not there before.
    fn report(&mut self, diagnostics: &[Diagnostic]) {
        // They are in order.
        for diagnostic in diagnostics {
            if self.diagnostics.binary_search(diagnostic).is_err() {
                tracing::warn!("{diagnostic}");
            }
        }
        self.diagnostics = diagnostics.to_vec();
    }

    /// Names for events.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What somebody should know of the input in force.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// What the kernel's tables hold.
    #[must_use]
    pub fn image(&self) -> &MapImage {
        &self.image
    }

    /// The kernel's side, alone.
    pub(super) fn into_dataplane(self) -> Dataplane {
        self.dataplane
    }

    /// The kernel's side.
    pub fn dataplane(&mut self) -> &mut Dataplane {
        &mut self.dataplane
    }
}
