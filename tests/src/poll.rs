//! Waiting for something to become true. The only place in the tests that sleeps: everything else
//! asks here, with a deadline, and says what it waits for.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Short enough not to be noticed, long enough not to take a core from what is waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks `attempt` until it has an answer; an error that names `what` once `deadline` has passed.
pub fn until<T>(deadline: Duration, what: &str, mut attempt: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = attempt() {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", deadline.as_secs_f32());
        }
        thread::sleep(PAUSE);
    }
}
