//! A whole run.

use std::time::{Duration, Instant};

use super::{
    Difference, Level, Options,
    difference::saved_job,
    play::play,
    progress::{Progress, grouped, rate},
    row::{Row, play_row},
};
use crate::generate::{Census, Construct};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// No difference, and every construct was there.
    Proved,
    /// Something differs, or was never generated; it was printed.
    Refuted,
}

/// Runs all that is asked for and prints what comes of it.
///
/// # Errors
/// When a case cannot be played at all, or a file not be written.
pub fn run(options: &Options) -> anyhow::Result<Conclusion> {
    if let Some(file) = &options.replay {
        return replay(options, file);
    }
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let levels: Vec<(Level, u64)> = [(Level::Host, options.host), (Level::Kernel, options.kernel)]
        .into_iter()
        .filter(|(_, asked)| *asked > 0)
        .collect();
    let asked: Vec<String> =
        levels.iter().map(|(level, asked)| format!("{level} {}", grouped(*asked))).collect();
    println!("Proof: {}; seed {seed}; {} jobs at a time", asked.join(", "), options.threads());
    let begun = Instant::now();
    let (mut census, mut lines, mut differences) = (Census::default(), Vec::new(), Vec::new());
    for (level, asked) in levels {
        let level_begun = Instant::now();
        let row = play_row(seed, level, asked, options.threads())?;
        lines.push(summary(level, &row, level_begun.elapsed()));
        census.merge(&row.done.census);
        differences.extend(row.differences);
    }
    println!("\nConstructs, by how often they were generated\n{census}");
    for line in lines {
        println!("{line}");
    }
    println!("seed {seed}, {:.0} s", begun.elapsed().as_secs_f64());
    conclude(options, &differences, &census)
}

/// The end of the output: what was never generated, what differs, and how many these are.
fn conclude(options: &Options, differences: &[Difference], census: &Census) -> anyhow::Result<Conclusion> {
    // A run that stopped at a difference has not had the time to generate everything.
    let mut missing = if differences.is_empty() { census.missing(Construct::ALL) } else { Vec::new() };
    // Nobody sets the kernel's clock.
    missing.retain(|construct| options.host > 0 || !construct.needs_time());
    for construct in &missing {
        println!("never generated: {construct}");
    }
    show(options, differences)?;
    println!("differences: {}", differences.len());
    Ok(if differences.is_empty() && missing.is_empty() { Conclusion::Proved } else { Conclusion::Refuted })
}

fn show(options: &Options, differences: &[Difference]) -> anyhow::Result<()> {
    for difference in differences {
        let file = difference.save(options.save())?;
        println!("\n{difference}saved: {}\nagain: cargo xtask prove --replay {0}", file.display());
    }
    Ok(())
}

fn summary(level: Level, row: &Row, time: Duration) -> String {
    let packets = row.done.packets;
    format!(
        "{level}: {} cases in {} jobs, {:.0} s, {}/s",
        grouped(packets),
        row.jobs,
        time.as_secs_f64(),
        grouped(rate(packets, time))
    )
}

/// One job again, alone.
fn replay(options: &Options, file: &std::path::Path) -> anyhow::Result<Conclusion> {
    let job = saved_job(file)?;
    println!("Replay: {} job {} of seed {}, {}", job.level, job.number, job.seed, job.kind());
    match play(job, &Progress::new(job.level, 0))? {
        Ok(done) => {
            println!("{} cases\ndifferences: 0", grouped(done.packets));
            Ok(Conclusion::Proved)
        }
        Err(difference) => {
            show(options, &[difference])?;
            println!("differences: 1");
            Ok(Conclusion::Refuted)
        }
    }
}

/// Nobody has to be able to guess it or not: the hasher's own randomness serves.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // Short enough to be typed.
    RandomState::new().hash_one(std::process::id()) >> 32
}
