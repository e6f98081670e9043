//! The syntax of names, as the API server checks it: object names (RFC 1123), label keys and values
//! ("Labels and Selectors" of the Kubernetes documentation), port names (RFC 6335).

const DNS_LABEL_MAX: usize = 63;
const DNS_SUBDOMAIN_MAX: usize = 253;
const LABEL_PART_MAX: usize = 63;
const PORT_NAME_MAX: usize = 15;

/// Whether it is one label of a DNS name.
pub(crate) fn is_dns_label(text: &str) -> bool {
    text.len() <= DNS_LABEL_MAX && is_lower_label(text)
}

/// Whether it is a DNS name. (Here a single label may be longer than 63, as the API server has it.)
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= DNS_SUBDOMAIN_MAX && text.split('.').all(is_lower_label)
}

/// Whether it is a label key: `[prefix/]name`.
pub(crate) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_part(name),
        None => is_label_part(text),
    }
}

/// Whether it is a label value.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_part(text)
}

/// Whether it is a port name.
pub(crate) fn is_port_name(text: &str) -> bool {
    broken_port_name_rules(text).is_empty()
}

/// The rules for port names that this is not in keeping with, in the API server's words.
pub(super) fn broken_port_name_rules(text: &str) -> Vec<&'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let rules = [
        (text.len() <= PORT_NAME_MAX, "must be no more than 15 characters"),
        (
            !text.is_empty() && text.bytes().all(plain),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (text.bytes().any(|byte| byte.is_ascii_lowercase()), "must contain at least one letter (a-z)"),
        (!text.contains("--"), "must not contain consecutive hyphens"),
        (!text.starts_with('-') && !text.ends_with('-'), "must not begin or end with a hyphen"),
    ];
    rules.into_iter().filter(|(kept, _)| !kept).map(|(_, rule)| rule).collect()
}

fn is_lower_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    has_plain_ends(text, plain) && text.bytes().all(|byte| plain(byte) || byte == b'-')
}

fn is_label_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.len() <= LABEL_PART_MAX
        && has_plain_ends(text, plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

fn has_plain_ends(text: &str, plain: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    // With one character the first is the last.
    let last = bytes.next_back().or(first);
    first.is_some_and(&plain) && last.is_some_and(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses_names() {
        let long = |length: usize| "a".repeat(length);
        for good in ["a", "0", "a-b", "a0", &long(63)] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "-", "-a", "a-", "A", "a.b", "a_b", "ä", &long(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
        for good in ["a", "a.b", "1.2", &long(253)] {
            assert!(is_dns_subdomain(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a.-b", &long(254)] {
            assert!(!is_dns_subdomain(bad), "{bad}");
        }
    }

    #[test]
    fn accepts_and_refuses_labels() {
        let long = |length: usize| "a".repeat(length);
        for good in ["a", "A", "a_B.c-0", "k8s.io/a", &long(63), &format!("{}/a", long(253))] {
            assert!(is_label_key(good), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a/b/c", "K8s/a", "a ", "-a", "a_", &long(64)] {
            assert!(!is_label_key(bad), "{bad}");
        }
        for good in ["", "A", "a_B.c-0", &long(63)] {
            assert!(is_label_value(good), "{good}");
        }
        for bad in ["-", "a-", "a/b", "a b", "ä", &long(64)] {
            assert!(!is_label_value(bad), "{bad}");
        }
    }

    #[test]
    fn accepts_and_refuses_port_names() {
        for good in ["http", "a", "8a", "a-8-b", "abcdefghijklmno"] {
            assert!(is_port_name(good), "{good}");
        }
        const LONG: &str = "must be no more than 15 characters";
        const PLAIN: &str = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        const LETTER: &str = "must contain at least one letter (a-z)";
        const TWO: &str = "must not contain consecutive hyphens";
        const EDGE: &str = "must not begin or end with a hyphen";
        let cases: [(&str, &[&str]); 9] = [
            ("", &[PLAIN, LETTER]),
            ("80", &[LETTER]),
            ("a--b", &[TWO]),
            ("-a", &[EDGE]),
            ("a-", &[EDGE]),
            ("A", &[PLAIN, LETTER]),
            ("a_b", &[PLAIN]),
            ("abcdefghijklmnop", &[LONG]),
            ("--", &[LETTER, TWO, EDGE]),
        ];
        for (bad, rules) in cases {
            assert!(!is_port_name(bad), "{bad}");
            assert_eq!(broken_port_name_rules(bad), rules, "{bad}");
        }
    }
}
