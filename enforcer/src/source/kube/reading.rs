//! An object of the API server, cut down to what is used of it before anybody keeps it.

use k8s_openapi::{Metadata, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use super::{fault::Fault, wire::read_meta};
use crate::{
    model::{Object, ObjectName},
    source::{Severity, convert::Findings, manifest::decode_typed},
};

/// What is left of an object.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) name: ObjectName,
    /// `metadata.resourceVersion`
    pub(super) version: String,
    pub(super) content: Content,
    pub(super) findings: Findings,
}

/// What an object says.
#[derive(Debug)]
pub(super) enum Content {
    /// It counts.
    Good(Object),
    /// It changes nothing on this node: as if it were not there.
    Idle,
    /// It is refused; the findings say why.
    Bad,
}

/// What a list has found so far. Nothing but the objects themselves is kept of what is good, in one piece of memory that is
/// given back: a cluster's pods are listed while they are still known from the last time.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) objects: Vec<Object>,
    /// Those with something wrong; of the good ones of these the objects are above.
    pub(super) found: Vec<Found>,
}

/// An object with something wrong.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: ObjectName,
    /// It is refused.
    pub(super) is_bad: bool,
    pub(super) findings: Findings,
}

impl Listed {
    /// Adds an object.
    pub(super) fn add(&mut self, reading: Reading) {
        let Reading { name, content, findings, .. } = reading;
        let is_bad = matches!(content, Content::Bad);
        if let Content::Good(object) = content {
            self.objects.push(object);
        }
        if is_bad || findings.iter().next().is_some() {
            self.found.push(Found { name, is_bad, findings });
        }
    }

    /// Takes one out again that is gone before the list is complete.
    pub(super) fn remove(&mut self, name: &ObjectName) {
        self.objects.retain(|object| object.key().name != *name);
        self.found.retain(|found| found.name != *name);
    }
}

/// What of the cluster this node needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// This node's name.
    pub(super) node: String,
}

/// Reads an object: the typed form, then ours; the typed form is dropped at once.
///
/// # Errors
/// When it is no object at all, without a name.
pub(super) fn read<K>(
    raw: &RawValue,
    decode: impl FnOnce(&RawValue, &mut Findings) -> Option<K>,
    convert: impl FnOnce(&K, &mut Findings) -> Option<Content>,
) -> Result<Reading, Fault>
where
    K: Metadata<Ty = ObjectMeta>,
{
    let mut findings = Findings::default();
    let Some(mut typed) = decode(raw, &mut findings) else {
        let meta = read_meta(raw)?;
        return Reading::new(meta.name, meta.namespace, meta.resource_version, Content::Bad, findings);
    };
    let content = convert(&typed, &mut findings).unwrap_or(Content::Bad);
    let meta = std::mem::take(typed.metadata_mut());
    Reading::new(meta.name, meta.namespace, meta.resource_version, content, findings)
}

impl Reading {
    fn new(
        name: Option<String>,
        namespace: Option<String>,
        version: Option<String>,
        content: Content,
        findings: Findings,
    ) -> Result<Self, Fault> {
        let name = ObjectName::new(
            namespace.unwrap_or_default(),
            name.ok_or_else(|| Fault::Garbled("an object without a name".to_owned()))?,
        );
        Ok(Self { name, version: version.unwrap_or_default(), content, findings })
    }
}

/// Decodes straight from the text. A server may be newer than we are, so unknown fields are passed over.
pub(super) fn decode<K: DeserializeOwned>(raw: &RawValue, findings: &mut Findings) -> Option<K> {
    // The fast way has no names of fields in its errors.
    serde_json::from_str(raw.get()).ok().or_else(|| decode_strictly(raw, findings))
}

/// Decodes with a warning for each unknown field: where one is passed over, an object may mean something else.
pub(super) fn decode_strictly<K: DeserializeOwned>(raw: &RawValue, findings: &mut Findings) -> Option<K> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    decode_typed(value, Severity::Warning, findings)
}
