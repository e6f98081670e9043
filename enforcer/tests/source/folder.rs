//! What counts as a manifest, and what is in it.

use std::{fs, os::unix::fs::symlink};

use crate::scratch::{Scratch, pod, policy};

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn three_bad_policies_and_all_else() {
    let mut scratch = Scratch::new(&[
        ("good.yaml", &[pod("a"), policy("good", "{}")].join("---\n")),
        (
            "selector.yaml",
            &policy(
                "selector",
                "\n  podSelector:\n    matchExpressions:\n    - key: app\n      operator: Is\n      values: [web]",
            ),
        ),
        (
            "sub/cidr.yml",
            &policy(
                "cidr",
                "\n  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.300/8\n    ports: []",
            ),
        ),
        ("typo.yaml", &[policy("typo", "\n  podSelector: {}\n  ingres:\n  - {}"), pod("b")].join("---\n")),
    ]);
    assert_eq!(
        scratch.problems(),
        [
            "selector.yaml:8: NetworkPolicy default/selector: spec.podSelector.matchExpressions[0].operator: \"Is\" is not a valid selector operator: In, NotIn, Exists, DoesNotExist; nothing of it is enforced",
            "sub/cidr.yml:8: NetworkPolicy default/cidr: spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.300/8\" must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8; nothing of it is enforced",
            "typo.yaml:6: NetworkPolicy default/typo: spec.ingres: unknown field; nothing of it is enforced",
        ]
    );
    assert_eq!(scratch.pods(), ["default/a", "default/b"]);
    assert_eq!(scratch.policies(), ["default/good"]);
}

#[test]
fn reads_documents_and_lists() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: in-list}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, metadata: {name: deeper}}\n";
    let typed = "apiVersion: v1\nkind: PodList\nmetadata: {resourceVersion: '1'}\nitems:\n- metadata: {name: in-typed-list}\n";
    let documents = format!(
        "# comment\n%YAML 1.2\n---\n# nothing\n---\n{}...\n---\n\n--- # comment\r\n{}---\n---\nnull\n---\n{list}---\n{typed}---\n{{apiVersion: v1, kind: PodList, items: null}}\n",
        pod("one"),
        pod("two")
    );
    let json = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"json\", \"annotations\": {\"a\": \"\\ud83d\\ude00\\/\\u0041---\"}}\n}\n";
    let block = format!("\u{feff}{}  annotations:\n    text: |\n      a\n      ---\n      b\n", pod("block"));
    let mut scratch = Scratch::new(&[("a.yaml", &documents), ("b.json", json), ("c.yml", &block)]);
    assert_eq!(scratch.problems(), none());
    let expected = ["block", "deeper", "in-list", "in-typed-list", "json", "one", "two"];
    assert_eq!(scratch.pods(), expected.map(|name| format!("default/{name}")));
}

#[test]
fn a_carriage_return_ends_a_line() {
    let documents = format!("# comment\n{}---\n{}---\na: b", pod("one"), pod("two"));
    for end in ["\r", "\r\n"] {
        let text = documents.replace('\n', end);
        let mut scratch = Scratch::new(&[("a.yaml", &text)]);
        let problems = scratch.problems();
        let lines = documents.lines().count();
        assert!(
            matches!(&problems[..], [one] if one.starts_with(&format!("a.yaml:{lines}: "))),
            "{problems:?}"
        );
        assert_eq!(scratch.pods(), ["default/one", "default/two"], "{end:?}");
    }
}

#[test]
fn names_a_list_items_line() {
    let list = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata:\n    name: p\n  spec:\n    ingress:\n    - ports:\n      - port: 0\n";
    let mut scratch = Scratch::new(&[("l.yaml", list)]);
    assert_eq!(
        scratch.problems(),
        [
            "l.yaml:9: NetworkPolicy default/p: spec.ingress[0].ports[0].port: 0 must be between 1 and 65535, inclusive; nothing of it is enforced"
        ]
    );
}

#[test]
fn says_what_is_no_object() {
    let nothing = "; nothing of it is enforced";
    let cases = [
        ("just text", "a.yaml:1: is not a Kubernetes object: it is not a mapping"),
        ("a: b", "a.yaml:1: kind: is required"),
        ("kind: Pod\nmetadata: {name: a}", "a.yaml:1: Pod a: apiVersion: is required"),
        ("kind: Pod\nmetadata: {name: a, namespace: shop}", "a.yaml:1: Pod shop/a: apiVersion: is required"),
        ("apiVersion: v1\nmetadata: {name: a}", "a.yaml:1: object a: kind: is required"),
        ("kind: Pod\nspec: {}", "a.yaml:1: apiVersion: is required"),
        ("apiVersion: v1\nkind: List\nitems: {}", "a.yaml:3: items: is not a list"),
        (
            "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1beta1\nmetadata: {name: a}",
            "a.yaml:2: NetworkPolicy a: apiVersion: \"networking.k8s.io/v1beta1\" has no NetworkPolicy; the API server has it in \"networking.k8s.io/v1\"",
        ),
        (
            "kind: Deployment\napiVersion: extensions/v1beta1\nmetadata: {name: a}",
            "a.yaml:2: Deployment a: apiVersion: \"extensions/v1beta1\" has no Deployment; the API server has it in \"apps/v1\"",
        ),
        (
            "apiVersion: v1\nkind: Pod\nkind: Pod\n",
            "a.yaml:3: is not YAML: duplicate mapping key: kind not allowed here",
        ),
    ];
    for (text, problem) in cases {
        let mut scratch = Scratch::new(&[("a.yaml", text)]);
        assert_eq!(scratch.problems(), [format!("{problem}{nothing}")], "{text}");
    }
}

#[test]
fn skips_and_counts_other_kinds() {
    let text = "{apiVersion: v1, kind: ConfigMap, nonsense: 1}\n---\n{apiVersion: networking.k8s.io/v1, kind: Ingress}\n---\n{apiVersion: projectcalico.org/v3, kind: NetworkPolicy}\n---\n{apiVersion: v1, kind: ConfigMapList, items: [{}]}\n---\n{apiVersion: a.example/v1, kind: AllowList, items: 5}\n";
    let mut scratch =
        Scratch::new(&[("a.yaml", text), ("notes.txt", "no: [yaml"), (".a.yaml.swp", "no: [yaml")]);
    assert_eq!(scratch.problems(), none());
    let skipped: Vec<(&str, usize)> =
        scratch.counts.skipped.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(
        skipped,
        [
            ("a.example/v1/AllowList", 1),
            ("networking.k8s.io/v1/Ingress", 1),
            ("projectcalico.org/v3/NetworkPolicy", 1),
            ("v1/ConfigMap", 2)
        ]
    );
    assert_eq!((scratch.counts.files, scratch.counts.documents), (1, 5));
}

#[test]
fn reads_a_config_map_mount_once_and_after_its_swap() {
    let mut scratch = Scratch::new(&[("..2024_01/p.yaml", &pod("old"))]);
    let root = scratch.path().to_owned();
    symlink("..2024_01", root.join("..data")).unwrap();
    symlink("..data/p.yaml", root.join("p.yaml")).unwrap();
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.pods(), ["default/old"]);
    scratch.write("..2024_02/p.yaml", pod("new"));
    symlink("..2024_02", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    fs::remove_dir_all(root.join("..2024_01")).unwrap();
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.pods(), ["default/new"]);
}

#[test]
fn refuses_to_wait_for_a_fifo() {
    let mut scratch = Scratch::new(&[]);
    nix::unistd::mkfifo(&scratch.path().join("f.yaml"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert_eq!(scratch.problems(), ["f.yaml: is not a regular file; nothing of it is enforced"]);
}

#[test]
fn labels_every_namespace_with_its_name() {
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{team: a, kubernetes.io/metadata.name: lie}}}}\n---\n{}",
        pod("a").replace("name:", "namespace: implied\n  name:")
    );
    let mut scratch = Scratch::new(&[("a.yaml", &text)]);
    assert_eq!(scratch.problems(), none());
    let labels = |name: &str| {
        let labels = &scratch.cluster.namespaces[name].labels;
        labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(labels("shop"), ["kubernetes.io/metadata.name=shop", "team=a"]);
    assert_eq!(labels("implied"), ["kubernetes.io/metadata.name=implied"]);
    assert_eq!(scratch.cluster.namespaces.len(), 2);
}

#[test]
fn bounds_what_hostile_yaml_takes() {
    let deep = format!("apiVersion: v1\nkind: ConfigMap\ndata: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    let nested = format!("{}  annotation: {}{}\n", pod("nested"), "[".repeat(120), "]".repeat(120));
    let mut laughs = "apiVersion: v1\nkind: ConfigMap\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        laughs += &format!("a{level}: &a{level} [{below}]\n");
    }
    let mut scratch = Scratch::new(&[
        ("deep.yaml", &deep),
        ("good.yaml", &pod("a")),
        ("laughs.yaml", &laughs),
        ("nested.yaml", &nested),
    ]);
    let problems = scratch.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("deep.yaml:3: is not YAML: "), "{problems:?}");
    assert!(problems[1].starts_with("laughs.yaml:"), "{problems:?}");
    assert!(
        problems[2].ends_with("metadata.annotation: unknown field; the object is enforced all the same"),
        "{problems:?}"
    );
    assert_eq!(scratch.pods(), ["default/a", "default/nested"]);
}

#[test]
fn reads_a_large_list() {
    // Past the parser's own limit of 250,000 nodes.
    let items: String =
        (0..10_000).map(|number| format!("- {{metadata: {{name: p{number}, labels: {{a: b, c: d, e: f}}}}, spec: {{containers: [{{name: c, image: i, ports: [{{containerPort: 80}}]}}]}}}}\n")).collect();
    let mut scratch = Scratch::new(&[("l.yaml", &format!("apiVersion: v1\nkind: PodList\nitems:\n{items}"))]);
    assert_eq!(scratch.problems(), none());
    assert_eq!(scratch.pods().len(), 10_000);
}
