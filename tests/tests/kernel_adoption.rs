//! Level 4: what a restarted agent finds in the kernel's tables is what the last one wrote.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use anyhow::{Context as _, Result, ensure};
use enforcer::{
    compile::compile,
    dataplane::{Dataplane, DataplaneError, Found, Options, Pins},
    plan::{Kept, MapImage, MapOp, diff, plan},
    store::Cluster,
};
use enforcer_common::{
    Direction,
    tables::{Row, RowKey},
};
use enforcer_tests::{
    compare::{compare_all, endpoints},
    generate::{case, edit, edited},
    lab::PinFolder,
    text::parse,
};
use proptest::collection;

/// Small tables of flows, which take no time to make.
const OPTIONS: Options =
    Options { origin_from_mark: true, flow_entries: Some(1024), kernel_log: false, hook: None };

fn adopt(folder: &PinFolder, options: Options) -> Result<(Dataplane, Found)> {
    Ok(Dataplane::adopt(options, Pins::open(&folder.path())?)?)
}

/// What a file would keep.
fn through_json(kept: &Kept) -> Result<Kept> {
    Ok(serde_json::from_slice(&serde_json::to_vec(kept)?)?)
}

/// Brings the tables to a state of the cluster, and compares what is read back after each plan. Returns the writes.
fn change(dataplane: &mut Dataplane, image: &mut MapImage, cluster: &Cluster) -> Result<usize> {
    let compiled = compile(cluster, &endpoints(cluster, 1));
    let mut writes = 0;
    for _ in 0..4 {
        let next = plan(image, &compiled)?;
        let ops = diff(image, &next.image);
        let kept = through_json(&Kept::of(image, &next.image))?;
        writes += ops.iter().filter(|op| **op != MapOp::Grace).count();
        dataplane.apply(&ops)?;
        *image = next.image;
        image.release();
        let tables = dataplane.read_tables()?;
        ensure!(tables == image.tables, "read back: {tables:#?}\nwritten: {:#?}", image.tables);
        let adopted = MapImage::adopt(tables, Some(&kept));
        ensure!(adopted.endpoints == image.endpoints && adopted.rule_sets == image.rule_sets);
        ensure!(adopted.names == image.names && adopted.owed.is_empty());
        if next.settled {
            *image = adopted;
            return Ok(writes);
        }
    }
    anyhow::bail!("the plan does not settle")
}

#[test]
fn what_is_written_is_read_back_after_every_change() -> Result<()> {
    let folder = PinFolder::new()?;
    let (dataplane, found) = adopt(&folder, OPTIONS)?;
    let mut running = Some(dataplane);
    assert!(found.refused.is_empty() && !found.is_beside && found.tables.endpoints.is_empty());
    let (mut image, mut identity, mut round) = (MapImage::default(), found.identity, 0);
    let clusters = (case(1..=2), collection::vec(collection::vec(edit(), 1..=3), 1..=3));
    let writes = compare_all(40, &clusters, |(case, changes)| {
        let mut cluster = case.cluster;
        let dataplane = running.as_mut().context("it runs")?;
        let mut writes = change(dataplane, &mut image, &cluster)?;
        for edits in &changes {
            cluster = edited(&cluster, edits);
            writes += change(dataplane, &mut image, &cluster)?;
        }
        ensure!(change(dataplane, &mut image, &cluster)? == 0, "nothing changed");
        round += 1;
        if round % 10 == 0 {
            // The process ends, and another one begins.
            drop(running.take());
            let (mut next, found) = adopt(&folder, OPTIONS)?;
            ensure!(found.tables == image.tables && found.refused.is_empty() && !found.is_beside);
            ensure!(found.identity == identity, "other tables");
            identity = found.identity;
            ensure!(change(&mut next, &mut image, &cluster)? == 0, "nothing changed");
            running = Some(next);
        }
        Ok(writes)
    })
    .unwrap();
    println!("{writes} writes, all read back");
    assert!(round >= 40 && writes > 1_000);
    Ok(())
}

/// A cluster with something in every table.
fn some_image(dataplane: &mut Dataplane) -> Result<MapImage> {
    let mut image = MapImage::default();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/both-sides-must-allow.case"))?;
    let case = parse(&text)?;
    change(dataplane, &mut image, &case.cluster)?;
    Ok(image)
}

#[test]
fn maps_of_another_size_are_set_aside_and_go_at_the_end() -> Result<()> {
    let folder = PinFolder::new()?;
    let (mut dataplane, first) = adopt(&folder, OPTIONS)?;
    let image = some_image(&mut dataplane)?;
    drop(dataplane);

    let (dataplane, found) = adopt(&folder, Options { flow_entries: Some(2048), ..OPTIONS })?;
    let [why] = found.refused.as_slice() else { panic!("{:?}", found.refused) };
    assert!(why.contains("entries 1024") && why.contains("entries 2048"), "{why}");
    assert_ne!(found.identity, first.identity);
    assert!(found.is_beside && found.tables.endpoints.is_empty() && !image.tables.endpoints.is_empty());
    // Nothing is attached, so nothing uses them.
    assert_eq!(dataplane.inherited().count(), 0);
    assert_eq!(fs::read_dir(folder.path())?.count(), 5);
    dataplane.remove_others()?;
    assert_eq!(fs::read_dir(folder.path())?.count(), 3);
    Ok(())
}

#[test]
fn tables_that_make_no_sense_are_set_aside_and_generations_go_on() -> Result<()> {
    let folder = PinFolder::new()?;
    let (mut dataplane, _) = adopt(&folder, OPTIONS)?;
    let image = some_image(&mut dataplane)?;
    let row = Row { start: 200_000, len: 3 };
    dataplane.apply(&[MapOp::SetRow { key: RowKey::new(9, Direction::Ingress, 0), row }])?;
    assert!(dataplane.read_tables().is_err());
    drop(dataplane);

    let (_dataplane, found) = adopt(&folder, OPTIONS)?;
    assert!(found.is_beside && found.refused.len() == 1 && found.tables.endpoints.is_empty(), "{found:?}");
    assert_eq!(found.tables.generations, image.tables.generations);
    assert!(!found.tables.generations.is_empty());
    assert_eq!(found.formers.len(), 1);
    Ok(())
}

#[test]
fn a_folder_is_for_one_process_and_on_a_bpffs() -> Result<()> {
    let folder = PinFolder::new()?;
    let first = Pins::open(&folder.path())?;
    let second = Pins::open(&folder.path());
    assert!(matches!(second, Err(DataplaneError::PinsInUse { .. })), "{second:?}");
    drop(first);
    Pins::open(&folder.path())?;
    let elsewhere = std::env::temp_dir().join("enforcer-pins");
    let refused = Pins::open(&elsewhere).unwrap_err().to_string();
    assert!(refused.contains("mount -t bpf bpf /sys/fs/bpf"), "{refused}");
    assert!(!elsewhere.exists());
    Ok(())
}
