//! Resource versions: what of the objects that were read directly is newer than what the watches have told, and the other
//! way round.
//!
//! A resource version is a decimal number that grows with every write to the server's store, and may be compared as such
//! (Kubernetes API concepts, "Resource versions"; before release 1.35 that was not promised, but so for every server on
//! etcd). A watch tells of its kind in this order. Hence:
//! - what was read directly is news only if it is newer than everything that the kind's watch has told;
//! - what a watch tells afterwards of the same objects is none until it is past what was read.

use std::collections::BTreeMap;

use crate::model::{Kind, ObjectName};

/// A resource version.
pub(super) type Version = u128;

/// Reads one; `None` for an empty one, and for one of a server that counts otherwise.
pub(super) fn parse(text: &str) -> Option<Version> {
    text.parse().ok()
}

/// Which objects of a kind were read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    /// One.
    Object(ObjectName),
    /// All of a namespace.
    Namespace(String),
}

impl Area {
    fn holds(&self, name: &ObjectName) -> bool {
        match self {
            Self::Object(object) => object == name,
            Self::Namespace(namespace) => *namespace == name.namespace,
        }
    }
}

/// How far each kind is.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// What the watches have told up to.
    told: BTreeMap<Kind, Version>,
    /// What was read directly, and is ahead of that.
    read: BTreeMap<(Kind, Area), Version>,
}

impl Versions {
    /// A kind's watch has told everything up to this version.
    pub(super) fn tell(&mut self, kind: Kind, version: &str) {
        let Some(version) = parse(version) else { return };
        let told = self.told.entry(kind).or_default();
        *told = version.max(*told);
        let told = *told;
        self.read.retain(|(read, _), ahead| *read != kind || *ahead > told);
    }

    /// A kind was listed up to this version, whatever was told before: a server that was restored from a copy counts on from
    /// there, and what was told or read of its other future is void.
    pub(super) fn list(&mut self, kind: Kind, version: &str) {
        let Some(version) = parse(version) else {
            self.told.remove(&kind);
            self.read.retain(|(read, _), _| *read != kind);
            return;
        };
        let is_back = self.told.insert(kind, version).is_some_and(|told| version < told);
        self.read.retain(|(read, _), ahead| *read != kind || !is_back && *ahead > version);
    }

    /// Whether versions of a kind can be compared with what its watch has told.
    pub(super) fn is_known(&self, kind: Kind) -> bool {
        self.told.contains_key(&kind)
    }

    /// Whether what a watch tells of an object is not older than what was read of it.
    pub(super) fn is_news(&self, kind: Kind, name: &ObjectName, version: &str) -> bool {
        let ahead = self.ahead(kind, name);
        ahead.is_none_or(|ahead| parse(version).is_none_or(|version| version > ahead))
    }

    /// The version up to which an object was read, where that is ahead of its kind's watch.
    pub(super) fn ahead(&self, kind: Kind, name: &ObjectName) -> Option<Version> {
        let of_it = self.read.iter().filter(|((read, area), _)| *read == kind && area.holds(name));
        of_it.map(|(_, version)| *version).max()
    }

    /// Whether any of a kind's objects was read ahead of its watch.
    pub(super) fn is_any_ahead(&self, kind: Kind) -> bool {
        self.read.keys().any(|(read, _)| *read == kind)
    }

    /// Notes what was read directly. Returns whether that is ahead of the watch: else it tells nothing new.
    pub(super) fn read(&mut self, kind: Kind, area: Area, version: Version) -> bool {
        let is_new = self.told.get(&kind).is_some_and(|told| version > *told);
        let is_newest = self.read.get(&(kind, area.clone())).is_none_or(|read| version > *read);
        if is_new && is_newest {
            self.read.insert((kind, area), version);
        }
        is_new && is_newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_counts_until_the_watch_is_past_it() {
        let mut versions = Versions::default();
        let (cart, mail) = (ObjectName::new("shop", "cart"), ObjectName::new("bank", "mail"));
        let shop = || Area::Namespace("shop".to_owned());
        // Before the first list nothing is known to be older.
        assert!(!versions.read(Kind::NetworkPolicy, shop(), 9));
        versions.tell(Kind::NetworkPolicy, "5");
        assert!(!versions.read(Kind::NetworkPolicy, shop(), 5));
        assert!(versions.read(Kind::NetworkPolicy, shop(), 9));
        assert!(!versions.read(Kind::NetworkPolicy, shop(), 8), "an answer that was overtaken");
        for (name, version, is_news) in
            [(&cart, "7", false), (&cart, "9", false), (&cart, "10", true), (&mail, "7", true)]
        {
            assert_eq!(versions.is_news(Kind::NetworkPolicy, name, version), is_news, "{name} {version}");
        }
        assert!(versions.is_news(Kind::Pod, &cart, "7"), "another kind");
        versions.tell(Kind::NetworkPolicy, "9");
        assert!(versions.is_news(Kind::NetworkPolicy, &cart, "7"), "nothing older comes any more");
    }

    #[test]
    fn a_server_that_was_set_back_is_believed() {
        let mut versions = Versions::default();
        let cart = ObjectName::new("shop", "cart");
        versions.list(Kind::NetworkPolicy, "1000");
        assert!(versions.read(Kind::NetworkPolicy, Area::Namespace("shop".to_owned()), 1010));
        // A list that was made before what was read leaves that in force, ...
        versions.list(Kind::NetworkPolicy, "1005");
        assert_eq!(versions.ahead(Kind::NetworkPolicy, &cart), Some(1010));
        // ... and one of an earlier time does not.
        versions.list(Kind::NetworkPolicy, "501");
        assert_eq!(versions.ahead(Kind::NetworkPolicy, &cart), None);
        assert!(versions.is_news(Kind::NetworkPolicy, &cart, "502"));
        assert!(versions.read(Kind::NetworkPolicy, Area::Namespace("shop".to_owned()), 503));
    }

    #[test]
    fn versions_that_are_no_numbers_are_not_compared() {
        let mut versions = Versions::default();
        versions.tell(Kind::Pod, "abc");
        assert!(!versions.read(Kind::Pod, Area::Object(ObjectName::new("a", "b")), 7));
        assert!(versions.is_news(Kind::Pod, &ObjectName::new("a", "b"), "abc"));
        assert_eq!((parse(""), parse("18446744073709551616")), (None, Some(1 << 64)));
    }
}
