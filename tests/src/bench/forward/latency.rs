//! From a question to its answer, on a connection that stays open.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{
    pair::{PORT, Pairs, client, server},
    sockets,
    turns::{Kind, Turns},
    variant::Variant,
};
use crate::{
    bench::{pin::pin, recorder::Recorder, statistics::quantile},
    oracle::Family,
    scene::families,
};

/// The metrics, by quantile.
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

/// The most that a turn takes.
const LIMIT: Duration = Duration::from_secs(2);

const fn kind(metric: &'static str) -> Kind {
    Kind { name: "latency", metric, unit: "µs", bar: |_| None }
}

pub(super) fn run(pairs: &Pairs, turns: Turns, out: &mut Recorder) -> anyhow::Result<()> {
    let count = if turns.quick { 500 } else { 6_000 };
    for family in families() {
        if !out.wants_any(&kind("p50").cases(family)) {
            continue;
        }
        let mut lines: Vec<(TcpStream, TcpStream)> =
            Variant::ALL.map(|variant| open(pairs, variant, family)).into_iter().collect::<Result<_, _>>()?;
        let rounds = turns.take(|place| turn(lines.get_mut(place).context("no such variant")?, count))?;
        for (place, (_, metric)) in QUANTILES.into_iter().enumerate() {
            let figures: Vec<Vec<f64>> = rounds
                .iter()
                .map(|rounds| rounds.iter().filter_map(|round| round.get(place).copied()).collect())
                .collect();
            kind(metric).note(family, &figures, out)?;
        }
    }
    Ok(())
}

/// Both ends of a connection.
fn open(pairs: &Pairs, variant: Variant, family: Family) -> anyhow::Result<(TcpStream, TcpStream)> {
    let server = server(variant);
    let at = pairs.at(variant, &server, family, PORT)?;
    let listener = sockets::listen(pairs.netns(variant, &server)?, at)?;
    let (client, server) = pairs
        .netns(variant, &client(variant))?
        .enter(|| sockets::connect(at, &listener).with_context(|| format!("to {at}")))?;
    // A question is one segment, at once.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Microseconds, at each of the quantiles.
fn turn((client, server): &mut (TcpStream, TcpStream), count: u32) -> anyhow::Result<[f64; 3]> {
    std::thread::scope(|scope| {
        // A thread of its own, so that nothing but the turn stays on one processor.
        let turn = scope.spawn(|| -> anyhow::Result<[f64; 3]> {
            pin()?;
            let begun = Instant::now();
            let mut took = Vec::new();
            while took.len() < count as usize && begun.elapsed() < LIMIT {
                let asked = Instant::now();
                sockets::exchange(client, server)?;
                took.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            took.sort_by(f64::total_cmp);
            Ok(QUANTILES.map(|(at, _)| quantile(&took, at)))
        });
        turn.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    })
}
