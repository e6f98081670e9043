//! Many probes at a time. The bounds keep a lab of any size within a process's usual 1024 open files and
//! two cores: each probe under way has a socket here and perhaps one in the server thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::AsFd,
    panic,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::{
    errno::Errno,
    poll::{PollFd, PollTimeout, poll},
};

use super::{
    Lab, Netns, Outcome, Patience, Probe,
    attempt::{Attempt, Started},
};

const THREADS: usize = 12;
const PROBES_PER_THREAD: usize = 32;

struct Job<'lab> {
    netns: &'lab Netns,
    probes: Vec<&'lab Probe>,
}

/// Tries all probes.
pub(super) fn sweep(
    lab: &Lab,
    probes: &BTreeSet<Probe>,
    patience: Patience,
) -> Result<BTreeMap<Probe, Outcome>> {
    let mut by_source: BTreeMap<_, Vec<&Probe>> = BTreeMap::new();
    for probe in probes {
        by_source.entry(&probe.from).or_default().push(probe);
    }
    let mut jobs = Vec::new();
    for (source, probes) in by_source {
        let netns = lab.netns_of(source)?;
        jobs.extend(probes.chunks(PROBES_PER_THREAD).map(|probes| Job { netns, probes: probes.to_vec() }));
    }

    let workers = THREADS.min(jobs.len());
    let queue = Mutex::new(jobs);
    thread::scope(|scope| {
        let work = || {
            let mut outcomes = BTreeMap::new();
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(job) = job else { return Ok(outcomes) };
                outcomes.extend(job.netns.enter(|| twice(&job.probes, patience))?);
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut outcomes = BTreeMap::new();
        for thread in threads {
            let part: Result<BTreeMap<Probe, Outcome>> =
                thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
            outcomes.extend(part?);
        }
        Ok(outcomes)
    })
}

/// Silence is believed only the second time.
fn twice(probes: &[&Probe], patience: Patience) -> Result<BTreeMap<Probe, Outcome>> {
    let mut outcomes = once(probes, patience.first)?;
    let silent: Vec<&Probe> = probes
        .iter()
        .copied()
        .filter(|probe| outcomes.get(*probe).is_none_or(|outcome| *outcome == Outcome::TimedOut))
        .collect();
    outcomes.extend(once(&silent, patience.second)?);
    Ok(outcomes)
}

/// Inside the source's namespace.
fn once(probes: &[&Probe], patience: Duration) -> Result<BTreeMap<Probe, Outcome>> {
    let end = Instant::now() + patience;
    let mut outcomes = BTreeMap::new();
    let mut under_way: Vec<(&Probe, Attempt)> = Vec::new();
    for probe in probes {
        match Attempt::start(probe)? {
            Started::UnderWay(attempt) => under_way.push((probe, attempt)),
            Started::Over(outcome) => drop(outcomes.insert((*probe).clone(), outcome)),
        }
    }
    while !under_way.is_empty() && Instant::now() < end {
        let ready = ready(&under_way, end)?;
        let mut next = Vec::with_capacity(under_way.len());
        for ((probe, attempt), ready) in under_way.into_iter().zip(ready) {
            match if ready { attempt.advance()? } else { Started::UnderWay(attempt) } {
                Started::UnderWay(attempt) => next.push((probe, attempt)),
                Started::Over(outcome) => drop(outcomes.insert(probe.clone(), outcome)),
            }
        }
        under_way = next;
    }
    outcomes.extend(under_way.into_iter().map(|(probe, _)| (probe.clone(), Outcome::TimedOut)));
    Ok(outcomes)
}

fn ready(under_way: &[(&Probe, Attempt)], end: Instant) -> Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        under_way.iter().map(|(_, attempt)| PollFd::new(attempt.as_fd(), attempt.awaited())).collect();
    // Rounded up, else the last millisecond would be spent spinning.
    let left = end.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    match poll(&mut polled, PollTimeout::try_from(left)?) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(polled.iter().map(|polled| polled.any().unwrap_or(true)).collect())
}
