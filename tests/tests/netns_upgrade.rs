//! Level 6: an enforcer finds what it cannot go on with: another layout's maps, maps that are not whole, a file that is lost. What is
//! in force stays so until its own tables are filled.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    oracle::Family,
    poll,
    scene::{DEADLINE, HOOKS, PODS, Traffic, check_hooks, ingress, memory, names, pinned, writes},
};
use nix::sys::signal::Signal;

/// As an upgrade finds it, in which the layout has got another version; and as a downgrade does.
#[test]
fn tables_of_another_layout_are_replaced_under_traffic() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let pins = scene.lab.pins();
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        agent.stop(Signal::SIGTERM)?;
        fs::rename(pins.join("tables-1"), pins.join("tables-0"))?;
        traffic.go_on("another layout's programs")?;
        let mut agent = traffic.press(|| scene.start())?;
        traffic.go_on("this layout's programs")?;
        let wanted = ["flows-1", "links", "tables-1"].map(str::to_owned);
        assert_eq!(names(&pins)?, wanted.into());
        assert!(writes(&agent) > 0);
        check_hooks(&scene, &agent, attach)?;

        // Of the right version, and not whole.
        agent.stop(Signal::SIGKILL)?;
        fs::remove_file(pins.join("tables-1/ROWS"))?;
        let mut agent = scene.start()?;
        traffic.go_on("tables that were not whole")?;
        assert_eq!(names(&pins)?, ["flows-1", "links", "tables-1"].map(str::to_owned).into());
        check_hooks(&scene, &agent, attach)?;
        agent.stop(Signal::SIGTERM)?;
        traffic.go_on("away again")?;
        let agent = scene.start()?;
        assert_eq!(writes(&agent), 0);
        println!("{attach}: {} attempts, none was answered", traffic.end()?);
    }
    Ok(())
}

/// Until the last program has changed over, flows are judged under the old rules and by the new generation.
#[test]
fn a_change_of_rules_that_comes_with_another_layout_reaches_open_flows() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let pins = scene.lab.pins();
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        agent.stop(Signal::SIGTERM)?;
        fs::rename(pins.join("tables-1"), pins.join("tables-0"))?;
        scene.write("policies.yaml", &ingress("server", &[]))?;
        let _agent = traffic.press(|| scene.start())?;
        traffic.falls_silent(attach)?;
    }
    Ok(())
}

/// Flows of another layout are learnt from what the node tracks, so who opened them is known.
#[test]
fn flows_of_another_layout_are_learnt_again() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        scene.lab.filter_by_state()?;
        let pins = scene.lab.pins();
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        agent.stop(Signal::SIGTERM)?;
        fs::rename(pins.join("flows-1"), pins.join("flows-0"))?;
        let agent = scene.start()?;
        traffic.go_on("with new flows")?;
        assert_eq!(names(&pins)?, ["flows-1", "links", "tables-1"].map(str::to_owned).into());
        assert!(agent.log().contains("flows from before enforcement"));
        traffic.end()?;
    }
    Ok(())
}

#[test]
fn a_memory_that_is_lost_or_damaged_opens_nothing_and_cuts_nobody() -> Result<()> {
    for attach in HOOKS {
        let scene = pinned(attach)?;
        let mut agent = scene.start()?;
        let traffic = Traffic::start(&scene, PODS)?;
        let file = memory(&scene)?;
        assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
        for content in [Some("{\"boot\": "), None] {
            agent.stop(Signal::SIGTERM)?;
            match content {
                Some(content) => fs::write(&file, content)?,
                None => fs::remove_file(&file)?,
            }
            agent = scene.start()?;
            traffic.go_on(&format!("{attach}: without a memory ({content:?})"))?;
            assert!(writes(&agent) > 0);
            check_hooks(&scene, &agent, attach)?;
            // It remembers again.
            agent.stop(Signal::SIGKILL)?;
            fs::set_permissions(&file, Permissions::from_mode(0o600))?;
            agent = scene.start()?;
            assert_eq!(writes(&agent), 0);
        }
        traffic.end()?;
    }
    Ok(())
}

/// What cannot be noted is enforced all the same, said, and noted when it can be.
#[test]
fn a_memory_that_cannot_be_written_keeps_no_change_out() -> Result<()> {
    let scene = pinned("tcx")?;
    let mut agent = scene.start()?;
    let file = memory(&scene)?;
    // No file can be written beside it under this name.
    let obstacle = file.with_extension("next");
    fs::create_dir(&obstacle)?;
    scene.change(&mut agent, || scene.write("policies.yaml", &ingress("server", &["other"])))?;
    assert!(scene.reaches("other", "server", Protocol::Tcp, Family::V4)?);
    assert!(!file.exists(), "it speaks of the past");
    assert!(agent.log().contains("a restarted agent will judge open flows again"), "{}", agent.log());
    fs::remove_dir(&obstacle)?;
    poll::until(DEADLINE, "it is written", || file.exists().then_some(()))?;
    agent.stop(Signal::SIGKILL)?;
    let agent = scene.start()?;
    assert_eq!(writes(&agent), 0);
    Ok(())
}
