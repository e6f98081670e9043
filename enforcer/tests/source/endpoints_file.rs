//! The file that says which interface is which pod's. Every namespace has `lo`, with index 1.

use std::{fs, path::PathBuf};

use enforcer::{
    model::{Endpoint, ObjectName},
    source::endpoints::{Endpoints, EndpointsReading},
};
use tempfile::TempDir;

struct File {
    _dir: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.yaml");
        fs::write(&path, text).unwrap();
        Self { _dir: dir, path }
    }

    fn read(&self) -> Result<EndpointsReading, String> {
        Endpoints::File(self.path.clone()).read().map_err(|error| self.shorten(&error.to_string()))
    }

    fn problems(&self) -> Vec<String> {
        self.read().unwrap().problems.iter().map(|problem| self.shorten(&problem.to_string())).collect()
    }

    fn shorten(&self, text: &str) -> String {
        text.replace(&self.path.display().to_string(), "e.yaml")
    }
}

fn cart() -> Endpoint {
    Endpoint {
        pod: ObjectName::new("shop", "cart-0"),
        interface_index: 1,
        interface: "lo".to_owned(),
        addresses: ["10.96.0.5".parse().unwrap(), "fd00::5".parse().unwrap()].into(),
        ..Endpoint::default()
    }
}

#[test]
fn reads_entries() {
    let file = File::new(
        "endpoints:\n- pod: shop/cart-0 # comment\n  interface: lo\n  addresses: [10.96.0.5, \"fd00::5\"]\n",
    );
    assert_eq!(file.read(), Ok(EndpointsReading { endpoints: vec![cart()], problems: vec![] }));
    for empty in ["", "endpoints:\n", "endpoints: []\n"] {
        assert_eq!(File::new(empty).read(), Ok(EndpointsReading::default()));
    }
}

#[test]
fn reads_what_else_a_pod_may_use() {
    let file = File::new(
        "endpoints:
- pod: shop/cart-0
  interface: lo
  addresses: [10.96.0.5, 'fd00::5']
  prefixes: ['fd00:5::1/64', 10.97.0.0/24]
  anySource: true
  dhcp: true
",
    );
    let prefixes = ["fd00:5::/64", "10.97.0.0/24"].map(|net| net.parse().unwrap()).into();
    let wanted = Endpoint { prefixes, any_source: true, dhcp: true, ..cart() };
    assert_eq!(file.read(), Ok(EndpointsReading { endpoints: vec![wanted], problems: vec![] }));
}

#[test]
fn an_address_has_one_owner() {
    let file = File::new(
        "endpoints:
- {pod: shop/cart-0, interface: lo, addresses: [10.96.0.5, 'fd00::5'], prefixes: ['fd00:5::/64']}
- {pod: shop/web-0, interface: lo, addresses: ['fd00:5::7'], prefixes: ['fd00::/16', '10.96.0.0/24', 'nonsense', '::ffff:10.0.0.0/104']}
- {pod: shop/web-1, interface: lo, addresses: ['fd00:5::7'], prefixes: ['fd00::/16', '10.96.0.0/24']}
",
    );
    let problems = file.problems();
    let wanted = [
        "endpoints[1].prefixes[2]: \"nonsense\" is not a CIDR",
        "endpoints[1].prefixes[3]: ::ffff:10.0.0.0/104 is an IPv4-mapped IPv6 prefix; write it as IPv4",
        "endpoints[2].prefixes: prefix fd00::/16 overlaps fd00:5::/64 of pod shop/cart-0 (endpoints[0])",
        "endpoints[2].prefixes: prefix 10.96.0.0/24 holds 10.96.0.5 of pod shop/cart-0 (endpoints[0])",
        "endpoints[2].addresses: address fd00:5::7 lies in fd00:5::/64 of pod shop/cart-0 (endpoints[0])",
    ];
    for line in wanted {
        assert!(problems.iter().any(|problem| problem.contains(line)), "{line}: {problems:#?}");
    }
}

#[test]
fn names_bad_entries_and_keeps_the_others() {
    let file = File::new(
        "endpoints:
- {pod: shop/cart-0, interface: lo, addresses: [10.96.0.5, 'fd00::5']}
- {pod: shop/cart-0, interface: lo, addresses: [10.96.0.5]}
- pod: shop/web-0
  interface: nosuch0
  addresses: [10.96.0.6]
- pod: web
  interface: lo
  addresses: [10.96.0.300, '::ffff:10.0.0.1']
- pod: shop/typo-0
  interfaces: lo
  addresses: []
- {pod: shop/type-0, interface: lo, addresses: 10.0.0.1}
",
    );
    assert_eq!(file.read().unwrap().endpoints, [cart()]);
    let nothing = "; nothing of it is enforced";
    assert_eq!(
        file.problems(),
        [
            "e.yaml:3: Pod shop/cart-0: endpoints[1].pod: pod shop/cart-0 has the entry endpoints[0] already",
            "e.yaml:3: Pod shop/cart-0: endpoints[1].interface: interface \"lo\" is that of pod shop/cart-0 already (endpoints[0])",
            "e.yaml:3: Pod shop/cart-0: endpoints[1].addresses: address 10.96.0.5 is that of pod shop/cart-0 already (endpoints[0])",
            "e.yaml:5: Pod shop/web-0: endpoints[2].interface: there is no interface \"nosuch0\" in this network namespace: ENODEV: No such device",
            "e.yaml:7: Pod web: endpoints[3].pod: \"web\" is not a pod's namespace/name",
            "e.yaml:9: Pod web: endpoints[3].addresses[0]: \"10.96.0.300\" is not an IP address",
            "e.yaml:9: Pod web: endpoints[3].addresses[1]: ::ffff:10.0.0.1 is an IPv4-mapped IPv6 address; write it as IPv4",
            "e.yaml:11: Pod shop/typo-0: endpoints[4].interfaces: unknown field",
            "e.yaml:10: Pod shop/typo-0: endpoints[4]: missing field `interface`",
            "e.yaml:13: Pod shop/type-0: endpoints[5].addresses: invalid type: string \"10.0.0.1\", expected a sequence",
        ]
        .map(|problem| format!("{problem}{nothing}"))
    );
}

#[test]
fn says_when_the_file_as_a_whole_is_bad() {
    let cases = [
        ("a: [", "e.yaml:1: is not YAML: "),
        ("endpoint: []", "e.yaml:1: endpoint: unknown field"),
        ("endpoints: {}", "e.yaml:1: endpoints: is not a list"),
        ("\n- a", "e.yaml:2: is not a mapping with the field endpoints"),
        ("kind: Pod\nmetadata: {name: a}", "e.yaml:1: is a Kubernetes manifest, no list of endpoints"),
    ];
    let form =
        "; the form is `endpoints: [{pod: NAMESPACE/NAME, interface: HOST-SIDE, addresses: [ADDRESS]}]`";
    for (text, start) in cases {
        let error = File::new(text).read().unwrap_err();
        assert!(error.starts_with(start), "{error}");
        assert!(error.ends_with(form) || error.contains("is not YAML"), "{error}");
    }
    let file = File::new("");
    fs::remove_file(&file.path).unwrap();
    assert_eq!(file.read().unwrap_err(), "e.yaml: cannot be read: No such file or directory (os error 2)");
}
