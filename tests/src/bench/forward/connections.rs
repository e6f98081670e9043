//! Connections per second: connect, a question, an answer, close; one after the other.

use std::{
    net::{SocketAddr, TcpListener},
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
    bench::{pin::pin, recorder::Recorder, result::Bar},
    lab::Netns,
    oracle::Family,
    scene::families,
};

const KIND: Kind = Kind {
    name: "connections",
    metric: "rate",
    unit: "connections/s",
    bar: |variant| (variant.policies() == 100).then_some(Bar::RatioAtLeast(0.95)),
};

/// The most that a turn takes.
const LIMIT: Duration = Duration::from_secs(2);

pub(super) fn run(pairs: &Pairs, turns: Turns, out: &mut Recorder) -> anyhow::Result<()> {
    let count = if turns.quick { 200 } else { 2_500 };
    for family in families() {
        if !out.wants_any(&KIND.cases(family)) {
            continue;
        }
        let ends: Vec<Ends<'_>> = Variant::ALL
            .map(|variant| Ends::open(pairs, variant, family))
            .into_iter()
            .collect::<Result<_, _>>()?;
        let rounds = turns.take(|place| ends.get(place).context("no such variant")?.turn(count))?;
        KIND.note(family, &rounds, out)?;
    }
    Ok(())
}

/// A pair whose server listens.
struct Ends<'a> {
    client: &'a Netns,
    at: SocketAddr,
    listener: TcpListener,
}

impl<'a> Ends<'a> {
    fn open(pairs: &'a Pairs, variant: Variant, family: Family) -> anyhow::Result<Self> {
        let server = server(variant);
        let at = pairs.at(variant, &server, family, PORT)?;
        let listener = sockets::listen(pairs.netns(variant, &server)?, at)?;
        Ok(Self { client: pairs.netns(variant, &client(variant))?, at, listener })
    }

    /// Connections per second.
    fn turn(&self, count: u32) -> anyhow::Result<f64> {
        self.client.enter(|| {
            pin()?;
            let begun = Instant::now();
            let mut made = 0_u32;
            while made < count && begun.elapsed() < LIMIT {
                let (mut client, mut server) =
                    sockets::connect(self.at, &self.listener).with_context(|| format!("to {}", self.at))?;
                sockets::exchange(&mut client, &mut server)?;
                sockets::close(client, server)?;
                made += 1;
            }
            Ok(f64::from(made) / begun.elapsed().as_secs_f64())
        })
    }
}
