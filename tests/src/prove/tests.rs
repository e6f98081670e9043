//! That a run depends on its seed alone, and that a difference is found, made small, saved and played again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::{Difference, Job, Level, difference::saved_job, play::play, progress::Progress};

fn job(number: u64) -> Job {
    Job { seed: 7, level: Level::Host, number }
}

#[test]
fn a_job_does_the_same_each_time_and_another_something_else() {
    let played = |job: Job| play(job, &Progress::new(job.level, 0)).unwrap().unwrap();
    let once = played(job(1));
    assert!(once.packets > 1_000);
    assert_eq!(once, played(job(1)));
    assert_ne!(once, played(Job { seed: 8, ..job(1) }));
}

#[test]
fn a_saved_difference_names_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job { seed: 12, level: Level::Kernel, number: 34 };
    let difference = Difference { job, what: "one\ntwo".into(), case: "pod a/x".into() };
    let file = difference.save(folder.path()).unwrap();
    assert_eq!(saved_job(&file).unwrap(), job);
    // What is behind the comments is a case file.
    crate::text::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
    std::fs::write(&file, "# replay: moon seed 1 job 2\n").unwrap();
    assert!(saved_job(&file).is_err());
}
