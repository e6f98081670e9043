//! Level 3: the fuzz targets on their seeds, and on every input that ever failed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use enforcer_tests::fuzz::{Target, seeds};

fn play(target: Target) {
    let seeds = seeds(target);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target.name());
    let mut regressions = Vec::new();
    // A target that never failed has no folder.
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        regressions.push((name, fs::read(&path).unwrap()));
    }
    regressions.sort();
    println!("{}: {} seeds, {} regressions", target.name(), seeds.len(), regressions.len());
    assert!(seeds.len() > 30);
    for (name, data) in seeds.iter().chain(&regressions) {
        println!("{name}");
        target.play(data);
    }
}

#[test]
fn the_parser_agrees_with_another() {
    play(Target::Parser);
}

#[test]
fn decisions_have_their_event_and_their_count() {
    play(Target::Decide);
}

#[cfg(feature = "agent")]
#[test]
fn manifests_are_accepted_or_refused_in_clear_words() {
    play(Target::Yaml);
}
