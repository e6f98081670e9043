//! What is told to the API server.

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use super::{fault::Fault, request::Server};

/// Who owns the fields that we write.
const MANAGER: &str = "enforcer";

/// Writes objects.
#[derive(Clone)]
pub struct Poster {
    pub(super) server: Arc<Server>,
}

/// Why something was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The server does not know the kind, or the object's namespace is gone.
    #[error("the server does not know it: {0}")]
    Unknown(String),
    /// The server has read it and does not want it (400, 403, 409, 422).
    #[error("the server refuses it: {0}")]
    Refused(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl Poster {
    /// Makes an object what it is to be, whether it is there or not: server-side apply.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn apply(&self, path: &str, object: &Value) -> Result<(), PostError> {
        let path = format!("{path}?fieldManager={MANAGER}&force=true");
        self.server
            .send(Method::PATCH, &path, "application/apply-patch+yaml", object)
            .await
            .map_err(PostError::from)
    }

    /// Creates an object. One of this name that is there already is as good.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn create(&self, path: &str, object: &Value) -> Result<(), PostError> {
        let path = format!("{path}?fieldManager={MANAGER}");
        match self.server.send(Method::POST, &path, "application/json", object).await {
            Err(Fault::Refused { code: 409, .. }) => Ok(()),
            result => result.map_err(PostError::from),
        }
    }

    /// `metadata.uid` of the object at a path.
    ///
    /// # Errors
    /// When it is not there, or the server does not answer.
    pub async fn uid(&self, path: &str) -> Result<String, PostError> {
        let text = self.server.object(path).await?;
        let object: Value =
            serde_json::from_slice(&text).map_err(|error| PostError::Failed(error.to_string()))?;
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        uid.map(str::to_owned).ok_or_else(|| PostError::Failed(format!("{path} has no uid")))
    }
}

impl From<Fault> for PostError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { code: 404, message } => Self::Unknown(message),
            Fault::Refused { code: 400 | 403 | 409 | 422, message } => Self::Refused(message),
            Fault::Refused { .. }
            | Fault::Gone
            | Fault::NoStream(_)
            | Fault::Throttled { .. }
            | Fault::Connection(_)
            | Fault::Silent(_)
            | Fault::Garbled(_)
            | Fault::Unheard => Self::Failed(fault.to_string()),
        }
    }
}
