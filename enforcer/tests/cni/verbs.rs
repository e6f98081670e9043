use std::{fs, process::Command};

use enforcer::cni::settings::{Settings, WhenAgentIsAway};

use crate::node::{Node, PTP};

/// Runs `enforcer cni VERB` on a node's folders; what it says.
fn run(node: &Node, verb: &str, options: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_enforcer"))
        .args(["cni", verb, "--conf-dir"])
        .arg(&node.places.configurations)
        .arg("--bin-dir")
        .arg(&node.places.programs)
        .args(options)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn the_plugin_is_installed_with_its_settings_and_taken_out_again() {
    let node = Node::new(&[("10-ptp.conflist", PTP)]);
    let options = [
        "--when-agent-is-away",
        "open",
        "--timeout",
        "3",
        "--system-namespace",
        "dns",
        "--system-namespace",
        "logs",
    ];
    // The program is the one beside it.
    run(&node, "install", &options).unwrap();
    assert_eq!(node.chain(), ["ptp", "enforcer-cni"]);
    let version = Command::new(node.places.program()).env("CNI_COMMAND", "VERSION").output().unwrap();
    assert!(version.status.success());
    let text = fs::read_to_string(node.path("10-ptp.conflist")).unwrap();
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let settings: Settings = serde_json::from_value(list["plugins"][1].clone()).unwrap();
    let wanted = Settings {
        when_agent_is_away: WhenAgentIsAway::Open,
        timeout_seconds: 3,
        system_namespaces: vec!["dns".to_owned(), "logs".to_owned()],
        ..Settings::default()
    };
    assert_eq!(settings, wanted);

    run(&node, "uninstall", &["--keep-program"]).unwrap();
    assert!(node.places.program().exists());
    run(&node, "uninstall", &[]).unwrap();
    assert!(!node.places.program().exists());
    assert_eq!(node.files()[0].2, PTP);
}

#[test]
fn what_is_missing_is_named() {
    let node = Node::new(&[]);
    let said = run(&node, "install", &[]).unwrap_err();
    assert!(said.contains("net.d: there is no network configuration yet"), "{said}");
    let said = run(&node, "install", &["--program", "/nowhere/x"]).unwrap_err();
    assert!(said.contains("/nowhere/x: No such file"), "{said}");
}
