//! Aliases of Services.

use std::net::IpAddr;

use enforcer::{
    model::ObjectName,
    source::{ServiceAlias, collect_aliases},
};

#[test]
fn reads_aliases() {
    let read = |text: &str| text.parse::<ServiceAlias>().map_err(|error| error.to_string());
    let alias = read("169.254.20.10=kube-system/kube-dns").unwrap();
    assert_eq!(alias.address, IpAddr::from([169, 254, 20, 10]));
    assert_eq!(alias.service, ObjectName::new("kube-system", "kube-dns"));
    assert!(read("fd00::10=a/b").is_ok());
    for (text, message) in [
        ("10.0.0.1", "is not of the form ADDRESS=NAMESPACE/NAME"),
        ("10.0.0=a/b", "\"10.0.0\" is not an IP address"),
        ("10.0.0.1=kube-dns", "\"kube-dns\" is not NAMESPACE/NAME"),
        ("10.0.0.1=a/B", "\"a/B\" is not NAMESPACE/NAME"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn one_address_stands_for_one_service() {
    let alias = |text: &str| text.parse::<ServiceAlias>().unwrap();
    let twice = collect_aliases([alias("10.0.0.1=a/b"), alias("10.0.0.1=a/c")]);
    assert_eq!(twice.unwrap_err().to_string(), "10.0.0.1 is given for Service a/b and for Service a/c");
    assert_eq!(collect_aliases([alias("10.0.0.1=a/b"), alias("10.0.0.1=a/b")]).unwrap().len(), 1);
}
