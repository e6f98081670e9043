//! Which backends a Service has.

use enforcer::model::{EndpointSlice, PodState, PortMatch, Protocol, SlicePort};
use enforcer_tests::{
    builder::{ClusterBuilder, block, labels, pods, policy, rule, service, slice, tcp, whole_protocol},
    shop::{VIP, WEB, ruled, shop},
};

use super::opens;

/// A slice port is the Service port's by name and protocol.
#[test]
fn the_ports_of_slices_are_matched_by_name_and_protocol() {
    let name = |text: &str| Some(text.to_owned());
    let opens_with = |ports: Vec<SlicePort>| {
        let db = service("shop/db", [VIP])
            .tcp(80, 9)
            .change(|it| it.ports.iter_mut().for_each(|port| port.name = name("sql")));
        let mut slice: EndpointSlice = slice("shop/db-x", "db", None).ready("10.0.0.2").into();
        slice.ports = ports;
        opens(shop().service(db).slice(slice), VIP, 80)
    };
    let port = |text, protocol, port| SlicePort { name: name(text), protocol, port: Some(port) };
    let others = || vec![port("admin", Protocol::Tcp, 5433), port("sql", Protocol::Udp, 5433)];
    let sql = |number| port("sql", Protocol::Tcp, number);
    assert!(opens_with([others(), vec![sql(5432)]].concat()));
    assert!(!opens_with([others(), vec![sql(5433)]].concat()));
    assert!(
        !opens_with(vec![port("admin", Protocol::Tcp, 5432), port("sql", Protocol::Udp, 5432)]),
        "no backends"
    );
}

#[test]
fn a_slice_port_without_a_number_is_open_where_all_are() {
    let db = || service("shop/db", [VIP]).tcp(80, 5432);
    let with = |ports: Vec<PortMatch>| {
        let anywhere = slice("shop/db-x", "db", None).ready("10.0.0.2");
        opens(ruled([rule([pods(labels([("app", "db")]))], ports)]).service(db()).slice(anywhere), VIP, 80)
    };
    assert!(with(vec![]));
    assert!(with(vec![whole_protocol(Protocol::Tcp)]));
    assert!(!with(vec![whole_protocol(Protocol::Udp), tcp(5432)]));
}

#[test]
fn without_slices_the_backends_are_the_selected_pods_that_stay() {
    let any = || service("shop/any", [VIP]).select([]).tcp(80, 5432);
    let cache = |state| shop().change("shop/cache", |pod| pod.state = state).service(any());
    assert!(!opens(cache(PodState::Live), VIP, 80));
    assert!(opens(cache(PodState::Terminating), VIP, 80));
    assert!(opens(cache(PodState::Finished), VIP, 80));
    // A pod of another namespace is none.
    let db = || service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432);
    assert!(opens(shop().pod("other/db", [("app", "db")], ["10.0.0.9"]).service(db()), VIP, 80));
    // One on the host network is, with the node's address, which no selector matches.
    let with_host = |cluster: ClusterBuilder| {
        let host = cluster.pod("shop/host", [("app", "db")], ["192.168.0.10"]);
        host.change("shop/host", |pod| pod.host_network = true).service(db())
    };
    let to_db = || rule([pods(labels([("app", "db")]))], [tcp(5432)]);
    assert!(!opens(with_host(ruled([to_db()])), VIP, 80));
    let to_node = rule([block("192.168.0.10/32", [])], [tcp(5432)]);
    assert!(opens(with_host(ruled([to_db(), to_node])), VIP, 80));
}

/// Where none is ready, one that serves while it ends stands in: it does both.
#[test]
fn a_backend_that_is_not_ready_serves_only_while_it_ends() {
    let with = |serving, terminating| {
        let db = service("shop/db", [VIP]).tcp(80, 5432);
        let mut slice: EndpointSlice = slice("shop/db-x", "db", Some(5432)).ending("10.0.0.2").into();
        for endpoint in &mut slice.endpoints {
            (endpoint.serving, endpoint.terminating) = (serving, terminating);
        }
        opens(shop().service(db).slice(slice), VIP, 80)
    };
    assert!(with(true, true));
    assert!(!with(true, false) && !with(false, true) && !with(false, false));
}

/// The API may be late: the address that it still has for one pod may be another's here.
#[test]
fn a_local_pods_address_is_no_other_pods_backend() {
    let with = |host_network| {
        let late = shop()
            .pod("shop/late", [("app", "late")], [WEB])
            .change("shop/late", |pod| pod.host_network = host_network);
        let rules = [rule([block("10.0.0.0/24", [])], [tcp(5432)])];
        let policy = policy("shop/web").select(labels([("app", "web")])).egress(rules);
        late.policy(policy).service(service("shop/late", [VIP]).select([("app", "late")]).tcp(80, 5432))
    };
    assert!(!opens(with(false), VIP, 80), "no backends");
    assert!(opens(with(true), VIP, 80), "one on the host network has what the node has");
}

#[test]
fn a_named_target_port_is_each_pods_own() {
    let any = || service("shop/any", [VIP]).select([]).tcp_named(80, "sql");
    let sql = |cluster: ClusterBuilder, pod, port| cluster.port(pod, "sql", Protocol::Tcp, port);
    let both = |second| sql(sql(shop(), "shop/db-0", 5432), "shop/db-1", second).service(any());
    assert!(opens(both(5432), VIP, 80), "cache has no such port, so it is no backend");
    assert!(!opens(both(5433), VIP, 80));
    assert!(!opens(sql(both(5432), "shop/cache", 5432), VIP, 80));
    assert!(!opens(shop().service(any()), VIP, 80), "nobody has one");
}

#[test]
fn backends_are_of_the_virtual_addresss_family() {
    let with = |addresses: &[&str]| {
        let back = service("shop/back", [VIP]).select([("tier", "back")]).tcp(80, 5432);
        let db = shop().pod("shop/db-2", [("app", "db"), ("tier", "back")], ["10.0.0.5"]);
        let other = db.pod("shop/other", [("tier", "back")], []);
        let parsed = addresses.iter().map(|text| text.parse().unwrap()).collect();
        opens(other.change("shop/other", |pod| pod.addresses = parsed).service(back), VIP, 80)
    };
    assert!(with(&["fd00::5"]));
    assert!(!with(&["fd00::5", "10.0.0.6"]));
}
