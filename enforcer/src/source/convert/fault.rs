//! What can be wrong with a field.

use thiserror::Error;

use super::name::broken_port_name_rules;
use crate::source::Severity;

/// What is wrong with a field; the [`Field`](super::Field) beside it says which.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The value has a type that the field cannot have.
    #[error("{0}")]
    Type(String),
    /// The API has no such field. Refused in a policy, where a typo changes what is allowed.
    #[error("unknown field")]
    UnknownField(Severity),
    /// The API needs a value here.
    #[error("is required")]
    Missing,
    /// None of the values that the API knows.
    #[error("{value:?} is none of {allowed}")]
    Unsupported {
        /// What is written.
        value: String,
        /// What could be.
        allowed: &'static str,
    },
    /// Not a name of one DNS label (RFC 1123).
    #[error("{0:?} is not a DNS label: at most 63 of a-z, 0-9 and '-', with a letter or digit at either end")]
    DnsLabel(String),
    /// Not a name of DNS labels joined by dots (RFC 1123).
    #[error("{0:?} is not a DNS subdomain: at most 253 characters, labels of a-z, 0-9 and '-' joined by '.'")]
    DnsSubdomain(String),
    /// Not a label key.
    #[error(
        "{0:?} is not a label key: an optional DNS subdomain and '/', then at most 63 letters, digits, '-', '_' and '.', with a letter or digit at either end"
    )]
    LabelKey(String),
    /// Not a label value.
    #[error(
        "{0:?} is not a label value: empty, or at most 63 letters, digits, '-', '_' and '.', with a letter or digit at either end"
    )]
    LabelValue(String),
    /// Not a port name (RFC 6335): each rule that it breaks is named.
    #[error("{0:?} {rules}", rules = broken_port_name_rules(.0).join(", "))]
    PortName(String),
    /// `In` and `NotIn` need values.
    #[error("must be specified when `operator` is 'In' or 'NotIn'")]
    ValuesMissing,
    /// `Exists` and `DoesNotExist` must not have values.
    #[error("may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    ValuesPresent,
    /// None of the operators, or none at all.
    #[error("{0:?} is not a valid selector operator: In, NotIn, Exists, DoesNotExist")]
    Operator(String),
    /// A peer without any of its three fields.
    #[error("must specify a peer: podSelector, namespaceSelector or ipBlock")]
    PeerEmpty,
    /// `ipBlock` beside a selector.
    #[error("may not specify both ipBlock and another peer")]
    PeerMixed,
    /// Not a block of addresses.
    #[error("{0:?} must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8")]
    Cidr(String),
    /// Not an address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// `::ffff:0:0/96` stands for IPv4 in sockets and never crosses a wire: it would match nothing.
    #[error("{0:?} must not be an IPv4-mapped IPv6 address; write it as IPv4")]
    Ipv4Mapped(String),
    /// Accepted by API servers before 1.36, and by later ones where it was stored before; surely misread by somebody.
    #[error("{written:?} has bits set beyond its prefix or leading zeros and is read as {read}")]
    NotCanonical {
        /// What is written.
        written: String,
        /// What it is taken for.
        read: String,
    },
    /// `except` must cut a part out.
    #[error("{except} must be a strict subset of `cidr`, {cidr}")]
    ExceptOutside {
        /// The exception.
        except: String,
        /// The block.
        cidr: String,
    },
    /// Two addresses of one family.
    #[error("{0} is a second one: may specify no more than one IP for each IP family")]
    SecondOfFamily(String),
    /// An address of the other family than the slice's.
    #[error("{address} is not of the address type {wanted}")]
    OtherFamily {
        /// The address.
        address: String,
        /// `addressType`
        wanted: &'static str,
    },
    /// An address that no packet of another machine can have.
    #[error("{0} is an unspecified, loopback, link-local or multicast address")]
    SpecialAddress(String),
    /// A list that is too long.
    #[error("has {count} entries; the API takes {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there can be.
        limit: usize,
    },
    /// A field that this type of Service cannot have.
    #[error("must not be set where the type is {0}")]
    NotOfType(&'static str),
    /// `clusterIP: None` where packets need an address to go to.
    #[error("must not be None where the type is {0}")]
    HeadlessOfType(&'static str),
    /// `clusterIP` and `clusterIPs` that contradict each other.
    #[error("must be the same as clusterIP, {0:?}")]
    NotTheFirst(String),
    /// `ipMode` of nothing.
    #[error("needs an ip beside it")]
    ModeAlone,
    /// `None` beside an address.
    #[error("must not have an entry beside \"None\"")]
    NoneBeside,
    /// Not a port number.
    #[error("{0} must be between 1 and 65535, inclusive")]
    PortNumber(i64),
    /// `endPort` below `port`.
    #[error("{end} must be greater than or equal to `port`, {port}")]
    EndPortBelow {
        /// `endPort`
        end: i32,
        /// `port`
        port: i32,
    },
    /// `endPort` without a port to start from.
    #[error("may not be specified when `port` is not specified")]
    EndPortWithoutPort,
    /// `endPort` beside a name, whose number is another one on each pod.
    #[error("may not be specified when `port` is non-numeric")]
    EndPortOfName,
    /// Something that there can be once only: the name of a container's port, a port of a Service.
    #[error("duplicate value {0:?}")]
    Duplicate(String),
    /// More entries than there are types.
    #[error("may not specify more than two policyTypes")]
    PolicyTypesTooMany,
    /// All keys and values together.
    #[error("must have at most {limit} bytes, but has {size}")]
    AnnotationsTooLong {
        /// What there is.
        size: usize,
        /// What there can be.
        limit: usize,
    },
    /// Events own nothing.
    #[error("{0} is disallowed from being an owner")]
    Owner(String),
    /// Of several owners one can be the controller.
    #[error("only one reference can have `controller` set to true")]
    Controllers,
    /// Finalizers that contradict each other.
    #[error("finalizer {0} and {1} cannot be both set")]
    Finalizers(&'static str, &'static str),
    /// A count below zero.
    #[error("{0} is negative")]
    Negative(i32),
    /// Ours: an object must not take all memory.
    #[error("{count} pods are more than the {limit} that one manifest may stand for")]
    TooManyPods {
        /// What is asked for.
        count: i32,
        /// What there can be.
        limit: i32,
    },
}

impl Fault {
    /// Whether the object is refused for it.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if let Self::UnknownField(severity) = self {
            *severity
        } else if matches!(self, Self::NotCanonical { .. }) {
            Severity::Warning
        } else {
            Severity::Error
        }
    }
}
