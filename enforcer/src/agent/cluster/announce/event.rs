//! Events of `events.k8s.io/v1` on objects with something wrong: NetworkPolicies have no status that could say it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::source::{Effect, Problem};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// What is told of an object. Equal values are one event, whichever node tells it first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    kind: &'static str,
    api_version: &'static str,
    namespace: String,
    name: String,
    reason: &'static str,
    note: String,
}

impl Event {
    /// The event of a problem, if it is one of an object of the API server.
    pub(super) fn of(problem: &Problem) -> Option<Self> {
        let (kind, name) = problem.object.as_deref()?.split_once(' ')?;
        let (kind, api_version) = match kind {
            "NetworkPolicy" => ("NetworkPolicy", "networking.k8s.io/v1"),
            "Pod" => ("Pod", "v1"),
            "Service" => ("Service", "v1"),
            "EndpointSlice" => ("EndpointSlice", "discovery.k8s.io/v1"),
            "Namespace" => ("Namespace", "v1"),
            "Node" => ("Node", "v1"),
            _ => return None,
        };
        let (namespace, name) = name.split_once('/').unwrap_or(("", name));
        let reason = match problem.effect {
            Effect::Enforced => "EnforcedWithDoubt",
            Effect::LastGood | Effect::Elsewhere { .. } => "LastGoodEnforced",
            Effect::Nothing => "NotEnforced",
        };
        let field = problem.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        let note = cut(format!("{field}{}; {}", problem.message, problem.effect));
        Some(Self { kind, api_version, namespace: namespace.to_owned(), name: name.to_owned(), reason, note })
    }

    /// Whether this node is among those that tell it. What is wrong with a pod its node alone finds; what is wrong with any
    /// other object all nodes do, and those tell it whose names, together with it, have the lowest numbers.
    pub(super) fn is_told_by(&self, node: &str, nodes: &[String], tellers: usize) -> bool {
        let number = |node: &str| fnv(&format!("{node}\0{}\0{}\0{}", self.kind, self.namespace, self.name));
        let own = number(node);
        self.kind == "Pod" || nodes.iter().filter(|other| number(other) < own).count() < tellers
    }

    /// Where events of its namespace are created. Those of cluster-wide objects are in `default`.
    pub(super) fn path(&self) -> String {
        format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.own_namespace())
    }

    fn own_namespace(&self) -> &str {
        if self.namespace.is_empty() { "default" } else { &self.namespace }
    }

    /// The object. Its name is made of what it says, so that of many nodes which find the same one tells it. The hour
    /// is a part of that: an event that was forgotten can be told again.
    pub(super) fn to_json(&self, node: &str, now: Timestamp) -> Value {
        const HOUR: i64 = 3600;
        let Self { kind, api_version, namespace, name, reason, note } = self;
        let hour = now.as_second().div_euclid(HOUR);
        let number = fnv(&format!("{kind}\0{namespace}\0{name}\0{reason}\0{note}\0{hour}"));
        // A name has 253 characters at most, and this one 17 more than the object's.
        let stem: String = name.chars().take(200).collect();
        let stem = stem.trim_end_matches(['-', '.']);
        let mut regarding = json!({"apiVersion": api_version, "kind": kind, "name": name});
        if let (Some(fields), false) = (regarding.as_object_mut(), namespace.is_empty()) {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": format!("{stem}.{number:016x}"), "namespace": self.own_namespace()},
            "eventTime": format!("{now:.6}"),
            "type": "Warning",
            "reason": reason,
            "action": "Enforce",
            "note": note,
            "regarding": regarding,
            "reportingController": "enforcer.dev/agent",
            "reportingInstance": node,
        })
    }
}

fn cut(note: String) -> String {
    if note.len() <= LONGEST_NOTE {
        return note;
    }
    let more = " [...]";
    let end = (0..=LONGEST_NOTE - more.len()).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{more}", note.get(..end).unwrap_or_default())
}

/// FNV-1a, 64 bits: the same on every node.
fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::source::Severity;

    fn problem(object: &str, message: &str, effect: Effect) -> Problem {
        Problem {
            file: PathBuf::new(),
            line: None,
            object: Some(object.to_owned()),
            field: Some("spec.ingress[0]".to_owned()),
            message: message.to_owned(),
            severity: Severity::Error,
            effect,
        }
    }

    fn told(problem: &Problem, node: &str, second: i64) -> Option<Value> {
        Some(Event::of(problem)?.to_json(node, Timestamp::from_second(second).ok()?))
    }

    fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
        event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    #[test]
    fn all_nodes_tell_one_event_an_hour() -> Result<(), &'static str> {
        let wrong = problem("NetworkPolicy shop/cart", "is wrong", Effect::LastGood);
        let one = told(&wrong, "node-1", 7).ok_or("no event")?;
        assert_eq!(text(&one, "/note"), "spec.ingress[0]: is wrong; its last good version stays in force");
        assert_eq!(text(&one, "/reason"), "LastGoodEnforced");
        assert_eq!(text(&one, "/regarding/namespace"), "shop");
        assert_eq!(text(&one, "/eventTime"), "1970-01-01T00:00:07.000000Z");
        let name = text(&one, "/metadata/name").to_owned();
        assert!(name.starts_with("cart.") && name.len() == 21, "{name}");
        let same = |second| {
            told(&wrong, "node-2", second).is_some_and(|other| text(&other, "/metadata/name") == name)
        };
        assert!(same(9) && !same(3601));
        Ok(())
    }

    #[test]
    fn few_nodes_tell_of_an_object_and_its_own_tells_of_a_pod() {
        let nodes: Vec<String> = (0..50).map(|number| format!("node-{number}")).collect();
        let tellers = |object: &str| {
            let event = Event::of(&problem(object, "is wrong", Effect::Nothing));
            let tells =
                |node: &&String| event.as_ref().is_some_and(|event| event.is_told_by(node, &nodes, 3));
            nodes.iter().filter(tells).cloned().collect::<Vec<_>>()
        };
        assert_eq!(tellers("NetworkPolicy shop/cart").len(), 3);
        assert_ne!(tellers("NetworkPolicy shop/cart"), tellers("NetworkPolicy shop/mail"));
        assert_eq!(tellers("Pod shop/cart").len(), 50);
    }

    #[test]
    fn what_is_no_object_of_the_server_has_no_event() {
        assert_eq!(Event::of(&problem("Workload a/b", "", Effect::Nothing)), None);
        assert_eq!(Event::of(&Problem { object: None, ..problem("Pod a/b", "", Effect::Nothing) }), None);
        let node = Event::of(&problem("Node node-1", "is wrong", Effect::Nothing));
        assert_eq!(
            node.map(|node| node.path()).as_deref(),
            Some("/apis/events.k8s.io/v1/namespaces/default/events")
        );
    }

    #[test]
    fn a_long_note_is_cut_at_a_character() {
        let long = problem("Pod a/b", &"\u{e4}".repeat(600), Effect::Nothing);
        let note = Event::of(&long).map(|event| event.note).unwrap_or_default();
        assert!(note.len() <= LONGEST_NOTE && note.ends_with(" [...]"), "{}", note.len());
    }
}
