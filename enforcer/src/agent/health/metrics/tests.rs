//! Who asks for metrics by name: the Grafana dashboard of `deploy`.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
};

use enforcer_common::Reason;
use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::agent::health::KindReport;

const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/enforcer.json");
/// What Prometheus puts on every sample: the chart's PodMonitor names the node.
const SCRAPED: &str = "node";

/// The samples that an agent with something of everything gives: their labels, by name.
fn samples() -> BTreeMap<String, BTreeSet<String>> {
    let heard = KindReport { listed: true, heard: Some(Timestamp::UNIX_EPOCH), outage: None };
    let report = Report {
        applied: Some(Default::default()),
        kinds: [("Pod".to_owned(), heard)].into(),
        ..Report::default()
    };
    let counters = Counters { dropped: [(Reason::Policy, [1, 2])].into(), ..Counters::default() };
    let figures = Figures {
        counters: Some(counters),
        fill: vec![Fill { table: "ROWS", used: 1, room: 2 }],
        flows: Some(Expiry::default()),
        rules: 1,
    };
    let metrics = Metrics::new();
    metrics.observe(Duration::from_millis(1));
    let text = metrics.text(&report, &figures);
    let mut samples: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let sample = line.rsplit_once(' ').map_or(line, |(sample, _)| sample);
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        samples.entry(name.to_owned()).or_default().extend(matched(labels));
    }
    samples
}

/// The labels of `a="b",c=~"d"}`.
fn matched(matchers: &str) -> impl Iterator<Item = String> + '_ {
    let pairs = matchers.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(label, _)| label.trim().trim_end_matches('!').to_owned())
}

/// Every query of the dashboard.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(query) if key == "expr" || key == "definition" => found.push(query.to_owned()),
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The metrics that a query names, each with the labels that it asks of it.
fn asked(query: &str) -> Vec<(String, BTreeSet<String>)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    for (at, _) in query.match_indices("enforcer_") {
        let text = query.get(at..).unwrap_or_default();
        let (name, rest) = text.split_at(text.find(|letter| !is_name(letter)).unwrap_or(text.len()));
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(inside, _)| inside);
        found.push((name.to_owned(), matched(matchers.unwrap_or_default()).collect()));
    }
    found
}

/// The labels by which a query groups.
fn grouped(query: &str) -> BTreeSet<String> {
    let groups = query.split(" by (").skip(1).filter_map(|rest| rest.split_once(')'));
    groups.flat_map(|(labels, _)| labels.split(',').map(|label| label.trim().to_owned())).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_and_labels_that_there_are() -> Result<(), Box<dyn Error>> {
    let samples = samples();
    let mut found = Vec::new();
    queries(&serde_json::from_str(&fs::read_to_string(DASHBOARD)?)?, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for query in &found {
        let metrics = asked(query);
        assert!(!metrics.is_empty(), "{query}: asks for nothing of ours");
        let mut known = BTreeSet::from([SCRAPED.to_owned()]);
        for (name, labels) in &metrics {
            let own = samples.get(name).ok_or_else(|| format!("{query}: there is no {name}"))?;
            let strange: Vec<&String> =
                labels.iter().filter(|label| *label != SCRAPED && !own.contains(*label)).collect();
            assert!(strange.is_empty(), "{query}: {name} has no {strange:?}");
            known.extend(own.iter().cloned());
        }
        let strange: Vec<String> = grouped(query).difference(&known).cloned().collect();
        assert!(strange.is_empty(), "{query}: no label {strange:?}");
    }
    Ok(())
}

#[test]
fn what_a_query_asks_for_is_read_from_it() {
    let query = r#"sum by (le, a) (rate(enforcer_x_bucket{node=~"$node",b!="1"}[5m])) / enforcer_y"#;
    let names = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    let wanted =
        [("enforcer_x_bucket".to_owned(), names(&["b", "node"])), ("enforcer_y".to_owned(), names(&[]))];
    assert_eq!(asked(query), wanted);
    assert_eq!(grouped(query), names(&["a", "le"]));
}
