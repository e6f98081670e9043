//! CustomResourceDefinitions.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{GROUP, NodeStatus};

/// One kind's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `metadata.name`, like `enforcernodestatuses.enforcer.dev`.
    pub name: String,
    /// The whole object.
    pub object: Value,
}

/// The definitions of all kinds of ours.
#[must_use]
pub fn definitions() -> Vec<Definition> {
    vec![node_status()]
}

fn node_status() -> Definition {
    let plural = "enforcernodestatuses";
    let name = format!("{plural}.{GROUP}");
    let column = |name: &str, kind: &str, path: &str| json!({"name": name, "type": kind, "jsonPath": path});
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": "EnforcerNodeStatus",
                "listKind": "EnforcerNodeStatusList",
                "plural": plural,
                "singular": "enforcernodestatus",
                "shortNames": ["ens"],
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    column("Ready", "boolean", ".status.ready"),
                    column("Pods", "integer", ".status.pods.known"),
                    column("Enforced", "integer", ".status.pods.enforced"),
                    column("Policies", "integer", ".status.policies"),
                    column("Problems", "integer", ".status.problemCount"),
                    column("Version", "string", ".status.version"),
                    column("Observed", "date", ".status.observedAt"),
                ],
                "schema": {"openAPIV3Schema": {
                    "description": "How the enforcer's agent on a node is. The agent writes it; the object is named like its node.",
                    "type": "object",
                    "properties": {"status": schema::<NodeStatus>()},
                }},
            }],
        },
    });
    Definition { name, object }
}

/// A structural schema: whole in itself, without what only JSON Schema knows.
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.remove("$schema");
        root.remove("title");
        // The API server does not know where the types come from.
        root.remove("components");
    }
    plain(&mut schema);
    schema
}

/// Takes out formats that the API server does not know (of Rust's integers), with their bounds, and gives all text one line.
fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_rusts = |format: &Value| format.as_str().is_some_and(|format| format.starts_with("uint"));
            if fields.get("format").is_some_and(is_rusts) {
                fields.insert("format".to_owned(), json!("int64"));
            }
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            fields.values_mut().for_each(plain);
        }
        Value::Array(values) => values.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_structural() {
        for Definition { name, object } in definitions() {
            let text = object.to_string();
            for foreign in ["$ref", "$schema", "definitions", "uint", "anyOf"] {
                assert!(!text.contains(foreign), "{name}: {foreign} in {text}");
            }
            assert_eq!(object.pointer("/metadata/name").and_then(Value::as_str), Some(name.as_str()));
            let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status";
            let kind = object.pointer(&format!("{status}/properties/pods/properties/known/type"));
            assert_eq!(kind.and_then(Value::as_str), Some("integer"), "{text}");
            assert!(object.pointer(&format!("{status}/properties/ready/description")).is_some(), "{text}");
        }
    }
}
