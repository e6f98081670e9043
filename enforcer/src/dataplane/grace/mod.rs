//! Waits until every program that runs now has ended.
//!
//! Two ways take part in each wait, and the first to come to its end ends it:
//!
//! - **`membarrier(MEMBARRIER_CMD_GLOBAL)`** waits for a grace period of RCU (membarrier(2)), under which programs run.
//!   It always ends, and takes 8 to 20 ms where processors are idle: the kernel is in no hurry.
//! - **Visits**: a thread of ours runs on every online processor. Programs of tc run with bottom halves disabled, from
//!   the softirq that receives a packet or in `__dev_queue_xmit` (`rcu_read_lock_bh`), and unless the kernel is built with
//!   PREEMPT_RT, what runs so cannot be preempted (`local_bh_disable` counts up `preempt_count`; Documentation/core-api/real-time/differences.rst
//!   has what differs under PREEMPT_RT). So a processor that comes to run a thread of ours has ended every program
//!   that it began before. It is the `synchronize_rcu` of "classic RCU" (Documentation/RCU/whatisRCU.rst, 5B), and takes some
//!   ten microseconds a processor. The writes before the wait are seen by what begins after it: the lock around the
//!   tickets and the scheduler's own order them.
//!
//! Visits alone would not do, so the two run side by side:
//!
//! - A processor may be held by a real-time task for ever, and one outside our cpuset or taken offline refuses us. The
//!   wait then ends with the membarrier, and the visitor is called back: pinned there it could not even end, so that a
//!   SIGKILL in these milliseconds would take effect only when the processor is let go.
//! - Under PREEMPT_RT there are no visits: the argument does not hold.
//! - Where processors are isolated (`isolcpus`, `nohz_full`) there are none either: somebody wants to be left alone there.
//! - The list of online processors is the kernel's own, not a file that was mounted over it with fewer in it, as lxcfs
//!   does for containers: a processor that is left out is one whose programs nobody waited for.
//!
//! A processor that comes online after the list was read began its programs after the writes.
//!
//! Each wait draws a ticket; a worker notes the latest ticket when it begins a round, and has served all up to that one when
//! it ends it. So one that was late has nothing to catch up with, and nothing queues up behind it.

#[cfg(feature = "bench")]
mod bench;
mod processors;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle, sleep},
    time::Duration,
};

use nix::unistd::{Pid, gettid};
use rustix::thread::{MembarrierCommand, membarrier};

#[cfg(feature = "bench")]
pub use bench::GraceWait;

/// Threads that share the visits, at most: on large machines each has several processors to see.
const VISITORS: usize = 8;

/// A visitor keeps a few words on its stack.
const STACK: usize = 64 * 1024;

/// One round of a worker: whether it came to its end.
type Round = Box<dyn FnMut() -> bool + Send>;

/// The workers, as long as this value lives.
pub(super) struct Grace {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a new ticket, or the end.
    asked: Condvar,
    /// A ticket was served.
    served: Condvar,
}

#[derive(Default)]
struct State {
    /// The latest ticket.
    ticket: u64,
    /// The last ticket that the barrier served.
    barrier: u64,
    visitors: Vec<Visitor>,
    is_over: bool,
}

#[derive(Default)]
struct Visitor {
    /// The last ticket that it served.
    served: u64,
    /// Where it is on its way.
    away: Option<Pid>,
}

impl Grace {
    /// Starts the workers. Where none can be started, each wait is the caller's own.
    pub(super) fn start() -> Self {
        let count = processors::visitable().map_or(0, |count| count.min(VISITORS));
        let visitors = (0..count).map(|share| -> Round { Box::new(move || processors::visit(share, count)) });
        Self::with(Box::new(barrier), visitors.collect())
    }

    fn with(barrier: Round, visits: Vec<Round>) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().visitors = visits.iter().map(|_| Visitor::default()).collect();
        let mut grace = Self { shared, threads: Vec::new() };
        let rounds =
            [(None, barrier)].into_iter().chain(visits.into_iter().enumerate().map(|(i, it)| (Some(i), it)));
        for (place, round) in rounds {
            let shared = Arc::clone(&grace.shared);
            let name = if place.is_some() { "grace visitor" } else { "grace barrier" };
            let thread = Builder::new().name(name.to_owned()).stack_size(STACK);
            match thread.spawn(move || shared.work(place, round)) {
                Ok(thread) => grace.threads.push(thread),
                Err(error) => {
                    tracing::warn!("cannot start a thread, changes take some milliseconds longer: {error}");
                    grace.end();
                    break;
                }
            }
        }
        grace
    }

    /// Waits until every program that runs now has ended.
    pub(super) fn wait(&self) {
        if self.threads.is_empty() {
            barrier();
            return;
        }
        let mut state = self.shared.state();
        state.ticket += 1;
        let ticket = state.ticket;
        self.shared.asked.notify_all();
        let over = |state: &mut State| !state.has_served(ticket);
        let state = self.shared.served.wait_while(state, over).unwrap_or_else(PoisonError::into_inner);
        state.call_back(ticket);
    }

    /// Ends all workers. A visitor that set out while it was being called back is called again.
    fn end(&mut self) {
        const AGAIN: Duration = Duration::from_millis(5);
        let mut state = self.shared.state();
        state.is_over = true;
        self.shared.asked.notify_all();
        while !self.threads.iter().all(JoinHandle::is_finished) {
            state.call_back(u64::MAX);
            state = self.shared.served.wait_timeout(state, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Grace {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn has_served(&self, ticket: u64) -> bool {
        let all_visited = !self.visitors.is_empty() && self.visitors.iter().all(|it| it.served >= ticket);
        self.barrier >= ticket || all_visited
    }

    /// Lets visitors go that are still away and have not served this ticket.
    fn call_back(&self, ticket: u64) {
        for visitor in self.visitors.iter().filter(|it| it.served < ticket) {
            if let Some(thread) = visitor.away {
                processors::release(thread);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life: the barrier's, or that of the visitor in this place.
    fn work(&self, place: Option<usize>, mut round: Round) {
        let mut begun = 0;
        let mut state = self.state();
        loop {
            let idle = |state: &mut State| state.ticket == begun && !state.is_over;
            state = self.asked.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            begun = state.ticket;
            if let Some(visitor) = place.and_then(|place| state.visitors.get_mut(place)) {
                visitor.away = Some(gettid());
            }
            drop(state);
            let has_ended = round();
            state = self.state();
            match place {
                None if has_ended => state.barrier = begun,
                None => {}
                Some(place) => {
                    if let Some(visitor) = state.visitors.get_mut(place) {
                        visitor.away = None;
                        if has_ended {
                            visitor.served = begun;
                        }
                    }
                }
            }
            self.served.notify_all();
        }
    }
}

/// Waits for a grace period of RCU. Kernels with `nohz_full` processors do not have the command; there a wait takes its
/// place that is long beside a program's run of microseconds.
fn barrier() -> bool {
    const LONG: Duration = Duration::from_millis(50);
    if membarrier(MembarrierCommand::Global).is_err() {
        sleep(LONG);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use super::*;

    /// A round that lasts until the other end of the channel says or goes.
    fn held() -> (mpsc::Sender<()>, Round) {
        let (sender, receiver) = mpsc::channel();
        (sender, Box::new(move || receiver.recv().is_ok()))
    }

    #[test]
    fn the_first_to_end_ends_the_wait() {
        let (end_barrier, barrier) = held();
        let (end_visit, visit) = held();
        let mut grace = Grace::with(Box::new(|| true), vec![visit]);
        grace.wait();
        drop(end_visit);
        grace.end();
        let mut grace = Grace::with(barrier, vec![Box::new(|| true), Box::new(|| true)]);
        grace.wait();
        grace.wait();
        drop(end_barrier);
        grace.end();
    }

    #[test]
    fn one_visitor_that_does_not_come_through_is_as_none() {
        let rounds = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&rounds);
        let barrier = Box::new(move || counted.fetch_add(1, Ordering::SeqCst) < u32::MAX);
        let grace = Grace::with(barrier, vec![Box::new(|| true), Box::new(|| false)]);
        for ticket in 1..=3 {
            grace.wait();
            assert!(rounds.load(Ordering::SeqCst) >= ticket);
        }
    }

    #[test]
    fn a_round_serves_the_tickets_from_before_it_began_and_no_later_one() {
        let shared = Shared::default();
        shared.state().visitors = vec![Visitor { served: 4, away: None }, Visitor { served: 6, away: None }];
        shared.state().barrier = 2;
        let served = |ticket| shared.state().has_served(ticket);
        assert_eq!([1, 4, 5].map(served), [true, true, false]);
        shared.state().barrier = 5;
        assert_eq!([5, 6].map(served), [true, false]);
        // No visitor is not all visitors.
        shared.state().visitors.clear();
        assert!(!served(6));
    }

    #[test]
    fn waits_end_on_this_machine_and_the_workers_with_the_value() {
        let grace = Grace::start();
        for _ in 0..100 {
            grace.wait();
        }
        assert!(grace.shared.state().ticket == 100);
    }
}
