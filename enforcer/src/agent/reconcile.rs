//! From a snapshot to the kernel, in one call.

use std::time::Instant;

use crate::{
    compile::{Diagnostic, RuleSets, compile},
    dataplane::{ApplyError, Dataplane, DataplaneError},
    flow::{Applied, Directory},
    model::Endpoint,
    plan::{MapImage, MapOp, PlanError, diff, plan},
    store::Cluster,
};

/// Plans in a row before a change counts as settled: one to refine, one to merge, and one to see that nothing
/// is left.
const ROUNDS: usize = 4;

/// The state of enforcement on this node.
pub struct Agent {
    dataplane: Dataplane,
    image: MapImage,
    directory: Directory,
    diagnostics: Vec<Diagnostic>,
    revision: u64,
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
        }
    }

    /// Brings the kernel to this state. Programs are attached after their rules are in place and detached
    /// before these go. Returns what was done, and the endpoints that could not be attached.
    ///
    /// # Errors
    /// When the change does not fit, or the kernel refuses a write. The programs are attached all the same:
    /// endpoints that the tables know keep their last good rules, and others are closed.
    pub fn reconcile(
        &mut self,
        cluster: &Cluster,
        endpoints: &[Endpoint],
    ) -> (Result<Applied, AgentError>, Vec<DataplaneError>) {
        let start = Instant::now();
        let compiled = compile(cluster, endpoints);
        self.report(&compiled.diagnostics);
        let gone: Vec<u32> =
            self.dataplane.attached().filter(|index| !compiled.endpoints.contains_key(index)).collect();
        for index in gone {
            self.dataplane.detach(index);
        }
        let written = self.write(&compiled);
        self.directory.update(cluster, endpoints, &self.image);
        let mut failed: Vec<DataplaneError> = endpoints
            .iter()
            .filter_map(|endpoint| self.dataplane.attach(&endpoint.interface, endpoint.interface_index).err())
            .collect();
        failed.extend(self.dataplane.share_budget().err());
        let applied = written.map(|operations| {
            self.revision += 1;
            Applied {
                revision: self.revision,
                policies: cluster.policies.len(),
                pods: cluster.pods.len(),
                endpoints: self.dataplane.attached().count(),
                rule_sets: self.image.rule_sets.len(),
                operations,
                milliseconds: start.elapsed().as_secs_f64() * 1000.0,
            }
        });
        (applied, failed)
    }

    /// Plans and writes until nothing is left to settle. Returns the number of writes.
    fn write(&mut self, compiled: &RuleSets) -> Result<usize, AgentError> {
        let mut operations = 0;
        for _ in 0..ROUNDS {
            let next = plan(&self.image, compiled)?;
            let ops = diff(&self.image, &next.image);
            operations += ops.iter().filter(|op| **op != MapOp::Grace).count();
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
        for diagnostic in diagnostics {
            if !self.diagnostics.contains(diagnostic) {
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

    /// The kernel's side.
    pub fn dataplane(&mut self) -> &mut Dataplane {
        &mut self.dataplane
    }
}
