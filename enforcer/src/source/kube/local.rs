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
        let mut missing: BTreeSet<ObjectName> = old.present.into_iter().chain(old.departed).collect();
        for object in objects {
            // One of the name may be another node's by now.
            missing.remove(&object.key().name);
            self.put(object);
        }
        let (bad, departed) = missing.into_iter().partition(|name| is_bad(name));
        self.present.extend::<BTreeSet<ObjectName>>(bad);
        self.departed = departed;
        self.departed.iter().cloned().collect()
    }

    /// Forgets those that have departed and are not here any more.
    pub(super) fn release(&mut self, is_here: impl Fn(&ObjectName) -> bool) -> BTreeSet<ObjectName> {
        let (here, gone) = std::mem::take(&mut self.departed).into_iter().partition(|name| is_here(name));
        self.departed = here;
        gone
    }

    /// Those that the server knows, and those that were.
    pub(super) fn names(&self) -> impl Iterator<Item = &ObjectName> {
        self.present.iter().chain(&self.departed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pod;

    fn pod(name: &str, is_local: bool) -> Object {
        Object::Pod(Pod { name: ObjectName::new("shop", name), is_local, ..Pod::default() })
    }

    #[test]
    fn a_pod_that_a_list_shows_on_another_node_has_not_departed() {
        let mut local = Local::default();
        for name in ["moved", "gone", "bad"] {
            local.put(&pod(name, true));
        }
        let is_bad = |name: &ObjectName| name.name == "bad";
        let kept = local.reset([pod("moved", false), pod("other", false)].iter(), is_bad);
        assert_eq!(kept, [ObjectName::new("shop", "gone")]);
        // Nobody's interface is here: only what the server has deleted goes.
        assert_eq!(local.release(|_| false), kept.into_iter().collect());
        assert_eq!(local.names().map(|name| name.name.as_str()).collect::<Vec<_>>(), ["bad"]);
    }
}
