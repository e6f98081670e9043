//! This node's pods among all of them.

use std::collections::BTreeSet;

use crate::model::{Object, ObjectName};

/// The names of local pods.
#[derive(Debug, Default)]
pub(super) struct Local {
    present: BTreeSet<ObjectName>,
    /// The server has deleted them, but it does so before their processes end when it is forced to: their rules stay until
    /// their interfaces are gone.
    departed: BTreeSet<ObjectName>,
}

impl Local {
    /// A pod is there, new or changed.
    pub(super) fn put(&mut self, object: &Object) {
        let Object::Pod(pod) = object else { return };
        self.departed.remove(&pod.name);
        if pod.is_local {
            self.present.insert(pod.name.clone());
        } else {
            self.present.remove(&pod.name);
        }
    }

    /// A pod is gone. Returns whether it was local, and is to be kept for now.
    pub(super) fn depart(&mut self, name: &ObjectName) -> bool {
        let is_local = self.present.remove(name) || self.departed.contains(name);
        if is_local {
            self.departed.insert(name.clone());
        }
        is_local
    }

    /// These are all pods. Returns those to be kept.
    pub(super) fn reset<'a>(
        &mut self,
        objects: impl Iterator<Item = &'a Object>,
        is_bad: impl Fn(&ObjectName) -> bool,
    ) -> Vec<ObjectName> {
        let old = std::mem::take(self);
        objects.for_each(|object| self.put(object));
        for name in old.present.into_iter().chain(old.departed) {
            if is_bad(&name) {
                self.present.insert(name);
            } else if !self.present.contains(&name) {
                self.departed.insert(name);
            }
        }
        self.departed.iter().cloned().collect()
    }

    /// Forgets those that have departed and are not here any more.
    pub(super) fn release(&mut self, is_here: impl Fn(&ObjectName) -> bool) -> Vec<ObjectName> {
        let (here, gone) = std::mem::take(&mut self.departed).into_iter().partition(|name| is_here(name));
        self.departed = here;
        gone.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Those that the server knows, and those that were.
    pub(super) fn names(&self) -> impl Iterator<Item = &ObjectName> {
        self.present.iter().chain(&self.departed)
    }
}
