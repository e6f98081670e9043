//! `enforcer crds`: the definitions of our own kinds.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::api::{Definition, definitions};

/// Print the CustomResourceDefinitions of the enforcer's own kinds as YAML documents: `enforcer crds | kubectl apply -f -`.
#[derive(Debug, Args)]
pub(super) struct Crds {
    /// Write a file for each into this folder instead.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Crds {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        for Definition { name, object } in definitions() {
            let text = format!(
                "# Made by `enforcer crds` from the types in enforcer/src/api: change them.\n{}",
                serde_saphyr::to_string(&object)?
            );
            match &self.directory {
                Some(folder) => {
                    let path = folder.join(format!("{name}.yaml"));
                    fs::write(&path, text).with_context(|| path.display().to_string())?;
                }
                None => print!("---\n{text}"),
            }
        }
        Ok(())
    }
}
