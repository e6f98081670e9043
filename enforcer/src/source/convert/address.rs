//! IP addresses and CIDRs.
//!
//! Host bits beyond the prefix and leading zeros (read as decimal) are accepted with a warning. API servers before 1.36 do the
//! same; later ones refuse them when they are new, and keep them where they are stored already (`StrictIPCIDRValidation`).

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

use super::{Fault, Field, Findings};

/// `::ffff:0:0/96`, RFC 4291 section 2.5.5.2.
const IPV4_MAPPED_PREFIX: u8 = 96;

/// Parses a CIDR and clears its host bits.
pub(super) fn convert_cidr(written: &str, field: &Field, findings: &mut Findings) -> Option<IpNet> {
    let Some(net) = parse_cidr(written) else {
        return findings.refuse(field, Fault::Cidr(written.to_owned()));
    };
    if let IpNet::V6(net6) = net
        && net6.prefix_len() >= IPV4_MAPPED_PREFIX
        && net6.addr().to_ipv4_mapped().is_some()
    {
        return findings.refuse(field, Fault::Ipv4Mapped(written.to_owned()));
    }
    let canonical = net.trunc();
    if canonical != net || has_leading_zero(written) {
        let fault = Fault::NotCanonical { written: written.to_owned(), read: canonical.to_string() };
        findings.note(field, fault);
    }
    Some(canonical)
}

/// Parses the addresses of a pod, or the cluster addresses of a Service: at most one of each family.
pub(super) fn convert_addresses<'a>(
    addresses: impl IntoIterator<Item = (Field, &'a str)>,
    findings: &mut Findings,
) -> BTreeSet<IpAddr> {
    let mut converted = BTreeSet::<IpAddr>::new();
    for (field, written) in addresses {
        let Some(address) = convert_address(written, &field, findings) else { continue };
        if converted.iter().any(|other| other.is_ipv4() == address.is_ipv4() && *other != address) {
            findings.note(&field, Fault::SecondOfFamily(address.to_string()));
        }
        converted.insert(address);
    }
    converted
}

/// Parses addresses to which packets of other machines go.
pub(super) fn convert_outer_address(written: &str, field: &Field, findings: &mut Findings) -> Option<IpAddr> {
    let address = convert_address(written, field, findings)?;
    let special = match address {
        IpAddr::V4(v4) => {
            let local_group = Ipv4Addr::new(224, 0, 0, 0)..=Ipv4Addr::new(224, 0, 0, 255);
            v4.is_unspecified() || v4.is_loopback() || v4.is_link_local() || local_group.contains(&v4)
        }
        IpAddr::V6(v6) => {
            // Multicast of the link's scope, RFC 4291 section 2.7.
            let local_group = v6.is_multicast() && v6.octets()[1] & 0xf == 2;
            v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local() || local_group
        }
    };
    if special { findings.refuse(field, Fault::SpecialAddress(address.to_string())) } else { Some(address) }
}

/// Parses one address.
pub(super) fn convert_address(written: &str, field: &Field, findings: &mut Findings) -> Option<IpAddr> {
    match written.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            findings.refuse(field, Fault::Ipv4Mapped(written.to_owned()))
        }
        Ok(address) => Some(address),
        Err(_) => findings.refuse(field, Fault::Address(written.to_owned())),
    }
}

fn parse_cidr(written: &str) -> Option<IpNet> {
    let (address, prefix) = written.split_once('/')?;
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let address = match address.parse::<Ipv6Addr>() {
        Ok(address) => IpAddr::V6(address),
        Err(_) => IpAddr::V4(parse_decimal_ipv4(address)?),
    };
    IpNet::new(address, prefix.parse().ok()?).ok()
}

/// Like the standard parser, but with leading zeros, which it refuses since some read them as octal.
fn parse_decimal_ipv4(text: &str) -> Option<Ipv4Addr> {
    let octets = text
        .split('.')
        .map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u8>().ok()).flatten()
        })
        .collect::<Option<Vec<u8>>>()?;
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}

/// Only IPv4: in IPv6 leading zeros are usual.
fn has_leading_zero(written: &str) -> bool {
    let (address, prefix) = written.split_once('/').unwrap_or((written, "0"));
    let leads = |part: &str| part.len() > 1 && part.starts_with('0');
    leads(prefix) || (!address.contains(':') && address.split('.').any(leads))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> (Option<String>, Vec<String>) {
        let mut findings = Findings::default();
        let net = convert_cidr(written, &Field::root("cidr"), &mut findings);
        (net.map(|net| net.to_string()), findings.iter().map(|finding| finding.fault.to_string()).collect())
    }

    #[test]
    fn reads_canonical_cidrs_silently() {
        for good in ["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0", "fd00::/8", "fd00::1/128"] {
            assert_eq!(read(good), (Some(good.to_owned()), vec![]), "{good}");
        }
        assert_eq!(read("FD00:0:00::/8"), (Some("fd00::/8".to_owned()), vec![]));
    }

    #[test]
    fn canonicalises_with_a_warning() {
        let cases = [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("010.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/08", "10.0.0.0/8"),
            ("10.0.0.0/0008", "10.0.0.0/8"),
            ("fd00::1/8", "fd00::/8"),
        ];
        for (written, canonical) in cases {
            let (net, faults) = read(written);
            assert_eq!(net.as_deref(), Some(canonical));
            assert_eq!(
                faults,
                [format!(
                    "{written:?} has bits set beyond its prefix or leading zeros and is read as {canonical}"
                )]
            );
        }
    }

    #[test]
    fn refuses_what_is_no_cidr() {
        for bad in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.256/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "fd00::/129",
            "/8",
            " 10.0.0.0/8",
            "+1.0.0.0/8",
            "",
            "a",
            "fe80::1%eth0/64",
        ] {
            assert_eq!(
                read(bad),
                (None, vec![format!("{bad:?} must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8")])
            );
        }
        assert_eq!(
            read("::ffff:10.0.0.0/104").1,
            [r#""::ffff:10.0.0.0/104" must not be an IPv4-mapped IPv6 address; write it as IPv4"#]
        );
    }
}
