//! Enforcement without a cluster: manifests from a folder, endpoints from a file or from network namespaces.

use std::{collections::BTreeMap, io, net::IpAddr, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Agent,
    notices::{Look, Notice, Notices},
};
use crate::{
    dataplane::{Claim, Clock, Dataplane, DataplaneError, KernelLog, Options, Ticks, Timeouts},
    flow::{Format, Record, Writer, decode},
    model::{Endpoint, ObjectName},
    source::{
        Effect,
        endpoints::Endpoints,
        manifest::{Folder, Watch, WatchError},
    },
    store::Cluster,
};

/// How often everything is looked at again, and idle flows are collected at least.
const TICK: Duration = Duration::from_secs(15);
/// First wait before something that failed is tried again; it doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The settings of a standalone run.
#[derive(Debug, Clone)]
pub struct Standalone {
    /// The folder of manifests.
    pub manifests: std::path::PathBuf,
    /// How local pods' interfaces are found.
    pub endpoints: Endpoints,
    /// Addresses that stand for Services.
    pub aliases: BTreeMap<IpAddr, ObjectName>,
    /// The form of the output.
    pub format: Format,
    /// How to load and attach.
    pub options: Options,
    /// How long a flow may be idle.
    pub timeouts: Timeouts,
}

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// The kernel's side.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// The folder or file cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Signals, threads.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The moving parts of a run.
struct Run {
    settings: Standalone,
    agent: Agent,
    folder: Folder,
    cluster: Cluster,
    endpoints: Vec<Endpoint>,
    notices: Notices,
    is_read: bool,
    writer: Writer,
    retry: Option<(Instant, Duration)>,
    events_lost: u64,
    failures: Vec<String>,
    enforced: Option<usize>,
}

impl Standalone {
    /// Enforces until SIGINT or SIGTERM.
    ///
    /// # Errors
    /// When it cannot start, another enforcer runs here, or the event ring breaks.
    pub async fn run(self) -> Result<(), StandaloneError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let _claim = Claim::take()?;
        let mut dataplane = Dataplane::load(self.options)?;
        let mut events = dataplane.events()?;
        tracing::info!(
            manifests = %self.manifests.display(),
            endpoints = %self.endpoints.path().display(),
            hook = ?dataplane.hook(),
            "programs loaded"
        );
        let mut kernel_log = if self.options.kernel_log { Some(dataplane.kernel_log()?) } else { None };
        let started = dataplane.clock()?;
        let mut ticks = None;
        // Watch before reading: a change in between is then seen twice, never missed.
        let mut manifests = Watch::new(&self.manifests)?;
        let mut mapping = Watch::new(self.endpoints.path())?;
        let mut run = Run {
            agent: Agent::new(dataplane).with_namespaces(self.endpoints.clone()),
            folder: Folder::new(&self.manifests),
            cluster: Cluster { aliases: self.aliases.clone(), ..Cluster::default() },
            endpoints: Vec::new(),
            notices: Notices::default(),
            is_read: false,
            writer: Writer::start(self.format)?,
            retry: None,
            events_lost: 0,
            failures: Vec::new(),
            enforced: None,
            settings: self,
        };
        run.update();
        let mut watching = (true, true);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        // A time-out that is shorter than the regular look wants a look of its own.
        let mut collect = interval(run.settings.timeouts.shortest().min(TICK));
        collect.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let retry_at = run.retry.map(|(at, _)| at);
            let Run { agent, writer, .. } = &mut run;
            tokio::select! {
                change = manifests.changed(), if watching.0 => {
                    watching.0 = still_watches(change, "manifests");
                    run.update();
                }
                change = mapping.changed(), if watching.1 => {
                    watching.1 = still_watches(change, "endpoints");
                    run.update();
                }
                result = events.read(|record| match decode(record) {
                    Some(event) => {
                        let record = agent.directory().name(&event, boot_time());
                        writer.write(Record::Drop(Box::new(record)));
                    }
                    None => tracing::error!(bytes = record.len(), "a ring record is no drop event"),
                }) => result?,
                () = flush(kernel_log.as_mut()) => {}
                () = wait_until(retry_at) => run.update(),
                // What no watch tells of: a link's target outside the folder, an interface that was replaced.
                _ = tick.tick() => {
                    run.update();
                    run.tell_losses();
                }
                _ = collect.tick() => run.expire(started, &mut ticks),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        // Detach first: a reader of the output that stalls must not keep the programs in place.
        let Run { agent, mut writer, .. } = run;
        drop(agent);
        writer.finish();
        Ok(())
    }
}

impl Run {
    /// Reads everything again and applies what differs. What cannot be read keeps its last good version;
    /// what fails is tried again after a while.
    fn update(&mut self) {
        let reading = self.folder.read();
        self.is_read |= !reading.events.is_empty();
        for event in reading.events {
            self.cluster.apply(event);
        }
        let mut look = Look { problems: reading.problems, ..Look::default() };
        if !reading.is_listed {
            look.unread.insert(self.folder.path().to_owned());
        }
        let mut again = false;
        match self.settings.endpoints.read() {
            Ok(reading) => {
                // An interface may be on its way.
                again |= !reading.problems.is_empty();
                self.endpoints = if reading.problems.is_empty() {
                    reading.endpoints
                } else {
                    keep_known(&self.endpoints, reading.endpoints)
                };
                look.problems.extend(reading.problems);
            }
            Err(error) => {
                look.unread.insert(error.path.clone());
                let effect = if self.endpoints.is_empty() { Effect::Nothing } else { Effect::LastGood };
                look.problems.push(error.into_problem(effect));
                again = true;
            }
        }
        self.notices.take(look).iter().for_each(Notice::log);
        if !self.is_read {
            // A folder that was never read says nothing, not that there are no policies.
            self.try_again_later();
            return;
        }
        let (applied, failed) = self.agent.reconcile(&self.cluster, &self.endpoints);
        let mut failures: Vec<String> = failed.iter().map(ToString::to_string).collect();
        match applied {
            Ok(applied) => {
                if applied.operations > 0 || Some(applied.endpoints) != self.enforced {
                    self.enforced = Some(applied.endpoints);
                    self.writer.write(Record::Applied(applied));
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
        again |= !failures.is_empty();
        for failure in failures.iter().filter(|failure| !self.failures.contains(failure)) {
            tracing::error!("{failure}");
        }
        self.failures = failures;
        if again {
            self.try_again_later();
        } else {
            self.retry = None;
        }
    }

    fn try_again_later(&mut self) {
        let wait = self.retry.map_or(RETRY_MIN, |(_, wait)| (wait * 2).min(RETRY_MAX));
        self.retry = Some((Instant::now() + wait, wait));
    }

    /// Tells of drop events that the ring had no room for. The drops themselves are counted exactly.
    fn tell_losses(&mut self) {
        match self.agent.dataplane().counters() {
            Ok(counters) if counters.events_lost > self.events_lost => {
                let lost = counters.events_lost - self.events_lost;
                tracing::warn!(lost, "drop events found no room in the ring; their packets were dropped");
                self.events_lost = counters.events_lost;
            }
            Ok(_) => {}
            Err(error) => tracing::error!("{error}"),
        }
    }

    fn expire(&mut self, started: Clock, ticks: &mut Option<Ticks>) {
        let timeouts = &self.settings.timeouts;
        let dataplane = self.agent.dataplane();
        let result = dataplane.clock().and_then(|now| {
            *ticks = ticks.or_else(|| Ticks::between(started, now));
            ticks.map_or(Ok(None), |ticks| dataplane.expire(timeouts, ticks).map(Some))
        });
        match result {
            Ok(expiry) => tracing::debug!(?expiry, "flows collected"),
            Err(error) => tracing::error!("collecting idle flows: {error}"),
        }
    }
}

/// Whether a watch goes on. One that broke leaves the regular look.
fn still_watches(change: Option<()>, what: &str) -> bool {
    if change.is_none() {
        tracing::error!(what, period = ?TICK, "the watch broke; changes are found by looking again");
    }
    change.is_some()
}

/// A reading with problems does not say that an endpoint is gone: one that was known stays while its interface
/// is there and nothing new claims the interface or the pod.
fn keep_known(known: &[Endpoint], mut read: Vec<Endpoint>) -> Vec<Endpoint> {
    for endpoint in known {
        let is_claimed =
            read.iter().any(|new| new.interface_index == endpoint.interface_index || new.pod == endpoint.pod);
        let is_there = nix::net::if_::if_nametoindex(endpoint.interface.as_str())
            .is_ok_and(|index| index == endpoint.interface_index);
        if !is_claimed && is_there {
            read.push(endpoint.clone());
        }
    }
    read
}

async fn flush(log: Option<&mut KernelLog>) {
    match log {
        Some(log) => {
            if let Err(error) = log.flush().await {
                tracing::error!("{error}");
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The wall-clock time at which the boot clock stood at 0, asked anew each time: the wall clock may be set.
fn boot_time() -> jiff::Timestamp {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = jiff::SignedDuration::new(boot.tv_sec, i32::try_from(boot.tv_nsec).unwrap_or(0));
    jiff::Timestamp::now().checked_sub(since_boot).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
