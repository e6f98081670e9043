use std::{fs, time::Duration};

use enforcer::cni::{
    install::{InstallError, Installed},
    keeper::Keeper,
};
use tokio::time::{Instant, timeout_at};

use crate::node::{Node, PTP};

const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the keeper until it says something of this kind.
async fn until(keeper: &mut Keeper, wanted: impl Fn(&Result<Installed, InstallError>) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let said = timeout_at(deadline, keeper.next()).await.expect("within the deadline");
        if wanted(&said) {
            return;
        }
    }
}

#[tokio::test]
async fn the_entry_comes_back_whenever_somebody_takes_it_out() {
    let node = Node::new(&[]);
    let mut keeper = Keeper::new(node.places.clone(), node.plugin(), node.settings.clone());
    // The main plugin's add-on comes later than we.
    until(&mut keeper, |said| matches!(said, Err(InstallError::None(_)))).await;
    node.write("10-ptp.conflist", PTP);
    until(&mut keeper, |said| said.as_ref().is_ok_and(|installed| installed.is_changed)).await;
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);

    node.write("10-ptp.conflist", &PTP.replace("ptp", "bridge"));
    until(&mut keeper, |said| said.as_ref().is_ok_and(|installed| installed.is_changed)).await;
    assert_eq!(node.chain(), ["bridge", "enforcer-cni"]);

    // Written beside and renamed, as most do it, with a name that comes first.
    let new = node.path(".new");
    fs::write(&new, PTP).unwrap();
    fs::rename(&new, node.path("05-other.conflist")).unwrap();
    until(&mut keeper, |said| {
        said.as_ref().is_ok_and(|installed| installed.configuration == node.path("05-other.conflist"))
    })
    .await;
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);

    // Somebody's mistake: it is told, and the end of it is found.
    node.write("05-other.conflist", "{");
    until(&mut keeper, |said| matches!(said, Err(InstallError::Configuration { .. }))).await;
    node.write("05-other.conflist", PTP);
    until(&mut keeper, Result::is_ok).await;
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);

    // The program is not in that folder: the agent's regular look finds that it is gone.
    fs::remove_file(node.places.program()).unwrap();
    keeper.look().unwrap();
    assert!(node.places.program().exists());
}

#[tokio::test]
async fn an_installer_that_holds_the_folder_keeps_nobody_waiting() {
    let node = Node::new(&[("10-ptp.conflist", PTP)]);
    let mut keeper = Keeper::new(node.places.clone(), node.plugin(), node.settings.clone());
    let other = fs::File::open(&node.places.configurations).unwrap();
    other.lock().unwrap();
    until(&mut keeper, |said| matches!(said, Err(InstallError::Io { .. }))).await;
    assert_eq!(node.chain(), ["ptp"]);
    drop(other);
    until(&mut keeper, Result::is_ok).await;
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
}
