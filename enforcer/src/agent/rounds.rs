//! What happens besides changes of the cluster: drops to tell of, idle flows to collect, times to look again, the end.

use std::{future::pending, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    RunError, Settings,
    run::{Run, still_watches},
};
use crate::{
    dataplane::{Claim, Clock, Dataplane, Events, Expiry, Found, KernelLog, Pins, Ticks, Timeouts},
    flow::{Record, decode},
    source::manifest::Watch,
};

/// How often everything is looked at again, and idle flows are collected at least.
pub(super) const TICK: Duration = Duration::from_secs(15);

/// Why the caller has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Look at the input again.
    Look,
    /// End.
    Stop,
}

/// All of these, each at its time.
pub(super) struct Rounds {
    events: Events,
    kernel_log: Option<KernelLog>,
    /// On the list of endpoints; `None` once it broke, and where there is none.
    mapping: Option<Watch>,
    tick: Interval,
    collect: Interval,
    terminate: Signal,
    interrupt: Signal,
    timeouts: Timeouts,
    started: Clock,
    ticks: Option<Ticks>,
    events_lost: u64,
    /// What the last collection found.
    pub(super) flows: Option<Expiry>,
    _claim: Claim,
}

impl Rounds {
    /// Loads the programs and begins. Needs a tokio runtime.
    pub(super) fn start(settings: &Settings) -> Result<(Self, Dataplane, Option<Found>), RunError> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let claim = Claim::take()?;
        let (mut dataplane, found) = match &settings.pinning {
            None => (Dataplane::load(settings.options)?, None),
            Some(pinning) => {
                let (dataplane, found) = Dataplane::adopt(settings.options, Pins::open(&pinning.folder)?)?;
                (dataplane, Some(found))
            }
        };
        let events = dataplane.events()?;
        tracing::info!(
            hook = ?dataplane.hook(),
            "programs loaded"
        );
        let kernel_log = if settings.options.kernel_log { Some(dataplane.kernel_log()?) } else { None };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        // A time-out that is shorter than the regular look wants a look of its own.
        let mut collect = interval(settings.timeouts.shortest().min(TICK));
        collect.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let rounds = Self {
            events,
            kernel_log,
            // Before the first reading: a change in between is then seen twice, never missed.
            mapping: settings.endpoints.as_ref().map(|list| Watch::new(list.path())).transpose()?,
            tick,
            collect,
            terminate,
            interrupt,
            timeouts: settings.timeouts.clone(),
            started: dataplane.clock()?,
            ticks: None,
            // Whatever was lost until now was lost while another agent read, or none did.
            events_lost: dataplane.counters()?.events_lost,
            flows: None,
            _claim: claim,
        };
        if rounds.events_lost > 0 {
            tracing::warn!(
                lost = rounds.events_lost,
                "drop events found no room in the ring before this start"
            );
        }
        Ok((rounds, dataplane, found))
    }

    /// Does what there is to do until the caller has something to do. Safe to cancel.
    ///
    /// # Errors
    /// When the event ring breaks.
    pub(super) async fn next(&mut self, run: &mut Run) -> Result<Wake, RunError> {
        loop {
            let Run { agent, writer, retry, .. } = &mut *run;
            tokio::select! {
                change = changed(self.mapping.as_mut()) => {
                    if !still_watches(change, "endpoints", TICK) {
                        self.mapping = None;
                    }
                    return Ok(Wake::Look);
                }
                result = self.events.read(|record| match decode(record) {
                    Some(event) => {
                        let record = agent.directory().name(&event, boot_time());
                        writer.write(Record::Drop(Box::new(record)));
                    }
                    None => tracing::error!(bytes = record.len(), "a ring record is no drop event"),
                }) => result?,
                () = flush(self.kernel_log.as_mut()) => {}
                () = retry.due() => return Ok(Wake::Look),
                // What no watch tells of: a link's target outside the folder, an interface that was replaced.
                _ = self.tick.tick() => {
                    run.agent.dataplane().check_attached();
                    self.tell_losses(run);
                    return Ok(Wake::Look);
                }
                _ = self.collect.tick() => self.expire(run),
                _ = self.terminate.recv() => return Ok(Wake::Stop),
                _ = self.interrupt.recv() => return Ok(Wake::Stop),
            }
        }
    }

    /// Tells of drop events that the ring had no room for. The drops themselves are counted exactly.
    fn tell_losses(&mut self, run: &mut Run) {
        match run.agent.dataplane().counters() {
            Ok(counters) if counters.events_lost > self.events_lost => {
                let lost = counters.events_lost - self.events_lost;
                tracing::warn!(lost, "drop events found no room in the ring; their packets were dropped");
                self.events_lost = counters.events_lost;
            }
            Ok(_) => {}
            Err(error) => tracing::error!("{error}"),
        }
    }

    fn expire(&mut self, run: &mut Run) {
        let dataplane = run.agent.dataplane();
        let result = dataplane.clock().and_then(|now| {
            self.ticks = self.ticks.or_else(|| Ticks::between(self.started, now));
            self.ticks.map_or(Ok(None), |ticks| dataplane.expire(&self.timeouts, ticks).map(Some))
        });
        match result {
            Ok(expiry) => {
                tracing::debug!(?expiry, "flows collected");
                self.flows = expiry;
            }
            Err(error) => tracing::error!("collecting idle flows: {error}"),
        }
    }
}

/// Waits for a change; for ever without a watch.
pub(super) async fn changed(watch: Option<&mut Watch>) -> Option<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => pending().await,
    }
}

async fn flush(log: Option<&mut KernelLog>) {
    match log {
        Some(log) => {
            if let Err(error) = log.flush().await {
                tracing::error!("{error}");
                pending::<()>().await;
            }
        }
        None => pending().await,
    }
}

/// The wall-clock time at which the boot clock stood at 0, asked anew each time: the wall clock may be set.
fn boot_time() -> jiff::Timestamp {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = jiff::SignedDuration::new(boot.tv_sec, i32::try_from(boot.tv_nsec).unwrap_or(0));
    jiff::Timestamp::now().checked_sub(since_boot).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
