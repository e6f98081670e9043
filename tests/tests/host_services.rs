//! Services on the host, case by case: what opens, and what is said about it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "host_services/backend.rs"]
mod backend;

use std::collections::BTreeSet;

use enforcer::{
    compile::{Diagnostic, compile},
    model::{Direction, Endpoint, ServiceKind},
    store::Cluster,
};
use enforcer_common::tables::Ruling;
use enforcer_tests::{
    builder::{
        ClusterBuilder, SliceBuilder, block, cluster, endpoint, labels, name, pods, policy, rule, service,
        slice, tcp,
    },
    frame::{TcpFlags, Transport},
    oracle::{Question, judge, with_endpoints},
    shop::{Bench, VIP, WEB, local, packet, pods_of_shop, ruled, shop},
};

/// Whether a TCP flow opens, in the eyes of the oracle and of the tables: they must agree.
fn opens(cluster: ClusterBuilder, remote: &str, port: u16) -> bool {
    begins(cluster, remote, Transport::Tcp { local: 40000, remote: port, flags: TcpFlags::SYN })
}

/// The same of any packet of the pod's.
fn begins(cluster: ClusterBuilder, remote: &str, transport: Transport) -> bool {
    let mut bench = Bench::default();
    bench.set(&cluster);
    let packet = packet(WEB, remote, transport);
    let seen = bench.judge(&packet);
    let cluster = with_endpoints(&cluster.build(), &[local()]);
    let subject = cluster.pods.get(&name("shop/web")).unwrap();
    let (protocol, port) = (packet.protocol(), packet.ports().map(|(_, port)| port));
    let question = Question { direction: Direction::Egress, subject, remote: packet.remote, protocol, port };
    assert_eq!(seen.passed, judge(&cluster, &question).passes(), "the oracle differs");
    seen.passed
}

#[test]
fn every_backend_must_be_allowed_at_its_target_port() {
    let db = |port, target| service("shop/db", [VIP]).select([("app", "db")]).tcp(port, target);
    assert!(opens(shop().service(db(80, 5432)), VIP, 80));
    assert!(!opens(shop().service(db(5432, 5433)), VIP, 5432), "the target port counts");
    assert!(!opens(shop().service(db(80, 5432)), VIP, 81), "another port is a plain address's");
    let any = service("shop/any", [VIP]).select([]).tcp(80, 5432);
    assert!(!opens(shop().service(any), VIP, 80), "cache is not allowed");
    let nobody = service("shop/nobody", [VIP]).select([("app", "no")]).tcp(80, 5432);
    assert!(!opens(shop().service(nobody), VIP, 80), "no backends");
    let orphan = service("shop/orphan", [VIP]).tcp(80, 5432);
    assert!(!opens(shop().service(orphan), VIP, 80), "neither selector nor slices");
}

#[test]
fn a_pod_without_an_egress_policy_reaches_every_service() {
    let nobody = || service("shop/nobody", [VIP]).select([("app", "no")]).tcp(80, 5432);
    let ingress = policy("shop/web").select(labels([("app", "web")])).ingress([]);
    assert!(opens(pods_of_shop().policy(ingress).service(nobody()), VIP, 80));
    assert!(!opens(ruled([]).service(nobody()), VIP, 80));
}

#[test]
fn a_rule_for_every_address_opens_by_the_target_port_while_there_are_backends() {
    let anywhere = || ruled([rule([], [tcp(5432)])]);
    let db = |target| service("shop/db", [VIP]).select([("app", "db")]).tcp(80, target);
    assert!(opens(anywhere().service(db(5432)), VIP, 80));
    assert!(!opens(anywhere().service(db(80)), VIP, 80), "the target port counts");
    let nobody = service("shop/nobody", [VIP]).select([("app", "no")]).tcp(80, 5432);
    assert!(!opens(anywhere().service(nobody), VIP, 80), "no backends");
}

#[test]
fn protocols_without_ports_find_a_plain_address() {
    let ping = Transport::Icmp { kind: 8, code: 0, identifier: 1 };
    let db = || service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432);
    let to = |cidr: &str| ruled([rule([block(cidr, [])], [])]).service(db());
    assert!(begins(to("10.96.0.0/16"), VIP, ping));
    assert!(!opens(to("10.96.0.0/16"), VIP, 80), "its own port is the backends'");
    assert!(!begins(to("10.0.0.0/24"), VIP, ping), "the backends' addresses are not the Service's");
    assert!(opens(to("10.0.0.0/24"), VIP, 80));
}

#[test]
fn a_block_opens_by_backends_and_not_by_the_virtual_address() {
    let to = |cidr: &str| {
        let rules = [rule([block(cidr, [])], [tcp(80), tcp(5432)])];
        cluster()
            .pod("shop/web", [("app", "web")], [WEB])
            .policy(policy("shop/web").select(labels([("app", "web")])).egress(rules))
            .service(service("shop/out", [VIP]).tcp(80, 5432))
            .slice(slice("shop/out-1", "out", Some(5432)).ready("192.0.2.7"))
    };
    assert!(!opens(to("10.96.0.0/16"), VIP, 80));
    assert!(opens(to("192.0.2.0/24"), VIP, 80));
    assert!(opens(to("10.96.0.0/16"), VIP, 5432), "not a port of the Service");
}

#[test]
fn slices_come_before_the_selector() {
    let db = || shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432));
    let with = |slice: SliceBuilder| opens(db().slice(slice), VIP, 80);
    let at = |port| slice("shop/db-x", "db", port);
    assert!(with(at(Some(5432)).ready("10.0.0.2")));
    assert!(!with(at(Some(5432)).ready("10.0.0.4")));
    assert!(!with(at(Some(5433)).ready("10.0.0.2")), "the slice's number counts");
    assert!(!with(at(None).ready("10.0.0.2")), "any port may be meant");
    assert!(!with(at(Some(5432)).unready("10.0.0.2")));
    assert!(with(at(Some(5432)).ending("10.0.0.2")), "none is ready");
    assert!(with(at(Some(5432)).ready("10.0.0.2").ending("10.0.0.4")), "one is ready");
    assert!(!with(at(Some(5432)).ready("10.0.0.2").ready("10.0.0.4")));
    assert!(opens(db().slice(slice("other/db-x", "db", Some(5432)).ready("10.0.0.4")), VIP, 80));
}

#[test]
fn every_way_to_a_service_is_the_service() {
    let db = || service("shop/db", []).select([("app", "db")]).tcp(80, 5432).node_port(30080);
    let all = |db: enforcer_tests::builder::ServiceBuilder| {
        shop().service(db).node("n", ["192.168.0.10"]).alias("169.254.20.10", "shop/db")
    };
    let address = |text: &str| text.parse().unwrap();
    let outer = || {
        db().change(|it| {
            it.kind = ServiceKind::LoadBalancer;
            it.external_ips = [address("203.0.113.1")].into();
            it.load_balancer_ips = [address("203.0.113.2")].into();
        })
    };
    for (remote, port) in
        [("192.168.0.10", 30080), ("169.254.20.10", 80), ("203.0.113.1", 80), ("203.0.113.2", 80)]
    {
        assert!(opens(all(outer()), remote, port), "{remote}");
    }
    assert!(!opens(all(outer()), "192.168.0.10", 80), "a node has the node port only");
    assert!(!opens(all(outer()), "192.168.0.11", 30080), "no node");
    let inner = outer().change(|it| it.kind = ServiceKind::ClusterIp);
    assert!(!opens(all(inner), "192.168.0.10", 30080), "a Service without node ports");
    let headless = || db().change(|it| it.kind = ServiceKind::Headless);
    let with_ip = headless().change(|it| it.external_ips = [address("203.0.113.1")].into());
    assert!(!opens(all(with_ip), "203.0.113.1", 80));
    assert!(opens(all(headless()), "10.0.0.2", 5432), "a plain address");
    // An external address that is a node's too.
    let own = service("shop/db", []).select([("app", "db")]).tcp(30080, 5432).tcp(80, 9);
    let own = own.node_port(30080).change(|it| it.external_ips = [address("192.168.0.10")].into());
    assert!(opens(all(own), "192.168.0.10", 30080), "its port comes before its node port");
}

#[test]
fn a_pod_reaches_itself_through_its_service() {
    let web = |target| service("shop/web", [VIP]).select([("app", "web")]).tcp(80, target);
    assert!(opens(shop().service(web(8080)), VIP, 80));
    let both = service("shop/all", [VIP]).select([]).tcp(80, 5432);
    assert!(!opens(shop().service(both), VIP, 80), "cache is a backend too");
    let web_and_db = || {
        shop()
            .service(service("shop/db", [VIP]).tcp(80, 5432))
            .slice(slice("shop/db-x", "db", Some(5432)).ready(WEB).ready("10.0.0.2"))
    };
    assert!(opens(web_and_db(), VIP, 80));
    assert!(!opens(web_and_db(), WEB.replace(".1", ".4").as_str(), 5432));
}

/// What opens for a pod's own sake costs a rule set of its own only where the rules alone would not open it.
#[test]
fn a_pod_that_its_rules_let_reach_itself_shares_its_rule_set() {
    let twins = |port| {
        let to_web = rule([pods(labels([("app", "web")]))], [tcp(port)]);
        let scene = ruled([to_web]).pod("shop/twin", [("app", "web")], ["10.0.0.5"]);
        let web = service("shop/web", [VIP]).tcp(80, 8080);
        let scene = scene.service(web).slice(slice("shop/web-x", "web", Some(8080)).ready(WEB));
        let twin = Endpoint { interface_index: 2, ..endpoint("shop/twin", ["10.0.0.5"]) };
        let compiled = compile(&scene.build(), &[local(), twin]);
        compiled.endpoints.into_values().filter_map(|subject| subject.rules).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((twins(8080), twins(80)), (1, 2));
}

#[test]
fn a_port_that_is_open_is_opened_by_the_first_rule_that_opens_a_backend() {
    let to = |app, port| rule([pods(labels([("app", app)]))], [tcp(port)]);
    let with = |first| {
        let db = slice("shop/db-x", "db", Some(5432)).ready("10.0.0.2").ready("10.0.0.4");
        ruled([first, to("db", 5432)]).service(service("shop/db", [VIP]).tcp(80, 5432)).slice(db)
    };
    let mut bench = Bench::default();
    // The first rule is younger than the second.
    bench.set(&with(to("cache", 1)));
    bench.set(&with(to("cache", 5432)));
    let tables = &bench.node.image.tables;
    let rule_set = tables.endpoints.get(&1).unwrap().rule_set;
    let row =
        tables.row_content(rule_set, Direction::Egress.into(), tables.class(VIP.parse().unwrap())).unwrap();
    let open: Vec<u32> =
        row.iter().filter(|step| step.ruling == Ruling::Allow).map(|step| step.rule).collect();
    let names: Vec<String> = open.iter().map(|id| bench.node.rule(*id).unwrap().to_string()).collect();
    assert_eq!(names, ["NetworkPolicy shop/web egress[0]"]);
}

#[test]
fn an_interface_of_a_pod_on_the_host_network_has_no_rules() {
    let with = |host_network| {
        let compiled =
            compile(&shop().change("shop/web", |pod| pod.host_network = host_network).build(), &[local()]);
        compiled.endpoints.into_values().map(|subject| subject.rules.is_some()).collect::<Vec<bool>>()
    };
    assert_eq!((with(false), with(true)), (vec![true], vec![false]));
}

#[test]
fn a_denied_opening_names_the_isolating_policies() {
    let mut bench = Bench::default();
    bench.set(&shop().service(service("shop/any", [VIP]).select([]).tcp(80, 5432)));
    let event = bench.send(VIP, 80, TcpFlags::SYN).event.unwrap();
    assert_eq!(bench.node.rule(event.rule).unwrap().to_string(), "no egress rule of shop/web");
}

#[test]
fn contested_ports_and_unknown_aliases_are_reported() {
    let said = |cluster: Cluster| -> Vec<String> {
        compile(&cluster, &[local()]).diagnostics.iter().map(Diagnostic::to_string).collect()
    };
    let a = service("shop/a", [VIP]).select([("app", "db")]).tcp(80, 5432);
    let b = service("shop/b", [VIP]).select([("app", "cache")]).tcp(80, 5432);
    let both = shop().service(b).service(a);
    assert!(opens(both.clone(), VIP, 80));
    assert_eq!(
        said(both.build()),
        ["TCP port 80 of 10.96.0.10 is claimed by Services shop/a and shop/b; it counts as shop/a's"]
    );
    assert_eq!(
        said(shop().alias("169.254.20.10", "kube-system/kube-dns").build()),
        [
            "169.254.20.10 is configured as an alias of Service kube-system/kube-dns, which is not there; it counts as a plain address"
        ]
    );
    // Nor is one that is but a name for something elsewhere.
    let named = |kind| {
        let db = service("shop/db", []).select([("app", "db")]).tcp(80, 5432).change(|it| it.kind = kind);
        shop().service(db).alias("169.254.20.10", "shop/db")
    };
    assert_eq!(said(named(ServiceKind::ExternalName).build()).len(), 1);
    assert_eq!(said(named(ServiceKind::Headless).build()), [""; 0]);
    assert!(!opens(named(ServiceKind::ExternalName), "169.254.20.10", 80));
    assert!(opens(named(ServiceKind::Headless), "169.254.20.10", 80));
}

#[test]
fn a_row_that_is_too_long_is_refused_with_the_services_name() {
    let mut many = service("shop/many", [VIP]).select([("app", "db")]);
    // Every other port: two intervals each.
    for port in (1..=65535).step_by(2) {
        many = many.tcp(port, 5432);
    }
    let compiled = compile(&shop().service(many).build(), &[local()]);
    let error = enforcer::plan::plan(&Default::default(), &compiled).unwrap_err().to_string();
    assert!(error.contains("Service shop/many") && error.contains("shop/web"), "{error}");
}
