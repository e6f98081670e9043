//! Runs the real programs on given packets (BPF_PROG_TEST_RUN): for tests and benchmarks.

use aya::programs::{TestRun, TestRunOptions};
use enforcer_common::{Direction, packet::Origin};

use super::{Dataplane, DataplaneError};

/// The interface index that a test run shows to the program: the loopback's.
pub const TRIAL_INTERFACE: u32 = 1;

/// A packet to try.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Which program: the one on this side of the pod.
    pub direction: Direction,
    /// The frame, from its Ethernet header on.
    pub frame: &'a [u8],
    /// Where it comes from; needs [`super::Options::origin_from_mark`].
    pub origin: Origin,
}

/// What the program said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialOutcome {
    /// Whether the packet passes.
    pub passed: bool,
    /// The program's return value (a TCX code).
    pub code: i32,
}

impl Dataplane {
    /// Runs a packet once. It is seen at the endpoint with interface index 1, the loopback's; the program is not
    /// attached there.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn try_packet(&mut self, trial: Trial<'_>) -> Result<TrialOutcome, DataplaneError> {
        let name = match trial.direction {
            Direction::Ingress => "to_pod",
            Direction::Egress => "from_pod",
        };
        let context = context(trial.origin);
        let options =
            TestRunOptions { data_in: Some(trial.frame), ctx_in: Some(&context), ..TestRunOptions::new() };
        let result = self
            .program(name)?
            .test_run(options)
            .map_err(|source| DataplaneError::Program { program: name, source: Box::new(source) })?;
        let code = result.return_value.cast_signed();
        Ok(TrialOutcome { passed: code != 2, code })
    }
}

/// A `__sk_buff` up to and with its `mark`, the only field that says anything here.
fn context(origin: Origin) -> [u8; 192] {
    let mark: u32 = match origin {
        Origin::Elsewhere => 0,
        Origin::Node => 1,
        Origin::Pod(token) => 0x1_0000 | u32::from(token),
    };
    let mut context = [0; 192];
    for (to, from) in context.iter_mut().skip(8).zip(mark.to_ne_bytes()) {
        *to = from;
    }
    context
}
