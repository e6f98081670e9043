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
        ["2.yaml:6: Pod default/a: is defined already in 1.yaml; nothing of it is enforced"]
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
            "1.yaml:3: Pod default/a: metadata.labels.v: invalid type: integer `1`, expected a string; nothing of it is enforced"
        ]
    );
    assert_eq!(scratch.cluster.pods[&ObjectName::new("default", "a")].labels["v"], "two");
}
