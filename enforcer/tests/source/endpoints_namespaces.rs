//! Pods found in named network namespaces. Needs root. All interfaces lie in namespaces of the test's own:
//! it becomes its "node" by `unshare`, in a thread that ends with it.

use std::{fs, path::Path, process::Command, thread};

use enforcer::source::endpoints::{Endpoints, EndpointsReading};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};

/// Named namespaces that go when dropped, also when a test fails.
struct Namespaces(Vec<String>);

impl Namespaces {
    fn new(names: &[&str]) -> Self {
        let mut namespaces = Self(Vec::new());
        for name in names {
            ip(&format!("netns add {name}"));
            namespaces.0.push((*name).to_owned());
        }
        namespaces
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.0 {
            // Dropped in a panic, another panic would abort.
            let _gone = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}: {status}");
}

/// The namespaces of this test, as a folder of its own, so that others' do not count.
fn read(dir: &Path, names: &[&str]) -> EndpointsReading {
    for name in names {
        let link = dir.join(name.split_once('+').unwrap().1);
        std::os::unix::fs::symlink(Path::new("/run/netns").join(name), link).unwrap();
    }
    Endpoints::Namespaces(dir.to_owned()).read().unwrap()
}

fn on_a_node(test: impl FnOnce() + Send) {
    assert!(geteuid().is_root(), "this test makes network namespaces: run it as root");
    thread::scope(|scope| {
        let node = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            test();
        });
        node.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn finds_pods_and_tells_what_is_none() {
    on_a_node(|| {
        let id = std::process::id();
        let named = |name: &str| format!("enforcer-test-{id}+{name}");
        let names = ["shop.web.1", "shop.cart-0", "shop.bare", "shop.two", "shop.far", "other"].map(named);
        let names = names.each_ref().map(String::as_str);
        let [web, cart, _bare, two, far, other] = names;
        let _namespaces = Namespaces::new(&names);
        ip(&format!("link add vethweb type veth peer name eth0 netns {web}"));
        ip(&format!("-n {web} address add 10.0.0.1/24 dev eth0"));
        ip(&format!("-n {web} address add fd00::1/64 dev eth0 nodad"));
        ip(&format!("-n {web} address add 169.254.1.1/16 dev eth0"));
        ip(&format!("-n {web} link set eth0 up"));
        ip(&format!("-n {web} link set lo up"));
        ip(&format!("link add vethcart type veth peer name net0 netns {cart}"));
        ip(&format!("-n {cart} address add 10.0.0.2 peer 10.0.0.254 dev net0"));
        ip(&format!("link add vetha type veth peer name a netns {two}"));
        ip(&format!("link add vethb type veth peer name b netns {two}"));
        // Far away, though an interface of the same index is here.
        ip(&format!("-n {far} link add eth0 type veth peer name eth0 netns {other}"));
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("shop.stale"), "").unwrap();
        let reading = read(dir.path(), &names);
        let found: Vec<String> = reading
            .endpoints
            .iter()
            .map(|endpoint| {
                let index = nix::net::if_::if_nametoindex(endpoint.interface.as_str()).unwrap();
                assert_eq!(endpoint.interface_index, index);
                format!("{} {} {:?}", endpoint.pod, endpoint.interface, endpoint.addresses)
            })
            .collect();
        assert_eq!(found, ["shop/cart-0 vethcart {10.0.0.2}", "shop/web.1 vethweb {10.0.0.1, fd00::1}"]);
        let prefix = format!("{}/", dir.path().display());
        let problems: Vec<String> =
            reading.problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect();
        let nothing = "; nothing of it is enforced";
        assert_eq!(
            problems,
            [
                "shop.bare: Pod shop/bare: has no veth interface",
                "shop.far: Pod shop/far: the other end of eth0 is not in the agent's network namespace",
                "shop.stale: Pod shop/stale: cannot enter the network namespace: EINVAL: Invalid argument",
                "shop.two: Pod shop/two: has 2 veth interfaces, and none is called eth0",
            ]
            .map(|problem| format!("{problem}{nothing}"))
        );
    });
}

#[test]
fn says_when_there_is_no_folder() {
    let error = Endpoints::Namespaces("/nonexistent".into()).read().unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent: No such file or directory (os error 2)");
}
