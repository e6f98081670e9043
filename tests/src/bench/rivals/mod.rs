//! Ours beside what others have, each set up as its users have it, from the same policies, in a node of its own. Each is
//! first tried with real connections: what gives other verdicts than the oracle is named, and not timed.

mod contestant;
mod layout;
mod load;
mod netfilter;
mod ours;
mod program;
mod resolved;
mod rounds;
mod table;
mod variant;
mod verdicts;
mod world;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    Run,
    recorder::{Figure, Recorder},
    result::{Bar, Measurement},
};
use crate::lab::{PodSpec, clean_up_on_signals};
use contestant::Contestant;
use load::Load;
use rounds::{Effort, Rounds};
use table::Column;
use variant::Variant;
use verdicts::Check;
use world::Shape;

/// Of connections per second, with this many policies, ours has this part of what a node without any has.
const MOST_OF_NONE: (u16, f64) = (100, 0.95);

/// The time of one change of a policy, which is no load.
const CHANGE: &str = "change";

/// Runs the suite.
pub(super) fn run(run: &Run) -> Result<(Vec<Measurement>, BTreeMap<String, String>)> {
    clean_up_on_signals()?;
    let (sizes, effort): (&[u16], Effort) = if run.quick {
        (&[1, 10], Effort { rounds: 3, time: Duration::from_millis(60) })
    } else {
        (&[1, 10, 100, 1_000], Effort { rounds: 9, time: Duration::from_millis(200) })
    };
    let mut out = Recorder::new("rivals", run.only.as_deref());
    let mut versions = BTreeMap::from([("enforcer".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    let wanted: Vec<u16> = sizes.iter().copied().filter(|size| is_wanted(&out, *size)).collect();
    if wanted.is_empty() {
        return Ok((out.finish(), versions));
    }
    let mut left_out = Vec::new();
    let mut contestants = gather(&world::specs(&wanted), &mut left_out)?;
    versions.extend(contestants.iter().flat_map(Contestant::versions));
    let mut tables = String::new();
    for policies in wanted {
        let shape = Shape { policies, changed: false };
        let excluded = admit(&mut contestants, shape, &mut left_out)?;
        // Whoever only asks whether all of this works wants to hear that a layout does not.
        anyhow::ensure!(!run.quick || excluded.is_empty(), "{}", left_out.join("\n"));
        let columns = measure(&mut out, &mut contestants, shape, effort)?;
        tables += &table::render(policies, &columns);
        contestants.extend(excluded);
    }
    println!("{tables}");
    for line in &left_out {
        println!("LEFT OUT: {line}");
    }
    versions
        .extend(left_out.into_iter().enumerate().map(|(at, line)| (format!("left out {}", at + 1), line)));
    Ok((out.finish(), versions))
}

/// Of what is measured, of whom, of how many policies: so cases are points of a plot.
fn case(what: &str, variant: Variant, policies: u16) -> String {
    format!("{what}/{variant}/{policies}-policies")
}

/// All take turns or none does: a size is wanted when any of its cases is.
fn is_wanted(out: &Recorder, policies: u16) -> bool {
    let all = Load::ALL.map(Load::name).into_iter().chain([CHANGE]);
    let cases = all.flat_map(|what| Variant::ALL.map(|variant| case(what, variant, policies)));
    out.wants_any(&cases.collect::<Vec<_>>())
}

/// Builds a lab for each that can be set up here. The others are named, loudly.
fn gather(specs: &[PodSpec], left_out: &mut Vec<String>) -> Result<Vec<Contestant>> {
    let mut contestants = Vec::new();
    for variant in Variant::ALL {
        match Contestant::new(variant, specs) {
            Ok(contestant) => contestants.push(contestant),
            Err(error) if variant.is_rival() || variant == Variant::Tracked => {
                leave_out(left_out, format!("{variant}: {error:#}"));
            }
            Err(error) => return Err(error.context(variant)),
        }
    }
    Ok(contestants)
}

fn leave_out(left_out: &mut Vec<String>, line: String) {
    eprintln!("LEFT OUT: {line}");
    left_out.push(line);
}

/// Sets the policies up everywhere and tries them. Returns those that are not to be timed with this size.
fn admit(
    contestants: &mut Vec<Contestant>,
    shape: Shape,
    left_out: &mut Vec<String>,
) -> Result<Vec<Contestant>> {
    let mut admitted = Vec::new();
    let mut excluded = Vec::new();
    for mut contestant in contestants.drain(..) {
        let variant = contestant.variant;
        let cluster = world::cluster(&contestant.lab, shape)?;
        let trials = world::trials(shape);
        let checked = contestant.install(&cluster).and_then(|()| {
            if variant.enforces() {
                verdicts::check(&contestant.lab, &cluster, &trials)
            } else {
                Ok(Check::default())
            }
        });
        let checked = match checked {
            Err(error) if variant.is_rival() => Err(format!("{error:#}")),
            checked => Ok(checked.with_context(|| format!("{variant}, {} policies", shape.policies))?),
        };
        match checked {
            Ok(Check { allowed, denied, differences }) if differences.is_empty() => {
                if variant.enforces() {
                    println!(
                        "{variant}, {} policies: the oracle's verdict on {allowed} allowed and {denied} denied attempts",
                        shape.policies
                    );
                }
                admitted.push(contestant);
            }
            Ok(Check { differences, .. }) => {
                let said = differences.join("\n  ");
                let line = format!("{variant}, {} policies: other verdicts\n  {said}", shape.policies);
                anyhow::ensure!(variant != Variant::Ours, "{line}");
                leave_out(left_out, line);
                excluded.push(contestant);
            }
            Err(said) => {
                leave_out(left_out, format!("{variant}, {} policies: {said}", shape.policies));
                excluded.push(contestant);
            }
        }
    }
    *contestants = admitted;
    Ok(excluded)
}

fn measure(
    out: &mut Recorder,
    contestants: &mut [Contestant],
    shape: Shape,
    effort: Effort,
) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for load in Load::ALL {
        let rounds = rounds::loads(contestants, load, effort)?;
        note_load(out, shape.policies, load, &rounds)?;
        columns.push(Column::of(load, rounds));
    }
    let changes = rounds::changes(contestants, shape, effort)?;
    let ours = changes.get(&Variant::Ours);
    for (variant, own) in &changes {
        let case = case(CHANGE, *variant, shape.policies);
        let figure = Figure { case: &case, metric: "time", unit: "ms", bar: None };
        let baseline = ours.filter(|_| *variant != Variant::Ours).map(|ours| ("ours", ours.as_slice()));
        if out.wants(&case) {
            out.note(figure, own.clone(), baseline)?;
        }
    }
    columns.push(Column { title: format!("{CHANGE} [ms]"), more_is_better: false, rounds: changes });
    Ok(columns)
}

/// Each against none; ours against each rival too.
fn note_load(out: &mut Recorder, policies: u16, load: Load, rounds: &Rounds) -> Result<()> {
    let none = rounds.get(&Variant::None);
    for (variant, own) in rounds {
        let case = case(load.name(), *variant, policies);
        if !out.wants(&case) {
            continue;
        }
        let baseline = none.filter(|_| *variant != Variant::None).map(|none| ("none", none.as_slice()));
        let bar = (*variant == Variant::Ours && load == Load::Connections && policies == MOST_OF_NONE.0)
            .then_some(Bar::RatioAtLeast(MOST_OF_NONE.1));
        out.note(Figure { case: &case, metric: "rate", unit: load.unit(), bar }, own.clone(), baseline)?;
        if *variant != Variant::Ours {
            continue;
        }
        for (rival, its) in rounds.iter().filter(|(rival, _)| rival.is_rival()) {
            let metric = format!("rate against {rival}");
            let bar = (load == Load::Connections).then_some(Bar::RatioAtLeast(1.0));
            let figure = Figure { case: &case, metric: &metric, unit: load.unit(), bar };
            out.note(figure, own.clone(), Some((rival.name(), its)))?;
        }
    }
    Ok(())
}
