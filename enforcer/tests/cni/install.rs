use std::{fs, os::unix::fs::MetadataExt as _, os::unix::fs::symlink, thread};

use enforcer::cni::install::InstallError;

use crate::node::{Node, PTP, SINGLE};

#[test]
fn a_list_gets_the_entry_and_uninstalling_restores_the_folder() {
    let node = Node::new(&[("10-ptp.conflist", PTP), ("99-loopback.conf", SINGLE), ("note.txt", "{}")]);
    let before = node.files();
    let installed = node.install().unwrap();
    assert_eq!(installed.configuration, node.path("10-ptp.conflist"));
    assert!(installed.is_changed);
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    let program = node.places.program();
    assert_eq!(fs::read_to_string(&program).unwrap(), "the plugin");
    assert_eq!(fs::metadata(&program).unwrap().mode() & 0o777, 0o755);

    // Again: nothing is written.
    let inode = |path| fs::metadata(path).unwrap().ino();
    let inodes = [inode(&program), inode(&installed.configuration)];
    assert!(!node.install().unwrap().is_changed);
    assert_eq!([inode(&program), inode(&installed.configuration)], inodes);

    let changed = node.places.uninstall(false).unwrap();
    assert_eq!(changed, [node.path("10-ptp.conflist"), program.clone()]);
    assert_eq!(node.files(), before);
    assert!(!program.exists());
    assert!(node.places.uninstall(false).unwrap().is_empty());
}

#[test]
fn a_single_plugins_file_stays_and_a_list_comes_before_it() {
    for name in ["10-bridge.conf", "10-bridge.json", "conf"] {
        let file = if name == "conf" { "x.conf" } else { name };
        let node = Node::new(&[(file, SINGLE)]);
        let before = node.files();
        let installed = node.install().unwrap();
        assert_eq!(node.chain(), ["bridge", "enforcer-cni"]);
        assert_ne!(installed.configuration, node.path(file));
        assert!(node.files().contains(&before[0]));
        assert!(!node.install().unwrap().is_changed);
        node.places.uninstall(true).unwrap();
        assert_eq!(node.files(), before);
        assert!(node.places.program().exists(), "it was to be kept");
    }
}

#[test]
fn what_others_write_later_is_mended() {
    let node = Node::new(&[("20-bridge.conf", SINGLE)]);
    node.install().unwrap();
    // The single plugin's file is another one now.
    node.write("20-bridge.conf", &SINGLE.replace("bridge", "ptp"));
    assert!(node.install().unwrap().is_changed);
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    // An add-on with an earlier name comes: the list around the other file is of no use.
    node.write("10-ptp.conflist", PTP);
    node.install().unwrap();
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    assert_eq!(node.files().len(), 2);
    // It is written anew, without us.
    node.write("10-ptp.conflist", PTP);
    assert_eq!(node.chain(), ["ptp"]);
    assert!(node.install().unwrap().is_changed);
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    // All of it goes: there is nothing that could be taken for a network.
    fs::remove_file(node.path("10-ptp.conflist")).unwrap();
    fs::remove_file(node.path("20-bridge.conf")).unwrap();
    assert!(matches!(node.install(), Err(InstallError::None(_))));
    assert!(node.files().is_empty());
}

#[test]
fn a_list_around_a_file_that_is_gone_goes_too() {
    let node = Node::new(&[("20-bridge.conf", SINGLE)]);
    node.install().unwrap();
    fs::remove_file(node.path("20-bridge.conf")).unwrap();
    assert!(node.install().is_err());
    assert!(node.files().is_empty());
}

#[test]
fn what_cannot_be_chained_is_left_alone_and_named() {
    for text in ["{", "{}", &PTP.replace("1.0.0", "0.1.0"), &PTP.replace("{\"type\": \"ptp\"}", "")] {
        let node = Node::new(&[("10-ptp.conflist", text)]);
        let before = node.files();
        let error = node.install().unwrap_err();
        assert!(error.to_string().contains("10-ptp.conflist"), "{error}");
        assert_eq!(node.files(), before);
        assert!(node.places.uninstall(false).is_ok(), "{text}");
        assert_eq!(node.files(), before);
    }
    let node = Node::new(&[]);
    assert!(matches!(node.install(), Err(InstallError::None(_))));
    fs::remove_dir(&node.places.configurations).unwrap();
    assert!(matches!(node.install(), Err(InstallError::Io { .. })));
    assert!(node.places.uninstall(true).unwrap().is_empty());
}

#[test]
fn a_link_to_a_configuration_stays_a_link() {
    let node = Node::new(&[]);
    let target = node.plugin().with_file_name("target.conflist");
    fs::write(&target, PTP).unwrap();
    symlink(&target, node.path("10-ptp.conflist")).unwrap();
    node.install().unwrap();
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    assert!(fs::symlink_metadata(node.path("10-ptp.conflist")).unwrap().is_symlink());
    node.places.uninstall(false).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), PTP);
}

#[test]
fn many_installers_and_readers_at_once_leave_one_entry_and_never_half_a_file() {
    let node = Node::new(&[("10-ptp.conflist", PTP)]);
    thread::scope(|scope| {
        let installers: Vec<_> = (1..=8)
            .map(|seconds| {
                let mut settings = node.settings.clone();
                // Each wants another entry, so that each writes.
                settings.timeout_seconds = seconds;
                let (places, program) = (&node.places, node.plugin());
                scope.spawn(move || {
                    for _ in 0..20 {
                        places.install(&program, &settings).unwrap();
                    }
                })
            })
            .collect();
        while !installers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let text = fs::read_to_string(node.path("10-ptp.conflist")).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let plugins = value["plugins"].as_array().unwrap();
            assert!(plugins.len() <= 2 && plugins[0]["type"] == "ptp", "{text}");
        }
    });
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    assert_eq!(node.files().len(), 1, "{:?}", node.files());
    node.places.uninstall(false).unwrap();
    assert_eq!(node.files()[0].2, PTP);
}
