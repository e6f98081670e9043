//! Level 1: the source from the API server, against one that has bad days.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::Result;
use enforcer::{
    model::{Kind, ObjectName},
    source::kube::Limits,
};
use enforcer_tests::api_server::{
    ApiServer, Follower, Gone, NODE, Request, Streams, pod, pod_on, policy, short_limits,
};
use serde_json::json;

const POLICIES: &str = "/apis/networking.k8s.io/v1/networkpolicies";

/// Requests for policies.
fn asked(server: &ApiServer, which: impl Fn(&Request) -> bool) -> Vec<Request> {
    let requests = server.requests().into_iter();
    requests.filter(|request| request.path == POLICIES && which(request)).collect()
}

fn shop(name: &str) -> ObjectName {
    ObjectName::new("shop", name)
}

#[test]
fn what_is_applied_is_there_and_what_is_deleted_is_not() -> Result<()> {
    let server = ApiServer::start()?;
    server.put(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"a": "b"}}}),
    )?;
    server.put(pod("web", "10.0.0.2"))?;
    server.put(policy("first", json!({"policyTypes": ["Ingress"]})))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    follower.until_policies(&["first"])?;
    assert_eq!(follower.cluster.namespace_labels("shop").get("a").map(String::as_str), Some("b"));
    let web = &follower.cluster.pods[&shop("web")];
    assert!(
        web.addresses.contains(&"10.0.0.2".parse()?) && web.ports[0].name.as_deref() == Some("http"),
        "{web:?}"
    );

    server.put(policy("second", json!({"policyTypes": ["Egress"]})))?;
    follower.until_policies(&["first", "second"])?;
    server.put(policy("second", json!({"policyTypes": ["Ingress"]})))?;
    follower.until("the change is there", |_, cluster| {
        cluster.policies.get(&shop("second")).is_some_and(|policy| policy.ingress.is_some())
    })?;
    server.delete("NetworkPolicy", "shop", "first")?;
    follower.until_policies(&["second"])?;
    // All of it on one watch, which began with the list.
    let requests = asked(&server, |_| true);
    assert!(matches!(requests.as_slice(), [only] if only.is_stream()), "{requests:?}");
    Ok(())
}

#[test]
fn a_server_without_streaming_lists_is_listed_page_by_page_and_watched() -> Result<()> {
    for streams in [Streams::Refused, Streams::Unstored] {
        is_listed_page_by_page(streams)?;
    }
    Ok(())
}

fn is_listed_page_by_page(streams: Streams) -> Result<()> {
    let server = ApiServer::start()?;
    server.behave(|behaviour| {
        behaviour.streams = streams;
        behaviour.page = Some(2);
    });
    for name in ["a", "b", "c", "d", "e"] {
        server.put(policy(name, json!({})))?;
    }
    let mut follower = Follower::new(&server)?;
    follower.until_policies(&["a", "b", "c", "d", "e"])?;
    follower.until_current()?;
    server.put(policy("f", json!({})))?;
    server.delete("NetworkPolicy", "shop", "a")?;
    follower.until_policies(&["b", "c", "d", "e", "f"])?;
    let lists = asked(&server, |request| !request.is_watch());
    assert_eq!(lists.len(), 3, "{lists:?}");
    // One kind learns it for all; those that asked at the same time learnt it themselves.
    let streams = server.requests().iter().filter(|request| request.is_stream()).count();
    assert!((1..=6).contains(&streams), "{streams}");
    Ok(())
}

#[test]
fn a_server_that_passes_over_the_option_is_found_out() -> Result<()> {
    let server = ApiServer::start()?;
    server.behave(|behaviour| behaviour.streams = Streams::PassedOver);
    server.put(policy("a", json!({})))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    follower.until_policies(&["a"])?;
    assert_eq!(asked(&server, |request| !request.is_watch()).len(), 1);
    Ok(())
}

#[test]
fn an_object_that_got_lost_is_gone_after_the_list_that_410_asks_for() -> Result<()> {
    for (gone, streams) in
        [(Gone::Event, Streams::Sent), (Gone::Status, Streams::Sent), (Gone::Event, Streams::Refused)]
    {
        let server = ApiServer::start()?;
        server.behave(|behaviour| (behaviour.gone, behaviour.streams) = (gone, streams));
        server.put(policy("lost", json!({})))?;
        server.put(policy("stays", json!({})))?;
        server.put(pod("web", "10.0.0.2"))?;
        let mut follower = Follower::new(&server)?;
        follower.until_current()?;
        server.lose("NetworkPolicy", "shop", "lost")?;
        server.lose("Pod", "shop", "web")?;
        server.expire();
        follower.until_policies(&["stays"])?;
        follower.until("the pod is gone too", |_, cluster| cluster.pods.is_empty())?;
        follower.until_current()?;
        server.put(policy("new", json!({})))?;
        follower.until_policies(&["new", "stays"])?;
    }
    Ok(())
}

#[test]
fn an_outage_leaves_everything_as_it_was_and_is_told_with_its_beginning() -> Result<()> {
    let server = ApiServer::start()?;
    server.put(policy("before", json!({})))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;

    server.down();
    follower
        .until("all kinds are away", |source, _| source.kinds().values().all(|sync| sync.outage.is_some()))?;
    let outage = |follower: &Follower| follower.source.kinds()[&Kind::NetworkPolicy].outage.clone().unwrap();
    let first = outage(&follower);
    follower.until("it is tried again", |source, _| {
        source.kinds()[&Kind::NetworkPolicy]
            .outage
            .as_ref()
            .is_some_and(|outage| outage.attempts > first.attempts + 2)
    })?;
    assert_eq!(outage(&follower).since, first.since);
    assert!(follower.source.is_listed() && follower.cluster.policies.contains_key(&shop("before")));

    server.put(policy("meanwhile", json!({})))?;
    server.delete("NetworkPolicy", "shop", "before")?;
    server.up();
    follower.until_policies(&["meanwhile"])?;
    follower.until_current()?;
    // From where it was, without a new list.
    assert_eq!(asked(&server, Request::is_stream).len(), 1);
    Ok(())
}

#[test]
fn a_connection_that_breaks_is_made_again_from_where_it_was() -> Result<()> {
    let server = ApiServer::start()?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    for name in ["a", "b", "c"] {
        server.cut();
        server.put(policy(name, json!({})))?;
        follower.until(name, |_, cluster| cluster.policies.contains_key(&shop(name)))?;
    }
    follower.until_current()?;
    assert_eq!(asked(&server, Request::is_stream).len(), 1);
    Ok(())
}

#[test]
fn a_bookmark_moves_the_version_on() -> Result<()> {
    let server = ApiServer::start()?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    // Changes of other kinds, so that the version of the last policy is old.
    for index in 0..5 {
        server.put(pod(&format!("web-{index}"), &format!("10.0.0.{index}")))?;
    }
    let heard = follower.source.kinds()[&Kind::NetworkPolicy].heard;
    server.bookmark();
    follower.until("policies have their bookmark", |source, _| {
        source.kinds()[&Kind::NetworkPolicy].heard != heard
    })?;
    server.cut();
    follower.until("policies are watched again", |_, _| {
        asked(&server, |request| request.is_watch() && !request.is_stream()).len() == 1
    })?;
    let newest = asked(&server, |request| request.query.contains("resourceVersion=5&"));
    assert_eq!(newest.len(), 1, "{:?}", asked(&server, |_| true));
    Ok(())
}

#[test]
fn a_server_that_asks_for_patience_gets_it() -> Result<()> {
    let server = ApiServer::start()?;
    // Each kind once, and no pause of our own is as long.
    server.behave(|behaviour| behaviour.throttle = Some((6, 1)));
    let start = Instant::now();
    let mut follower = Follower::new(&server)?;
    follower.until("all kinds were refused", |source, _| {
        source.kinds().values().all(|sync| sync.outage.is_some())
    })?;
    let reason = follower.source.kinds()[&Kind::Pod].outage.clone().unwrap().reason;
    assert!(reason.contains("Too many requests"), "{reason}");
    follower.until_current()?;
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), 12, "each kind asked again once: {:?}", server.requests());
    Ok(())
}

#[test]
fn a_server_that_ends_every_watch_is_not_asked_in_a_circle() -> Result<()> {
    let server = ApiServer::start()?;
    server.behave(|behaviour| behaviour.hasty = true);
    let limits = Limits { shortest_pause: Duration::from_millis(100), ..short_limits() };
    let mut follower = Follower::with(&server, limits)?;
    follower.until("policies are watched five times", |_, _| asked(&server, Request::is_watch).len() >= 5)?;
    let requests = asked(&server, Request::is_watch);
    let took = requests[4].at - requests[0].at;
    // Half of 100, 200, 400 and 400 at least.
    assert!(took >= Duration::from_millis(550), "{took:?}");
    Ok(())
}

#[test]
fn slow_answers_are_waited_for_and_silence_is_an_outage() -> Result<()> {
    let server = ApiServer::start()?;
    server.behave(|behaviour| behaviour.delay = Duration::from_millis(150));
    server.put(policy("a", json!({})))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    assert!(follower.cluster.policies.contains_key(&shop("a")));

    server.behave(|behaviour| behaviour.silent = true);
    server.cut();
    follower.until("silence is an outage", |source, _| {
        let outage = source.kinds()[&Kind::Pod].outage.as_ref();
        outage.is_some_and(|outage| outage.reason.contains("no answer within 2 s"))
    })?;
    assert!(follower.cluster.policies.contains_key(&shop("a")));
    server.behave(|behaviour| behaviour.silent = false);
    follower.until_current()
}

#[test]
fn a_watch_that_is_silent_for_long_is_opened_anew() -> Result<()> {
    let server = ApiServer::start()?;
    let limits = Limits { silence: Duration::from_millis(1100), ..short_limits() };
    let mut follower = Follower::with(&server, limits)?;
    follower.until_current()?;
    follower.until("policies are watched again", |_, _| asked(&server, Request::is_watch).len() >= 2)?;
    follower.until_current()?;
    assert_eq!(asked(&server, Request::is_stream).len(), 1, "without a new list");
    Ok(())
}

#[test]
fn an_object_that_is_refused_stays_as_it_was_and_is_named() -> Result<()> {
    let server = ApiServer::start()?;
    let block = |cidr: &str| json!({"policyTypes": ["Ingress"], "ingress": [{"from": [{"ipBlock": {"cidr": cidr}}]}]});
    server.put(policy("good", block("10.0.0.0/8")))?;
    server.put(policy("never", block("10.0.0.0/33")))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    follower.until_policies(&["good"])?;
    let field = "spec.ingress[0].from[0].ipBlock.cidr";
    let never = format!(
        "NetworkPolicy shop/never: {field}: \"10.0.0.0/33\" must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8; nothing of it is enforced"
    );
    assert_eq!(follower.problems(), std::slice::from_ref(&never));

    // By an event; by a value of another type; and by a list.
    let good = follower.cluster.policies[&shop("good")].clone();
    let last_good = |follower: &mut Follower, word: &str| -> Result<()> {
        follower
            .until(word, |source, _| source.problems().any(|problem| problem.to_string().contains(word)))?;
        let problems = follower.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("NetworkPolicy shop/good: "), "{problems:?}");
        assert!(problems[0].ends_with("; its last good version stays in force"), "{problems:?}");
        assert_eq!(follower.cluster.policies[&shop("good")], good);
        Ok(())
    };
    server.put(policy("good", block("10.0.0.0/40")))?;
    last_good(&mut follower, "10.0.0.0/40")?;
    server.put(policy("good", json!({"policyTypes": 7})))?;
    last_good(&mut follower, "spec.policyTypes: ")?;
    server.down();
    server.put(policy("good", block("10.0.0.0/50")))?;
    server.expire();
    server.up();
    last_good(&mut follower, "10.0.0.0/50")?;

    server.put(policy("good", block("192.168.0.0/16")))?;
    follower.until("it is mended", |_, cluster| cluster.policies[&shop("good")] != good)?;
    assert_eq!(follower.problems(), [never]);
    server.delete("NetworkPolicy", "shop", "never")?;
    follower.until("it is gone", |source, _| source.problems().count() == 0)
}

#[test]
fn a_field_that_we_do_not_know_is_told() -> Result<()> {
    let server = ApiServer::start()?;
    server.put(policy("new", json!({"policyTypes": ["Ingress"], "priority": 7})))?;
    let mut follower = Follower::new(&server)?;
    follower.until_policies(&["new"])?;
    let wanted = "NetworkPolicy shop/new: spec.priority: unknown field; the object is enforced all the same";
    assert_eq!(follower.problems(), [wanted]);
    Ok(())
}

#[test]
fn nothing_is_complete_before_every_kind_was_listed() -> Result<()> {
    let server = ApiServer::start()?;
    let path = "/api/v1/nodes".to_owned();
    server.behave(|behaviour| behaviour.refuse = Some((path, 403, "nodes is forbidden".to_owned())));
    server.put(policy("a", json!({})))?;
    let mut follower = Follower::new(&server)?;
    follower.until("all others were listed", |source, _| {
        let others = source.kinds().iter().filter(|(kind, _)| **kind != Kind::Node);
        others.clone().all(|(_, sync)| sync.listed) && source.kinds()[&Kind::Node].outage.is_some()
    })?;
    assert!(!follower.source.is_listed());
    let reason = follower.source.kinds()[&Kind::Node].outage.clone().unwrap().reason;
    assert_eq!(reason, "403: nodes is forbidden");
    server.behave(|behaviour| behaviour.refuse = None);
    follower.until_current()?;
    assert!(follower.source.is_listed());
    Ok(())
}

#[test]
fn finished_pods_of_other_nodes_are_not_kept() -> Result<()> {
    let server = ApiServer::start()?;
    server.put(pod_on("node-2", "done", "10.0.0.2", "Succeeded"))?;
    server.put(pod_on(NODE, "done-here", "10.0.0.3", "Succeeded"))?;
    server.put(pod_on("node-2", "runs", "10.0.0.4", "Running"))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    assert_eq!(follower.pods(), [&shop("done-here"), &shop("runs")]);
    server.put(pod_on("node-2", "runs", "10.0.0.4", "Failed"))?;
    follower.until("it has finished", |_, cluster| !cluster.pods.contains_key(&shop("runs")))?;
    assert!(follower.problems().is_empty(), "{:?}", follower.problems());
    Ok(())
}

#[test]
fn a_change_of_what_is_not_used_changes_nothing() -> Result<()> {
    let server = ApiServer::start()?;
    server.put(pod("web", "10.0.0.2"))?;
    let mut follower = Follower::new(&server)?;
    follower.until_current()?;
    let changes = follower.changes;
    let mut touched = pod("web", "10.0.0.2");
    touched["status"]["containerStatuses"][0]["restartCount"] = json!(7);
    server.put(touched)?;
    // The same pod once more with a change that counts: both were told, in this order.
    server.put(pod("web", "10.0.0.3"))?;
    follower.until("its address is another one", |_, cluster| {
        cluster.pods[&shop("web")].addresses.contains(&IpAddr::from([10, 0, 0, 3]))
    })?;
    assert_eq!(follower.changes, changes + 1);
    Ok(())
}
