//! Services on the host, case by case: what of flows that are open when something changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    compile::compile,
    model::{ClusterEvent, Direction, Endpoint, Object, ServiceKind},
    plan::{MapOp, diff, plan},
};
use enforcer_common::packet::Origin;
use enforcer_tests::{
    builder::{
        ClusterBuilder, SliceBuilder, any, block, cluster, endpoint, labels, pods, policy, rule, service,
        slice, tcp,
    },
    frame::{self, TcpFlags},
    node::{At, Host, Node, Target as _},
    oracle::flow::{FlowOracle, Outcome},
    shop::{Bench, VIP, WEB, local, segment, shop},
};

#[test]
fn a_readiness_flap_keeps_flows_and_opens_none() {
    let with = |slice: SliceBuilder| {
        shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432)).slice(slice)
    };
    let at = || slice("shop/db-x", "db", Some(5432));
    let mut bench = Bench::default();
    bench.set(&with(at().ready("10.0.0.2")));
    assert!(bench.passes(VIP, 80, TcpFlags::SYN));
    for change in
        [at().unready("10.0.0.2"), at().ready("10.0.0.4"), at(), at().ready("10.0.0.2").ready("10.0.0.4")]
    {
        bench.set(&with(change));
        assert!(bench.passes(VIP, 80, TcpFlags::ACK), "the flow goes on");
        bench.set(&with(at().unready("10.0.0.2")));
        assert!(bench.passes(VIP, 80, TcpFlags::ACK), "the flow goes on");
    }
    bench.node.target = Host::with(bench.node.image.tables.clone());
    assert!(!bench.passes(VIP, 80, TcpFlags::SYN), "no new one");
    bench.set(&with(at().ready("10.0.0.2")));
    assert!(bench.passes(VIP, 80, TcpFlags::SYN), "open again");
}

#[test]
fn what_a_service_leaves_is_a_plain_address() {
    let db = |ports: &[u16]| {
        let bare = service("shop/db", [VIP]).select([("app", "db")]);
        shop().service(ports.iter().fold(bare, |db, port| db.tcp(*port, 5432)))
    };
    let headless = db(&[80]).service(
        service("shop/db", [])
            .select([("app", "db")])
            .tcp(80, 5432)
            .change(|it| it.kind = ServiceKind::Headless),
    );
    let elsewhere = shop().service(service("shop/db", ["10.96.0.11"]).select([("app", "db")]).tcp(80, 5432));
    for (what, gone) in [
        ("the Service", shop()),
        ("the port", db(&[81])),
        ("the address", elsewhere),
        ("the kind", headless),
        ("the Service, while another has the address", shop().service(service("shop/x", [VIP]).tcp(82, 82))),
    ] {
        let mut bench = Bench::default();
        bench.set(&db(&[80, 81]));
        assert!(bench.passes(VIP, 80, TcpFlags::SYN));
        bench.set(&gone);
        assert!(!bench.passes(VIP, 80, TcpFlags::ACK), "{what} has gone");
        let mut others = Bench::default();
        others.set(&gone);
        assert!(!others.passes(VIP, 80, TcpFlags::SYN), "{what} has gone");
        // It comes back without backends, and with them.
        bench.set(&db(&[80]).slice(slice("shop/db-x", "db", Some(5432))));
        assert!(!bench.passes(VIP, 80, TcpFlags::ACK), "what was denied is not open");
        bench.set(&db(&[80]));
        assert!(bench.passes(VIP, 80, TcpFlags::ACK));
        // A block holds the address now: the plain address is open, and so is the flow.
        let open = rule([block("10.96.0.0/16", [])], [tcp(80)]);
        let policy = policy("shop/block").select(labels([("app", "web")])).egress([open]);
        bench.set(&gone.clone().policy(policy));
        assert!(bench.passes(VIP, 80, TcpFlags::ACK), "{what} has gone, and its address is open");
    }
}

#[test]
fn a_service_that_went_and_comes_back_closed_keeps_nothing() {
    let db = |slice: SliceBuilder| {
        shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432)).slice(slice)
    };
    let at = || slice("shop/db-x", "db", Some(5432));
    for (between, stays) in [(shop(), false), (db(at().ready("10.0.0.4")), true)] {
        let mut bench = Bench::default();
        bench.set(&db(at().ready("10.0.0.2")));
        assert!(bench.passes(VIP, 80, TcpFlags::SYN));
        // Nobody sends anything in the meantime.
        bench.set(&between);
        bench.set(&db(at()));
        assert_eq!(bench.passes(VIP, 80, TcpFlags::ACK), stays);
    }
}

#[test]
fn a_policy_change_asks_again_and_what_it_denied_stays_denied() {
    let db = |slice: SliceBuilder| {
        shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432)).slice(slice)
    };
    let narrow = |cluster: ClusterBuilder| {
        let rules = [rule([pods(labels([("app", "cache")]))], [tcp(5432)])];
        cluster.policy(policy("shop/web").select(labels([("app", "web")])).egress(rules))
    };
    let at = || slice("shop/db-x", "db", Some(5432));
    let mut bench = Bench::default();
    bench.set(&db(at().ready("10.0.0.2")));
    assert!(bench.passes(VIP, 80, TcpFlags::SYN));
    // Kept by an endpoint that the rules do not allow …
    bench.set(&db(at().ready("10.0.0.4")));
    assert!(bench.passes(VIP, 80, TcpFlags::ACK));
    // … and ended by other rules that do not either.
    bench.set(&narrow(db(at().ready("10.0.0.2"))));
    assert!(!bench.passes(VIP, 80, TcpFlags::ACK));
    // No backends at all is nothing that would bring it back.
    bench.set(&narrow(db(at())));
    assert!(!bench.passes(VIP, 80, TcpFlags::ACK));
    bench.set(&db(at()));
    assert!(!bench.passes(VIP, 80, TcpFlags::ACK));
    bench.set(&db(at().ready("10.0.0.2")));
    assert!(bench.passes(VIP, 80, TcpFlags::ACK), "allowed again");
    // A policy that changes while there are no backends is asked again: none, so denied.
    bench.set(&narrow(db(at())));
    assert!(!bench.passes(VIP, 80, TcpFlags::ACK));
}

/// The policies' generation was written before the endpoint had the new ones: the old ones kept nothing then.
#[test]
fn a_kept_flow_goes_on_through_a_change_that_opens_everything() {
    let db = |slice: SliceBuilder| {
        shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432)).slice(slice)
    };
    let at = || slice("shop/db-x", "db", Some(5432));
    let (first, closed) = (db(at().ready("10.0.0.2")), db(at().ready("10.0.0.4")).build());
    let open = closed.clone();
    let open = {
        let mut open = open;
        let policy = policy("shop/web").select(labels([("app", "web")])).egress([any()]).into();
        open.apply(ClusterEvent::Apply(Object::Policy(policy)));
        open
    };
    // The flow sends after that many writes, and then after each.
    for silent in 0..12 {
        let mut bench = Bench::default();
        bench.set(&first);
        assert!(bench.passes(VIP, 80, TcpFlags::SYN));
        bench.node.update(&closed, &[local()]).unwrap();
        let mut written = 0;
        let judge = |host: &mut Host| {
            let frame = frame::ethernet(&segment(WEB, VIP, 80, TcpFlags::ACK));
            let direction = Direction::Egress.into();
            let at = At { frame: &frame, interface: 1, direction, origin: Origin::Elsewhere };
            host.judge(&at).unwrap().passed
        };
        bench
            .node
            .update_by_steps(&open, &[local()], |host, op| {
                written += 1;
                assert!(written <= silent || judge(host), "after {op:?}");
            })
            .unwrap();
        assert!(written > 3 && judge(&mut bench.node.target));
    }
    // The change fails after so many writes, and is taken back.
    for done in 0.. {
        let mut bench = Bench::default();
        bench.set(&first);
        assert!(bench.passes(VIP, 80, TcpFlags::SYN));
        bench.node.update(&closed, &[local()]).unwrap();
        let next = plan(&bench.node.image, &compile(&open, &[local()])).unwrap().image;
        let ops = diff(&bench.node.image, &next);
        if done > ops.len() {
            break;
        }
        let reached = ops.iter().take(done).any(|op| matches!(op, MapOp::SetEndpoint { .. }));
        for op in ops.iter().take(done) {
            bench.node.target.write(op).unwrap();
        }
        bench.node.image.recover(next, &ops, done);
        bench.node.update(&closed, &[local()]).unwrap();
        // What took effect took effect.
        assert!(reached || bench.passes(VIP, 80, TcpFlags::ACK), "after {done} of {} writes", ops.len());
    }
}

#[test]
fn a_relabelled_pod_keeps_nothing_by_what_its_new_policies_allowed_others() {
    let to = |app| [rule([pods(labels([("app", app)]))], [tcp(5432)])];
    let with = |web_is: &'static str, backend: &str| {
        cluster()
            .pod("shop/web", [("app", web_is)], [WEB])
            .pod("shop/job", [("app", "job")], ["10.0.0.5"])
            .pod("shop/db", [("app", "db")], ["10.0.0.2"])
            .pod("shop/cache", [("app", "cache")], ["10.0.0.4"])
            .policy(policy("shop/web").select(labels([("app", "web")])).egress(to("cache")))
            .policy(policy("shop/job").select(labels([("app", "job")])).egress(to("db")))
            .service(service("shop/db", [VIP]).tcp(80, 5432))
            .slice(slice("shop/db-x", "db", Some(5432)).ready(backend))
            .build()
    };
    let locals = [local(), Endpoint { interface_index: 2, ..endpoint("shop/job", ["10.0.0.5"]) }];
    let mut node = Node::new(Host::default());
    let mut oracles = locals.clone().map(|local| FlowOracle::new(&with("web", "10.0.0.2"), &local));
    let set = |node: &mut Node<Host>, oracles: &mut [FlowOracle; 2], web_is, backend| {
        node.update(&with(web_is, backend), &locals).unwrap();
        oracles.iter_mut().for_each(|oracle| oracle.update(&with(web_is, backend)));
    };
    // What passes of web and of job: their first packets, or later ones.
    let passes = |node: &mut Node<Host>, oracles: &mut [FlowOracle; 2], flags| {
        [(1, WEB), (2, "10.0.0.5")].map(|(interface, local)| {
            let packet = segment(local, VIP, 80, flags);
            let seen = node.judge(&frame::ethernet(&packet), interface, Direction::Egress).unwrap();
            let oracle = oracles.get_mut(interface as usize - 1).unwrap();
            assert_eq!(seen.passed, oracle.packet(&packet) == Outcome::Pass, "the oracle differs");
            seen.passed
        })
    };
    set(&mut node, &mut oracles, "web", "10.0.0.2");
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::SYN), [false, true]);
    // Another backend: it opens to web now, and job's flow is kept.
    set(&mut node, &mut oracles, "web", "10.0.0.4");
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::SYN), [true, true]);
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::ACK), [true, true]);
    // Web has the policies of job, which never allowed its flow.
    set(&mut node, &mut oracles, "job", "10.0.0.4");
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::ACK), [false, true]);
    // Under them a flow of its own is kept like any other.
    set(&mut node, &mut oracles, "job", "10.0.0.2");
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::SYN), [true, true]);
    set(&mut node, &mut oracles, "job", "10.0.0.4");
    assert_eq!(passes(&mut node, &mut oracles, TcpFlags::ACK), [true, true]);
}

#[test]
fn an_own_backend_that_comes_and_goes_cuts_no_other_flow() {
    let with = |web: SliceBuilder, db: SliceBuilder| {
        shop()
            .service(service("shop/db", [VIP]).tcp(80, 5432))
            .slice(db)
            .service(service("shop/web", ["10.96.0.11"]).tcp(80, 8080))
            .slice(web)
    };
    let web = || slice("shop/web-x", "web", Some(8080));
    let db = || slice("shop/db-x", "db", Some(5432));
    let mut bench = Bench::default();
    bench.set(&with(web().ready(WEB), db().ready("10.0.0.2")));
    assert!(bench.passes(VIP, 80, TcpFlags::SYN));
    bench.set(&with(web().ready(WEB), db().ready("10.0.0.4")));
    assert!(bench.passes(VIP, 80, TcpFlags::ACK));
    bench.set(&with(web(), db().ready("10.0.0.4")));
    assert!(bench.passes(VIP, 80, TcpFlags::ACK), "the rule set is another, the rules are not");
}

/// What is older than enforcement shows by a packet in mid-stream.
#[test]
fn an_older_flow_goes_on_only_while_its_service_is_open() {
    let db = |slice: SliceBuilder| {
        shop().service(service("shop/db", [VIP]).select([("app", "db")]).tcp(80, 5432)).slice(slice)
    };
    let at = || slice("shop/db-x", "db", Some(5432));
    for (slice, goes_on) in [(at().ready("10.0.0.2"), true), (at(), false), (at().ready("10.0.0.4"), false)] {
        let mut bench = Bench::default();
        bench.set(&db(slice));
        assert_eq!(bench.passes(VIP, 80, TcpFlags::ACK), goes_on);
    }
}

#[test]
fn what_takes_an_address_and_port_at_once_keeps_flows_and_opens_by_its_own_backends() {
    let at = |name, app| shop().service(service(name, [VIP]).select([("app", app)]).tcp(80, 5432));
    for (app, opens) in [("db", true), ("cache", false)] {
        let (mut bench, mut others) = (Bench::default(), Bench::default());
        bench.set(&at("shop/db", "db"));
        assert!(bench.passes(VIP, 80, TcpFlags::SYN));
        for bench in [&mut bench, &mut others] {
            bench.set(&at("shop/other", app));
        }
        assert!(bench.passes(VIP, 80, TcpFlags::ACK), "of {app}: the flow goes on");
        assert_eq!(others.passes(VIP, 80, TcpFlags::SYN), opens, "of {app}: a new one");
    }
}
