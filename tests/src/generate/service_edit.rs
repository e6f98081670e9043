//! Changes of Services and of what stands behind them.

use enforcer::{
    model::{ClusterEvent, EndpointSlice, Kind, Node, Object, ObjectName},
    store::Cluster,
};
use proptest::{prelude::*, sample::Index};

use super::{
    choice::pick,
    edit::{delete, put},
    service::{Conditions, DraftService, DraftSlice, conditions, draft_service, draft_slice, node},
};

/// A change. Indices stand for whatever the cluster has when it is applied.
#[derive(Debug, Clone)]
pub enum ServiceEdit {
    /// A Service comes, or replaces the one of its name.
    Put(DraftService),
    /// A Service goes.
    Remove(Index),
    /// A slice comes, or replaces the one of its name.
    PutSlice(DraftSlice),
    /// A slice goes.
    RemoveSlice(Index),
    /// An endpoint of a slice has other conditions.
    Flap(Index, Index, Conditions),
    /// All endpoints of a slice are in the same state.
    FlapAll(Index, Conditions),
    /// A node comes.
    PutNode(Node),
    /// A node goes.
    RemoveNode(Index),
}

pub(super) fn service_edit() -> impl Strategy<Value = ServiceEdit> {
    let index = any::<Index>;
    prop_oneof![
        2 => draft_service().prop_map(ServiceEdit::Put),
        1 => index().prop_map(ServiceEdit::Remove),
        2 => draft_slice().prop_map(ServiceEdit::PutSlice),
        1 => index().prop_map(ServiceEdit::RemoveSlice),
        4 => (index(), index(), conditions())
            .prop_map(|(slice, endpoint, conditions)| ServiceEdit::Flap(slice, endpoint, conditions)),
        2 => (index(), conditions()).prop_map(|(slice, conditions)| ServiceEdit::FlapAll(slice, conditions)),
        1 => node().prop_map(ServiceEdit::PutNode),
        1 => index().prop_map(ServiceEdit::RemoveNode),
    ]
}

impl ServiceEdit {
    /// The event that makes this change; `None` when there is nothing that it could change.
    #[must_use]
    pub fn event(&self, cluster: &Cluster) -> Option<ClusterEvent> {
        match self {
            Self::Put(service) => Some(put(Object::Service(service.resolve(cluster)))),
            Self::Remove(index) => {
                let names: Vec<&ObjectName> = cluster.services.keys().collect();
                Some(delete(Kind::Service, pick(index, &names)?))
            }
            Self::PutSlice(slice) => Some(put(Object::EndpointSlice(slice.resolve(cluster)))),
            Self::RemoveSlice(index) => Some(delete(Kind::EndpointSlice, &any_slice(cluster, index)?.name)),
            Self::Flap(index, endpoint, conditions) => {
                let mut slice = any_slice(cluster, index)?.clone();
                if slice.endpoints.is_empty() {
                    return None;
                }
                let at = endpoint.index(slice.endpoints.len());
                let endpoint = slice.endpoints.get_mut(at)?;
                (endpoint.ready, endpoint.serving, endpoint.terminating) = *conditions;
                Some(put(Object::EndpointSlice(slice)))
            }
            Self::FlapAll(index, conditions) => {
                let mut slice = any_slice(cluster, index)?.clone();
                for endpoint in &mut slice.endpoints {
                    (endpoint.ready, endpoint.serving, endpoint.terminating) = *conditions;
                }
                Some(put(Object::EndpointSlice(slice)))
            }
            Self::PutNode(node) => Some(put(Object::Node(node.clone()))),
            Self::RemoveNode(index) => {
                let names: Vec<&String> = cluster.nodes.keys().collect();
                let name = ObjectName::new("", pick(index, &names)?.as_str());
                Some(delete(Kind::Node, &name))
            }
        }
    }
}

fn any_slice<'a>(cluster: &'a Cluster, index: &Index) -> Option<&'a EndpointSlice> {
    let slices: Vec<&EndpointSlice> = cluster.endpoint_slices.values().collect();
    pick(index, &slices).copied()
}
