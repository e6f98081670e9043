//! The objects that something which does not fit comes from.

use std::{collections::BTreeSet, fmt};

use super::MapImage;
use crate::model::ObjectName;

/// Objects by kind. Shown as `NetworkPolicy ns/name, Service ns/name, Pod ns/name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspects {
    /// Policies.
    pub policies: BTreeSet<ObjectName>,
    /// Services.
    pub services: BTreeSet<ObjectName>,
    /// Local pods.
    pub pods: BTreeSet<ObjectName>,
}

impl Suspects {
    /// The policies that are not in the previous image as they are now and the new Services, or the new pods.
    pub(super) fn newcomers(previous: &MapImage, image: &MapImage) -> Self {
        let old = previous.policies();
        let mut new = Self {
            policies: image.policies().difference(&old).map(|side| side.policy.clone()).collect(),
            services: image.services.difference(&previous.services).cloned().collect(),
            pods: BTreeSet::new(),
        };
        if new == Self::default() {
            let pods =
                image.endpoints.iter().filter(|(interface, _)| !previous.endpoints.contains_key(interface));
            new.pods = pods.map(|(_, endpoint)| endpoint.pod.clone()).collect();
        }
        new
    }
}

impl fmt::Display for Suspects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("NetworkPolicy", &self.policies), ("Service", &self.services), ("Pod", &self.pods)];
        let mut names =
            kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)));
        let Some((kind, name)) = names.next() else { return f.write_str("pods of other nodes") };
        write!(f, "{kind} {name}")?;
        names.try_for_each(|(kind, name)| write!(f, ", {kind} {name}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        compile::{PolicySide, RuleSet},
        model::Identity,
        plan::EndpointImage,
    };

    #[test]
    fn it_was_new_policies_and_services_or_else_new_pods() {
        let newcomers = |old: &MapImage, new: &MapImage| Suspects::newcomers(old, new).to_string();
        let with = |pods: &[(u32, &str)]| {
            let image = |(interface, pod): &(u32, &str)| {
                (
                    *interface,
                    EndpointImage { pod: ObjectName::new("shop", *pod), identity: Identity::Name, slot: 0 },
                )
            };
            MapImage { endpoints: pods.iter().map(image).collect(), ..MapImage::default() }
        };
        let (old, new) = (with(&[(1, "web")]), with(&[(1, "web"), (2, "db-0"), (3, "db-1")]));
        assert_eq!(newcomers(&old, &new), "Pod shop/db-0, Pod shop/db-1");
        assert_eq!(newcomers(&new, &old), "pods of other nodes");
        let services = |image: &MapImage| {
            let services = ["web", "db"].map(|name| ObjectName::new("shop", name)).into();
            MapImage { services, ..image.clone() }
        };
        assert_eq!(newcomers(&old, &services(&new)), "Service shop/db, Service shop/web");
        assert_eq!(newcomers(&services(&old), &services(&new)), "Pod shop/db-0, Pod shop/db-1");
        let policies = |image: &MapImage, names: &[&str]| {
            let side = |name: &&str| {
                Arc::new(PolicySide { policy: ObjectName::new("shop", *name), rules: Vec::new() })
            };
            let sides: Vec<_> = names.iter().map(side).collect();
            let rules = RuleSet { ingress: sides.clone(), egress: sides, ..RuleSet::default() };
            MapImage { rule_sets: [(1, rules)].into(), ..image.clone() }
        };
        let both = newcomers(&policies(&old, &["a"]), &policies(&services(&new), &["a", "b"]));
        assert_eq!(both, "NetworkPolicy shop/b, Service shop/db, Service shop/web");
    }
}
