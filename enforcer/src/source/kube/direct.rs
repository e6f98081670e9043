//! One pod's objects, asked for directly: watches have no order between kinds, so a pod can be known before the policy
//! that was created a second earlier.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    fault::Fault,
    reading::{Reading, Scope},
    request::{Continue, Server},
    resource::{Resource, resource},
    versions::{Version, parse},
    wire::read_page,
};
use crate::model::{Kind, ObjectName};

/// Asks for single objects, beside the watches.
#[derive(Clone)]
pub struct Asker {
    pub(super) server: Arc<Server>,
    pub(super) scope: Arc<Scope>,
}

/// What the server said of a pod: itself, its namespace, and the policies there.
#[derive(Debug)]
pub struct Answer {
    /// The pod and the namespace, as far as they are there.
    pub(super) objects: Vec<(Kind, Reading)>,
    pub(super) namespace: String,
    pub(super) policies: Vec<Reading>,
    /// Up to where the policies are all that there are.
    pub(super) version: Version,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
#[error("the API server on Pod {pod}: {fault}")]
pub struct AskError {
    pod: ObjectName,
    fault: Fault,
}

impl Asker {
    /// Asks for a pod, its namespace and the policies there, all at once. The answers are as new as the server's data.
    ///
    /// # Errors
    /// When one of the answers cannot be had. That there is no such pod is an answer.
    pub async fn ask(&self, pod: ObjectName) -> Result<Answer, AskError> {
        let ObjectName { namespace, name } = &pod;
        // Names of these kinds are of the characters of a DNS name, by the API's own rules; what is none is no path.
        let is_plain =
            |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter));
        let asked = async {
            if !is_plain(namespace) || !is_plain(name) {
                return Err(Fault::Garbled("no name of a pod".to_owned()));
            }
            let (pod_path, namespace_path) = (
                format!("/api/v1/namespaces/{namespace}/pods/{name}"),
                format!("/api/v1/namespaces/{namespace}"),
            );
            tokio::try_join!(
                self.one(Kind::Pod, &pod_path),
                self.one(Kind::Namespace, &namespace_path),
                self.policies(namespace)
            )
        };
        match asked.await {
            Ok((pod, found, (policies, version))) => {
                let objects = pod.map(|pod| (Kind::Pod, pod)).into_iter();
                let objects = objects.chain(found.map(|namespace| (Kind::Namespace, namespace))).collect();
                Ok(Answer { objects, namespace: namespace.clone(), policies, version })
            }
            Err(fault) => Err(AskError { pod, fault }),
        }
    }

    async fn one(&self, kind: Kind, path: &str) -> Result<Option<Reading>, Fault> {
        match self.server.object(path).await {
            Ok(text) => {
                let raw: &RawValue =
                    serde_json::from_slice(&text).map_err(|error| Fault::Garbled(error.to_string()))?;
                self.read(resource(kind), raw).map(Some)
            }
            Err(Fault::Refused { code: 404, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn policies(&self, namespace: &str) -> Result<(Vec<Reading>, Version), Fault> {
        let path = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies");
        let mut found = Vec::new();
        let mut from: Continue = None;
        loop {
            let text = self.server.page(&path, &from).await?;
            let page = read_page(&text)?;
            for raw in page.items.unwrap_or_default() {
                found.push(self.read(resource(Kind::NetworkPolicy), raw)?);
            }
            from = page.metadata.continue_.filter(|token| !token.is_empty());
            if from.is_none() {
                let version = page.metadata.resource_version.as_deref().and_then(parse);
                let version = version
                    .ok_or_else(|| Fault::Garbled("a list without a number as its version".to_owned()))?;
                return Ok((found, version));
            }
        }
    }

    fn read(&self, resource: &Resource, raw: &RawValue) -> Result<Reading, Fault> {
        (resource.read)(raw, &self.scope)
    }
}
