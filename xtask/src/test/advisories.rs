//! Known flaws of dependencies, where their database can be reached.

use crate::{build::cargo, process, summary::Outcome};
use anyhow::{Result, bail};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);

/// Fails on a flaw, never for want of a network.
pub(super) fn run() -> Result<Outcome> {
    let unreachable = || Outcome::Skipped("their database cannot be reached".to_owned());
    let mut deny = cargo()?;
    deny.args(["deny", "--color", "never", "check", "advisories"]);
    println!("$ {}", process::shown(&deny));
    let Some((success, said)) = process::output_within(&mut deny, LIMIT)? else {
        return Ok(unreachable());
    };
    if !success && said.contains("advisory database") && (said.contains("fetch") || said.contains("load")) {
        return Ok(unreachable());
    }
    print!("{said}");
    if !success {
        bail!("a dependency has a known flaw");
    }
    Ok(Outcome::Passed)
}
