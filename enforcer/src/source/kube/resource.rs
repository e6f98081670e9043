//! The kinds that are watched, each with its URL path and how it is cut down. Another kind is one more entry.

use k8s_openapi::api::{core::v1 as core, discovery::v1 as discovery, networking::v1 as networking};
use serde_json::value::RawValue;

use super::{
    fault::Fault,
    reading::{Content, Reading, Scope, decode, decode_strictly, read},
};
use crate::{
    model::{Kind, Object, Pod, PodState},
    source::convert::{
        convert_endpoint_slice, convert_namespace, convert_node, convert_pod, convert_policy, convert_service,
    },
};

/// A kind of the API server.
pub(super) struct Resource {
    pub(super) kind: Kind,
    /// The list of all namespaces' objects.
    pub(super) path: &'static str,
    /// Reads one object.
    pub(super) read: fn(&RawValue, &Scope) -> Result<Reading, Fault>,
}

/// The entry of a kind.
pub(super) fn resource(kind: Kind) -> &'static Resource {
    let [first, others @ ..] = &RESOURCES;
    others.iter().find(|resource| resource.kind == kind).unwrap_or(first)
}

/// All of them.
pub(super) static RESOURCES: [Resource; 6] = [
    Resource {
        kind: Kind::Namespace,
        path: "/api/v1/namespaces",
        read: |raw, _| {
            read(raw, decode::<core::Namespace>, |namespace, findings| {
                convert_namespace(namespace, findings).map(Object::Namespace).map(Content::Good)
            })
        },
    },
    Resource {
        kind: Kind::Node,
        path: "/api/v1/nodes",
        read: |raw, _| {
            read(raw, decode::<core::Node>, |node, findings| {
                convert_node(node, findings).map(Object::Node).map(Content::Good)
            })
        },
    },
    Resource {
        kind: Kind::NetworkPolicy,
        path: "/apis/networking.k8s.io/v1/networkpolicies",
        read: |raw, _| {
            // A field of a later version of the API might be what keeps a peer out.
            read(raw, decode_strictly::<networking::NetworkPolicy>, |policy, findings| {
                convert_policy(policy, findings).map(Object::Policy).map(Content::Good)
            })
        },
    },
    Resource {
        kind: Kind::Pod,
        path: "/api/v1/pods",
        read: |raw, scope| {
            read(raw, decode::<core::Pod>, |pod, findings| {
                let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
                let is_local = node == Some(&scope.node);
                convert_pod(pod, findings).map(|pod| cut_down(pod, is_local))
            })
        },
    },
    Resource {
        kind: Kind::Service,
        path: "/api/v1/services",
        read: |raw, _| {
            read(raw, decode::<core::Service>, |service, findings| {
                convert_service(service, findings).map(Object::Service).map(Content::Good)
            })
        },
    },
    Resource {
        kind: Kind::EndpointSlice,
        path: "/apis/discovery.k8s.io/v1/endpointslices",
        read: |raw, _| {
            read(raw, decode::<discovery::EndpointSlice>, |slice, findings| {
                convert_endpoint_slice(slice, findings).map(Object::EndpointSlice).map(Content::Good)
            })
        },
    },
];

/// A finished pod owns no address, so that of other nodes none is needed. A local one may still have its interface,
/// which goes on having its rules.
fn cut_down(mut pod: Pod, is_local: bool) -> Content {
    pod.is_local = is_local;
    if pod.state == PodState::Finished && !is_local {
        return Content::Idle;
    }
    // A policy names a port or numbers it, and a number needs no pod.
    pod.ports.retain(|port| port.name.is_some());
    pod.ports.shrink_to_fit();
    Content::Good(Object::Pod(pod))
}
