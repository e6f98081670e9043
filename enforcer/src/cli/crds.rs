//! `enforcer crds`: the definitions of our own kinds.

use clap::Args;

use crate::api::definitions;

/// Print the CustomResourceDefinitions of the enforcer's own kinds, as JSON documents in a list: `enforcer crds | kubectl apply -f -`.
#[derive(Debug, Args)]
pub(super) struct Crds {}

impl Crds {
    pub(super) fn execute(&self) -> anyhow::Result<()> {
        let Self {} = self;
        let items: Vec<_> = definitions().into_iter().map(|definition| definition.object).collect();
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
        println!("{}", serde_json::to_string_pretty(&list)?);
        Ok(())
    }
}
