//! Which interface is which pod's, in scans that are written down.

use std::collections::BTreeSet;

use super::{
    Cause, Found, NoHostSide,
    assign::assign,
    scan::{Namespace, Scan},
};
use crate::{
    cni::protocol::{Attachment, AttachmentId, HostSide, Netns, PodIdentity},
    model::{ObjectName, Pod, PodState},
    peer::Interface,
};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

fn pod(name: &str, uid: &str, addresses: &[&str]) -> Pod {
    Pod {
        name: ObjectName::new("shop", name),
        uid: uid.to_owned(),
        addresses: parse(addresses),
        ..Pod::default()
    }
}

fn parse(addresses: &[&str]) -> BTreeSet<std::net::IpAddr> {
    addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

fn veth(name: &str, index: u32, addresses: &[&str]) -> Interface {
    Interface { name: name.to_owned(), is_veth: true, addresses: parse(addresses), host: Ok(index) }
}

fn namespace(inode: u64, uid: Option<&str>, interfaces: &[Interface]) -> Namespace {
    Namespace {
        inode,
        path: format!("/run/netns/{inode}").into(),
        pod_uid: uid.map(str::to_owned),
        interfaces: interfaces.to_vec(),
    }
}

fn told(name: &str, inode: u64, index: u32, addresses: &[&str]) -> Attachment {
    Attachment {
        id: AttachmentId { container: format!("{name}-{inode}"), interface: "eth0".to_owned() },
        pod: PodIdentity { namespace: "shop".to_owned(), name: name.to_owned(), uid: None },
        netns: Netns { path: format!("/run/netns/{inode}").into(), inode },
        host: HostSide::Interface { index, name: format!("veth{index}") },
        addresses: parse(addresses),
    }
}

fn look(namespaces: &[Namespace], pods: &[Pod], told: &[Attachment]) -> Found {
    let scan = Scan {
        host: [1, 7, 8, 9].map(|index| (index, format!("veth{index}"))).into(),
        namespaces: namespaces.to_vec(),
        unseen: Vec::new(),
    };
    assign(&scan, &pods.iter().collect::<Vec<_>>(), told)
}

/// `pod@index address…`
fn endpoints(found: &Found) -> Vec<String> {
    let text = |endpoint: &crate::model::Endpoint| {
        assert_eq!(endpoint.interface, format!("veth{}", endpoint.interface_index));
        let addresses: String = endpoint.addresses.iter().map(|address| format!(" {address}")).collect();
        format!("{}@{}{addresses}", endpoint.pod.name, endpoint.interface_index)
    };
    found.endpoints.iter().map(text).collect()
}

fn problems(found: &Found) -> Vec<(&str, &Cause)> {
    found.problems.iter().map(|problem| (problem.pod.name.as_str(), &problem.cause)).collect()
}

#[test]
fn a_pod_is_found_by_its_addresses() {
    let spaces = [
        namespace(1, None, &[veth("eth0", 7, &["10.0.0.1", "fd00::1"])]),
        namespace(2, None, &[veth("eth0", 8, &["10.0.0.9"])]),
    ];
    let found = look(&spaces, &[pod("cart", ONE, &["10.0.0.1", "fd00::1"])], &[]);
    assert_eq!(endpoints(&found), ["cart@7 10.0.0.1 fd00::1"]);
    assert_eq!(found.problems, []);
    assert_eq!(
        found.endpoints.first().and_then(|one| found.namespace_of(one)),
        Some("/run/netns/1".as_ref())
    );
}

#[test]
fn an_address_that_a_pod_gave_itself_is_not_its_own() {
    // By its group the namespace is cart's; the second address is mail's, which has its own.
    let spaces = [
        namespace(1, Some(ONE), &[veth("eth0", 7, &["10.0.0.1", "10.0.0.2"])]),
        namespace(2, None, &[veth("eth0", 8, &["10.0.0.2"])]),
    ];
    let pods = [pod("cart", ONE, &["10.0.0.1"]), pod("mail", TWO, &["10.0.0.2"])];
    assert_eq!(endpoints(&look(&spaces, &pods, &[])), ["cart@7 10.0.0.1", "mail@8 10.0.0.2"]);

    // It took its own address away; still it is cart's, and nothing is open to it.
    let spaces = [
        namespace(1, Some(ONE), &[veth("eth0", 7, &["10.0.0.2"])]),
        namespace(2, Some(TWO), &[veth("eth0", 8, &["10.0.0.2"])]),
    ];
    assert_eq!(endpoints(&look(&spaces, &pods, &[])), ["cart@7", "mail@8 10.0.0.2"]);
}

#[test]
fn an_address_on_two_interfaces_is_nobodys_and_both_are_closed() {
    let spaces = [
        namespace(1, None, &[veth("eth0", 7, &["10.0.0.1"])]),
        namespace(2, None, &[veth("eth0", 8, &["10.0.0.1"])]),
        namespace(3, None, &[veth("eth0", 9, &["10.0.0.2"])]),
    ];
    let pods = [pod("cart", ONE, &["10.0.0.1"]), pod("mail", TWO, &["10.0.0.2"])];
    let found = look(&spaces, &pods, &[]);
    assert_eq!(endpoints(&found), ["cart@7", "cart@8", "mail@9 10.0.0.2"]);
    assert_eq!(problems(&found), [("cart", &Cause::Disputed([10, 0, 0, 1].into()))]);
    // The plugin's word settles it.
    let found = look(&spaces, &pods, &[told("cart", 2, 8, &["10.0.0.1"])]);
    assert_eq!(endpoints(&found), ["cart@8 10.0.0.1", "mail@9 10.0.0.2"]);
}

#[test]
fn the_plugins_word_comes_before_what_is_published() {
    // The address was cart's, whose object is still there; the plugin gave it to mail, which nobody knows yet.
    let spaces = [namespace(2, None, &[veth("eth0", 7, &["10.0.0.1"])])];
    let found =
        look(&spaces, &[pod("cart", ONE, &["10.0.0.1"])], &[told("mail", 2, 7, &["10.0.0.1", "fd00::1"])]);
    assert_eq!(endpoints(&found), ["mail@7 10.0.0.1 fd00::1"]);
    assert_eq!(problems(&found), [("cart", &Cause::NotFound)]);
    assert_eq!(found.stale, []);
}

#[test]
fn words_on_interfaces_that_are_anothers_now_are_stale() {
    let spaces = [namespace(2, Some(TWO), &[veth("eth0", 7, &["10.0.0.2"])])];
    let pods = [pod("mail", TWO, &["10.0.0.2"])];
    let (old, gone, new) = (
        told("cart", 1, 7, &["10.0.0.1"]),
        told("cart", 3, 77, &["10.0.0.3"]),
        told("mail", 2, 7, &["10.0.0.2"]),
    );
    let found = look(&spaces, &pods, &[old.clone(), gone.clone()]);
    assert_eq!(endpoints(&found), ["mail@7 10.0.0.2"]);
    assert_eq!(found.stale, [gone.id.clone(), old.id.clone()]);
    // A restarted pod in the same namespace: the later word counts.
    let again = Attachment {
        id: AttachmentId { container: "later".to_owned(), interface: "eth0".to_owned() },
        addresses: parse(&["10.0.0.4"]),
        ..new.clone()
    };
    let found = look(&spaces, &pods, &[new.clone(), again]);
    assert_eq!(endpoints(&found), ["mail@7 10.0.0.4"]);
    assert_eq!(found.stale, [new.id]);
}

#[test]
fn what_a_pod_can_change_inside_makes_no_word_stale() {
    // Another name, other addresses, another namespace that it made itself.
    for uid in [None, Some(ONE)] {
        let spaces = [namespace(2, uid, &[veth("x", 7, &["10.0.0.2"])])];
        let mut word = told("cart", 1, 7, &["10.0.0.1"]);
        word.pod.uid = Some(ONE.to_owned());
        let found =
            look(&spaces, &[pod("cart", ONE, &["10.0.0.1"]), pod("mail", TWO, &["10.0.0.2"])], &[word]);
        assert_eq!(endpoints(&found), ["cart@7 10.0.0.1"]);
        assert_eq!(found.stale, []);
    }
}

#[test]
fn a_static_pod_is_found_by_its_address_though_its_processes_have_its_own_uid() {
    let spaces = [namespace(1, Some(TWO), &[veth("eth0", 7, &["10.0.0.1"])])];
    let mirror = Pod { static_uid: Some(TWO.to_owned()), ..pod("web", ONE, &["10.0.0.1"]) };
    assert_eq!(endpoints(&look(&spaces, &[mirror], &[])), ["web@7 10.0.0.1"]);
    // Nobody else's processes make way for an address.
    assert_eq!(endpoints(&look(&spaces, &[pod("web", ONE, &["10.0.0.1"])], &[])), [""; 0]);
}

#[test]
fn a_word_on_an_interface_whose_inside_nobody_sees_holds() {
    let found = look(&[], &[], &[told("cart", 1, 7, &["10.0.0.1"])]);
    assert_eq!(endpoints(&found), ["cart@7 10.0.0.1"]);
    assert!(found.namespaces.is_empty() && found.stale.is_empty());
}

#[test]
fn a_restarted_pod_of_the_same_name_is_known_by_its_uid() {
    let spaces = [
        namespace(1, Some(ONE), &[veth("eth0", 7, &["10.0.0.1"])]),
        namespace(2, Some(TWO), &[veth("eth0", 8, &["10.0.0.2"])]),
    ];
    // The old one's namespace is still there; it is no pod of this node any more.
    assert_eq!(endpoints(&look(&spaces, &[pod("cart", TWO, &["10.0.0.2"])], &[])), ["cart@8 10.0.0.2"]);
    // Not published yet: closed.
    assert_eq!(endpoints(&look(&spaces, &[pod("cart", TWO, &[])], &[])), ["cart@8"]);
}

#[test]
fn of_two_pods_that_claim_an_address_the_living_one_has_it() {
    let spaces = [namespace(2, None, &[veth("eth0", 8, &["10.0.0.1"])])];
    let old = Pod { state: PodState::Terminating, ..pod("cart-0", ONE, &["10.0.0.1"]) };
    let finished = Pod { state: PodState::Finished, ..pod("job", "", &["10.0.0.1"]) };
    let found = look(&spaces, &[old, finished, pod("cart-1", TWO, &["10.0.0.1"])], &[]);
    assert_eq!(endpoints(&found), ["cart-1@8 10.0.0.1"]);
    let taken = Cause::Taken { address: [10, 0, 0, 1].into(), owner: ObjectName::new("shop", "cart-1") };
    assert_eq!(problems(&found), [("cart-0", &taken)]);
}

#[test]
fn pods_that_cannot_be_enforced_are_named_with_the_cause() {
    let unfit = |name: &str, address: &str, cause: NoHostSide| Interface {
        name: name.to_owned(),
        is_veth: false,
        addresses: parse(&[address]),
        host: Err(cause),
    };
    let ipvlan = NoHostSide::Kind { name: "eth0".to_owned(), kind: "ipvlan".to_owned() };
    let device = NoHostSide::Hardware("net1".to_owned());
    let spaces = [
        namespace(1, None, &[unfit("eth0", "10.0.0.1", ipvlan.clone())]),
        namespace(2, None, &[unfit("net1", "10.0.0.2", device.clone())]),
        // Its other end is not among the host's interfaces any more.
        namespace(3, None, &[veth("eth0", 77, &["10.0.0.3"])]),
        namespace(4, None, &[]),
    ];
    let pods = [
        pod("a-ipvlan", "", &["10.0.0.1"]),
        pod("b-device", "", &["10.0.0.2"]),
        pod("c-gone", "", &["10.0.0.3"]),
        Pod { host_network: true, ..pod("d-host", "", &["192.0.2.1"]) },
        pod("e-pending", "", &[]),
    ];
    let unhandled =
        Attachment { host: HostSide::None { cause: "no way".to_owned() }, ..told("f-told", 4, 0, &[]) };
    let found = look(&spaces, &pods, &[unhandled]);
    assert_eq!(found.endpoints, []);
    assert_eq!(
        problems(&found),
        [
            ("a-ipvlan", &Cause::Interface(ipvlan)),
            ("b-device", &Cause::Interface(device)),
            ("c-gone", &Cause::NotFound),
            ("d-host", &Cause::HostNetwork),
            ("f-told", &Cause::Told("no way".to_owned())),
        ]
    );
}

#[test]
fn a_pod_with_two_interfaces_has_those_that_carry_its_addresses() {
    let spaces = [namespace(
        1,
        Some(ONE),
        &[veth("eth0", 7, &["10.0.0.1"]), veth("net1", 8, &["192.168.0.1"]), veth("eth1", 9, &["fd00::1"])],
    )];
    let found = look(&spaces, &[pod("cart", ONE, &["10.0.0.1", "fd00::1"])], &[]);
    assert_eq!(endpoints(&found), ["cart@7 10.0.0.1", "cart@9 fd00::1"]);
}
