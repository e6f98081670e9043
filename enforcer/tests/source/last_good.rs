//! What stays in force when something breaks, from reading to reading.

use std::{fs, os::unix::fs::symlink};

use enforcer::model::{ClusterEvent, Kind, ObjectKey, ObjectName};

use crate::scratch::{Scratch, pod, policy};

fn none() -> Vec<String> {
    Vec::new()
}

fn names(events: &[ClusterEvent]) -> Vec<String> {
    let name = |event: &ClusterEvent| match event {
        ClusterEvent::Apply(object) => format!("apply {}", object.key()),
        ClusterEvent::Delete(key) => format!("delete {key}"),
        ClusterEvent::Reset(objects) => {
            let keys: Vec<String> = objects.iter().map(|object| object.key().to_string()).collect();
            format!("reset {}", keys.join(", "))
        }
        ClusterEvent::ResetKind { kind, .. } => format!("reset {kind}"),
    };
    events.iter().map(name).collect()
}

#[test]
fn tells_only_the_difference() {
    let mut scratch = Scratch::new(&[("a.yaml", &pod("a")), ("b.yaml", &policy("b", "{}"))]);
    assert_eq!(names(&scratch.read().0), ["reset Namespace default, Pod default/a, NetworkPolicy default/b"]);
    assert_eq!(names(&scratch.read().0), none());
    scratch.write("a.yaml", format!("{}  labels: {{x: z}}\n", pod("a")));
    assert_eq!(names(&scratch.read().0), ["apply Pod default/a"]);
    scratch.write("c.yaml", pod("c").replace("name:", "namespace: other\n  name:"));
    scratch.remove("b.yaml");
    assert_eq!(
        names(&scratch.read().0),
        ["apply Namespace other", "apply Pod other/c", "delete NetworkPolicy default/b"]
    );
    scratch.remove("a.yaml");
    let gone = |kind, namespace: &str, name: &str| {
        ClusterEvent::Delete(ObjectKey { kind, name: ObjectName::new(namespace, name) })
    };
    assert_eq!(scratch.read().0, [gone(Kind::Namespace, "", "default"), gone(Kind::Pod, "default", "a")]);
}

#[test]
fn a_bad_object_keeps_its_last_good_version() {
    let mut scratch = Scratch::new(&[("a.yaml", &policy("p", "{podSelector: {matchLabels: {v: one}}}"))]);
    assert_eq!(scratch.problems(), none());
    let good = scratch.cluster.clone();
    let bad = policy("p", "{ingress: [{ports: [{port: '80'}]}]}");
    scratch.write("a.yaml", format!("{bad}---\n{}", pod("new")));
    let (events, problems) = scratch.read();
    let message = "NetworkPolicy default/p: spec.ingress[0].ports[0].port: \"80\" must contain at least one letter (a-z); its last good version stays in force";
    assert_eq!(problems, [format!("a.yaml:4: {message}")]);
    assert_eq!(names(&events), ["apply Pod default/new"]);
    assert_eq!(scratch.cluster.policies, good.policies);
    // The same problem again is the same value; also in another file the last good version counts.
    assert_eq!(scratch.read(), (vec![], problems));
    scratch.remove("a.yaml");
    scratch.write("z.yaml", bad);
    assert_eq!(scratch.problems(), [format!("z.yaml:4: {message}")]);
    assert_eq!(scratch.cluster.policies, good.policies);
    // Removed is removed, and then there is nothing to fall back to.
    scratch.remove("z.yaml");
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.policies(), none());
    scratch.write("z.yaml", policy("p", "{ingres: []}"));
    assert_eq!(
        scratch.problems(),
        ["z.yaml:4: NetworkPolicy default/p: spec.ingres: unknown field; nothing of it is enforced"]
    );
}

#[test]
fn a_broken_document_keeps_what_its_file_held() {
    let three = [pod("a"), pod("b"), pod("c")].join("---\n");
    let mut scratch = Scratch::new(&[("f.yaml", &three)]);
    assert_eq!(scratch.problems(), none());
    // b is broken, c is gone or may be what b was: both stay; a changed and is read.
    let broken = "kind: Pod\nmetadata: {name: b\n";
    scratch.write("f.yaml", format!("{}  labels: {{v: two}}\n---\n{broken}", pod("a")));
    let (events, problems) = scratch.read();
    assert_eq!(names(&events), ["apply Pod default/a"]);
    assert_eq!(scratch.pods(), ["default/a", "default/b", "default/c"]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("f.yaml:8: is not YAML: "), "{problems:?}");
    assert!(problems[0].ends_with("; its last good version stays in force"), "{problems:?}");
    // Moved to another file, an object is accounted for.
    scratch.write("g.yaml", pod("c"));
    assert_eq!(scratch.problems().len(), 1);
    scratch.remove("g.yaml");
    scratch.problems();
    assert_eq!(scratch.pods(), ["default/a", "default/b"]);
    scratch.write("f.yaml", pod("a"));
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.pods(), ["default/a"]);
}

#[test]
fn an_unreadable_file_keeps_what_it_held() {
    let mut scratch = Scratch::new(&[("f.yaml", &pod("a")), ("sub/g.yaml", &pod("b"))]);
    scratch.problems();
    scratch.remove("f.yaml");
    symlink("nowhere", scratch.path().join("f.yaml")).unwrap();
    scratch.write("sub/g.yaml", b"kind: \xff\n");
    assert_eq!(
        scratch.problems(),
        [
            "f.yaml: cannot be listed: No such file or directory (os error 2); its last good version stays in force",
            "sub/g.yaml: is not UTF-8 text from byte 6 on; its last good version stays in force",
        ]
    );
    assert_eq!(scratch.pods(), ["default/a", "default/b"]);
    // A link that leads back makes no second reading of everything.
    fs::remove_file(scratch.path().join("f.yaml")).unwrap();
    symlink("..", scratch.path().join("sub/loop")).unwrap();
    scratch.write("sub/g.yaml", pod("b"));
    let problems = scratch.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("sub/loop: cannot be listed: "), "{problems:?}");
    assert_eq!(scratch.pods(), ["default/b"]);
}

#[test]
fn a_missing_folder_takes_nothing_away() {
    let mut scratch = Scratch::new(&[("sub/a.yaml", &pod("a"))]);
    let away = scratch.path().with_extension("away");
    fs::rename(scratch.path(), &away).unwrap();
    let (events, problems) = scratch.read();
    // Not even a Reset: nothing is known yet.
    assert_eq!(events, []);
    assert!(problems[0].contains("cannot read the manifest folder: "), "{problems:?}");
    assert!(problems[0].ends_with("; nothing of it is enforced"), "{problems:?}");
    fs::rename(&away, scratch.path()).unwrap();
    assert_eq!(names(&scratch.read().0), ["reset Namespace default, Pod default/a"]);
    fs::rename(scratch.path(), &away).unwrap();
    let (events, problems) = scratch.read();
    assert_eq!(events, []);
    assert!(problems[0].ends_with("; its last good version stays in force"), "{problems:?}");
    fs::rename(&away, scratch.path()).unwrap();
    assert_eq!(scratch.read(), (vec![], none()));
    // Emptied is emptied.
    scratch.remove("sub/a.yaml");
    assert_eq!(names(&scratch.read().0), ["delete Namespace default", "delete Pod default/a"]);
}

#[test]
fn the_first_definition_counts() {
    let two = format!("{}---\n{}  labels: {{v: two}}\n", pod("b"), pod("a"));
    let mut scratch = Scratch::new(&[("1.yaml", &pod("a")), ("2.yaml", &two)]);
    let (_, problems) = scratch.read();
    assert_eq!(
        problems,
        ["2.yaml:6: Pod default/a: is defined more than once; the definition in 1.yaml:1 is in force"]
    );
    assert!(scratch.cluster.pods[&ObjectName::new("default", "a")].labels.is_empty());
    // With the first gone, the second is it.
    scratch.remove("1.yaml");
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.cluster.pods[&ObjectName::new("default", "a")].labels["v"], "two");
    // A broken one does not stand in the way of a good one.
    scratch.write("1.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: 1}}\n");
    let problems = scratch.problems();
    assert_eq!(
        problems,
        [
            "1.yaml:3: Pod default/a: metadata.labels.v: invalid type: integer `1`, expected a string; the definition in 2.yaml:6 is in force"
        ]
    );
    assert_eq!(scratch.cluster.pods[&ObjectName::new("default", "a")].labels["v"], "two");
}

#[test]
fn a_mistake_does_not_change_which_definition_counts() {
    let app = |app: &str| policy("p", &format!("{{podSelector: {{matchLabels: {{app: {app}}}}}}}"));
    let in_force = |scratch: &Scratch| scratch.policy().pod_selector.clone();
    let twice = "2.yaml:1: NetworkPolicy default/p: is defined more than once; ";
    let mut scratch = Scratch::new(&[("1.yaml", &app("one")), ("2.yaml", &app("two"))]);
    assert_eq!(scratch.problems(), [format!("{twice}the definition in 1.yaml:1 is in force")]);
    let one = in_force(&scratch);
    // A field, and the whole file: its last good version stands in its place.
    let bad = [
        ("{ingres: []}", "1.yaml:4: NetworkPolicy default/p: spec.ingres: unknown field"),
        ("{", "1.yaml:4: is not YAML: "),
    ];
    for (spec, problem) in bad {
        scratch.write("1.yaml", policy("p", spec));
        for _ in 0..2 {
            let (events, problems) = scratch.read();
            assert_eq!(names(&events), none());
            assert_eq!(in_force(&scratch), one);
            let [first, second] = &problems[..] else { panic!("{problems:?}") };
            assert!(first.starts_with(problem), "{first}");
            assert!(first.ends_with("; its last good version stays in force"), "{first}");
            assert_eq!(
                *second,
                format!("{twice}the last good version of the definition in 1.yaml stays in force")
            );
        }
    }
    // An earlier file goes before it, as it would before a good definition.
    scratch.write("0.yaml", app("zero"));
    let problems = scratch.problems();
    assert!(problems.contains(&format!("{twice}the definition in 0.yaml:1 is in force")), "{problems:?}");
    assert_ne!(in_force(&scratch), one);
    scratch.remove("0.yaml");
    // Removed is removed: the other file's turn.
    scratch.remove("1.yaml");
    assert_eq!(scratch.problems(), none());
    assert_ne!(in_force(&scratch), one);
    // Nothing of it was ever good: what is good counts.
    scratch.write("1.yaml", policy("p", "{ingres: []}"));
    assert_eq!(
        scratch.problems(),
        [
            "1.yaml:4: NetworkPolicy default/p: spec.ingres: unknown field; the definition in 2.yaml:1 is in force"
        ]
    );
}

#[test]
fn a_last_good_version_gives_way_by_its_place() {
    let text = |replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: w}}\nspec: {{replicas: {replicas}, serviceName: w, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{}}}}}}\n"
        )
    };
    let mut scratch = Scratch::new(&[("2.yaml", &text("2"))]);
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.pods(), ["default/w-0", "default/w-1"]);
    // Bad, while one of its pods gets a definition of its own: behind it, and before it.
    scratch.write("2.yaml", text("-2"));
    scratch.write("3.yaml", pod("w-0"));
    let problems = scratch.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(
        problems[1],
        "3.yaml:1: Pod default/w-0: stands for Pod default/w-0, which StatefulSet default/w in 2.yaml is or stands for already; nothing of it is enforced"
    );
    fs::rename(scratch.path().join("3.yaml"), scratch.path().join("1.yaml")).unwrap();
    for _ in 0..2 {
        let problems = scratch.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(
            problems[0],
            "2.yaml: StatefulSet default/w: its last good version stands for Pod default/w-0, which Pod default/w-0 in 1.yaml:1 is or stands for already, and goes without; its last good version stays in force"
        );
        assert_eq!(scratch.pods(), ["default/w-0", "default/w-1"]);
        assert!(scratch.cluster.pods[&ObjectName::new("default", "w-0")].labels.is_empty());
    }
}

#[test]
fn every_kind_is_defined_once() {
    let template =
        "{selector: {matchLabels: {a: b}}, serviceName: s, template: {metadata: {labels: {a: b}}, spec: {}}}";
    let kinds = [
        ("v1", "Namespace", "shop", "{}"),
        ("v1", "Node", "shop", "{}"),
        ("v1", "Pod", "default/shop", "{}"),
        ("v1", "Service", "default/shop", "{clusterIP: None}"),
        ("discovery.k8s.io/v1", "EndpointSlice", "default/shop", ""),
        ("networking.k8s.io/v1", "NetworkPolicy", "default/shop", "{}"),
        ("apps/v1", "Deployment", "default/shop", template),
        ("apps/v1", "StatefulSet", "default/shop", template),
        ("apps/v1", "DaemonSet", "default/shop", template),
        ("apps/v1", "ReplicaSet", "default/shop", template),
        ("batch/v1", "Job", "default/shop", template),
    ];
    for (version, kind, name, spec) in kinds {
        let spec = match (kind, spec) {
            ("EndpointSlice", _) => "addressType: IPv4\nendpoints: []".to_owned(),
            ("DaemonSet" | "ReplicaSet" | "Deployment" | "Job", _) => {
                format!("spec: {}", spec.replace("serviceName: s, ", ""))
            }
            _ => format!("spec: {spec}"),
        };
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: shop}}\n{spec}\n");
        let mut scratch = Scratch::new(&[("1.yaml", &text), ("2.yaml", &format!("\n{text}---\n{text}"))]);
        let problems = scratch.problems();
        let is_of_it = |line: u64| {
            format!(
                "2.yaml:{line}: {kind} {name}: is defined more than once; the definition in 1.yaml:1 is in force"
            )
        };
        assert_eq!(problems, [is_of_it(2), is_of_it(3 + text.lines().count() as u64)], "{kind}");
    }
}

/// Three files that come, go and break in any order: what is in force is never a matter of how often they were read.
#[test]
fn reading_again_changes_nothing() {
    let app = |app: &str| policy("p", &format!("{{podSelector: {{matchLabels: {{app: {app}}}}}}}"));
    let set = |replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: w}}\nspec: {{replicas: {replicas}, serviceName: w, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {{}}}}}}\n"
        )
    };
    let contents = [
        String::new(),
        app("one"),
        app("two"),
        policy("p", "{ingres: []}"),
        format!("{}---\n{{", app("one")),
        "{".to_owned(),
        set("2"),
        set("1"),
        set("-1"),
        [pod("w-0"), pod("w-1"), app("one")].join("---\n"),
        [set("2"), app("two"), app("one")].join("---\n"),
    ];
    let mut scratch = Scratch::new(&[]);
    let mut random = 1_u64;
    for step in 0..500 {
        // Knuth's MMIX constants; the high bits are the better ones.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let content = &contents[(random >> 33) as usize % contents.len()];
        let file = ["1.yaml", "2.yaml", "3.yaml"][(random >> 60) as usize % 3];
        scratch.write(file, content);
        let (_, problems) = scratch.read();
        let (events, again) = scratch.read();
        assert_eq!(names(&events), none(), "step {step}");
        assert_eq!(again, problems, "step {step}");
    }
}
