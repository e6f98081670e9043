//! Plays one job.

use std::cell::{Cell, RefCell};

use enforcer::{host::TRIAL_INTERFACE, store::Cluster};
use proptest::{
    arbitrary::any,
    collection,
    sample::Index,
    strategy::Strategy,
    test_runner::{TestCaseError, TestError},
};

use super::{Difference, Job, Kind, Level, difference::Written, progress::Progress};
use crate::{
    compare::{Judged, compare_case, compare_history, compare_recovery, compare_steps, compare_story},
    generate::{Beat, Census, Edit, Story, case, edit, history, story},
    node::{Host, Node, Pair},
};

/// What a job without a difference gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Packets judged and compared.
    pub(super) packets: u64,
    /// What they were made of.
    pub(super) census: Census,
}

/// Generated clusters or histories of a job: about a second's work.
const CLUSTERS: u32 = 192;
/// Questions to a cluster. To plan one costs as much as to ask it a hundred.
const PROBES: usize = 160;
/// Packets and changes of a history.
const STEPS: usize = 96;
/// Questions after each single write, of which a change has dozens.
const PROBES_EACH_WRITE: usize = 12;

/// Plays a job from beginning to end, or to the first difference, which is shrunk.
pub(super) fn play(job: Job, progress: &Progress) -> anyhow::Result<Result<Done, Difference>> {
    let stage = Stage { job, progress, census: RefCell::default(), packets: Cell::new(0) };
    let outcome = match (job.level, job.kind()) {
        (Level::Host, Kind::Openings) => stage.cases(CLUSTERS, case(1..=PROBES), Census::case, |case| {
            compare_case(&mut Node::new(Host::default()), case, None)
        }),
        (Level::Host, Kind::Histories) => {
            stage.cases(CLUSTERS, history(1..=STEPS), Census::history, |history| {
                compare_history(&mut Node::new(Host::default()), history)
            })
        }
        (Level::Host, Kind::Writes) => {
            let strategy = (case(1..=PROBES_EACH_WRITE), collection::vec(edit(), 1..=4));
            let count = |census: &mut Census, (case, _): &(_, _)| census.case(case);
            stage.cases(CLUSTERS / 2, strategy, count, |(case, edits)| {
                let after = edited(&case.cluster, edits);
                let node = &mut Node::new(Host::default());
                compare_steps(node, [&case.cluster, &after], &case.probes, None).map(Judged::all)
            })
        }
        (Level::Host, Kind::Stories) => stage.cases(CLUSTERS, story(1..=STEPS), Census::story, |story| {
            compare_story(&mut Node::new(Host::default()), story)
        }),
        (Level::Kernel, Kind::Stories) => {
            let node = RefCell::new(Node::new(Pair::load()?));
            let strategy = story(1..=STEPS).prop_map(in_the_kernel);
            stage.cases(CLUSTERS, strategy, Census::story, |story| {
                let mut node = node.borrow_mut();
                let compared = compare_story(&mut node, story)?;
                node.target.agree().map(|()| compared)
            })
        }
        (Level::Host, Kind::Failures) => {
            let edits = || collection::vec(edit(), 1..=4);
            let strategy = (case(1..=PROBES), edits(), edits(), any::<Index>());
            let count = |census: &mut Census, (case, ..): &(_, _, _, _)| census.case(case);
            stage.cases(CLUSTERS, strategy, count, |(case, first, second, cut)| {
                let between = edited(&case.cluster, first);
                let after = edited(&between, second);
                compare_recovery([&case.cluster, &between, &after], &case.probes, *cut)
            })
        }
        (Level::Kernel, Kind::Histories) => {
            let node = RefCell::new(Node::new(Pair::load()?));
            stage.cases(CLUSTERS, history(1..=STEPS), Census::history, |history| {
                let mut node = node.borrow_mut();
                let compared = compare_history(&mut node, history)?;
                node.target.agree().map(|()| compared)
            })
        }
        (Level::Kernel, Kind::Openings | Kind::Writes | Kind::Failures) => {
            let node = RefCell::new(Node::new(Pair::load()?));
            stage.cases(CLUSTERS, case(1..=PROBES), Census::case, |case| {
                let mut node = node.borrow_mut();
                let compared = compare_case(&mut node, case, Some(TRIAL_INTERFACE))?;
                node.target.agree().map(|()| compared)
            })
        }
    };
    match outcome {
        Ok(()) => Ok(Ok(Done { packets: stage.packets.get(), census: stage.census.into_inner() })),
        Err(outcome) => outcome.map(Err),
    }
}

/// A job at work.
struct Stage<'a> {
    job: Job,
    progress: &'a Progress,
    census: RefCell<Census>,
    packets: Cell<u64>,
}

impl Stage<'_> {
    /// Generates, counts and compares. The inner error is one of the proof itself.
    fn cases<S: Strategy<Value: Written>>(
        &self,
        cases: u32,
        strategy: S,
        count: impl Fn(&mut Census, &S::Value),
        compare: impl Fn(&S::Value) -> anyhow::Result<u64>,
    ) -> Result<(), anyhow::Result<Difference>> {
        // What is tried in order to shrink counts for nothing.
        let differs = Cell::new(false);
        let result = self.job.runner(cases).run(&strategy, |value| {
            if !differs.get() {
                count(&mut self.census.borrow_mut(), &value);
            }
            match compare(&value) {
                Ok(packets) if !differs.get() => {
                    self.packets.set(self.packets.get() + packets);
                    self.progress.add(packets);
                    Ok(())
                }
                Ok(_) => Ok(()),
                Err(error) => {
                    differs.set(true);
                    self.progress.shrinks();
                    Err(TestCaseError::fail(format!("{error:#}")))
                }
            }
        });
        match result {
            Ok(()) => Ok(()),
            Err(TestError::Abort(reason)) => Err(Err(anyhow::anyhow!("no cases can be generated: {reason}"))),
            Err(TestError::Fail(reason, value)) => Err(Ok(Difference {
                job: self.job,
                what: reason.message().to_owned(),
                case: value.written(),
            })),
        }
    }
}

/// Without waiting, since no test sets the kernel's clock, and where a test run is seen.
fn in_the_kernel(mut story: Story) -> Story {
    story.endpoint.interface_index = TRIAL_INTERFACE;
    story.beats.retain(|beat| !matches!(beat, Beat::Wait(_)));
    story
}

fn edited(cluster: &Cluster, edits: &[Edit]) -> Cluster {
    let mut cluster = cluster.clone();
    for edit in edits {
        if let Some(event) = edit.event(&cluster) {
            cluster.apply(event);
        }
    }
    cluster
}
