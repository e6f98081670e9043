//! `cargo xtask image`: the container image, as an archive that container runtimes import. No daemon and no registry are asked.
//!
//! The image has the agent's programs, linked statically, and nothing else. `deploy/Dockerfile` makes the same of the same programs.

mod archive;
mod programs;
mod reference;

use crate::{setup, workspace};
use anyhow::{Context as _, Result, bail};
use archive::{Image, Program};
use reference::Reference;
use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// What one image is to be.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the archive there. Default: `enforcer.tar` in cargo's target folder
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The image's name, as pods name it. A name without a registry's is Docker Hub's, as everywhere
    #[arg(long, value_name = "NAME", default_value_t = own_reference())]
    tag: Reference,
    /// Write the programs to a folder instead: for other ways to make an image
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "tag"])]
    programs: Option<PathBuf>,
}

/// What the chart asks for.
fn own_reference() -> Reference {
    Reference::local("enforcer", env!("CARGO_PKG_VERSION"))
}

/// Builds the programs, and writes the image.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run(setup::Purpose::Compile)?;
    let programs = programs::build()?;
    if let Some(folder) = &arguments.programs {
        return copy(&programs, folder);
    }
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => workspace::target_dir()?.join("enforcer.tar"),
    };
    let read = |(name, path): (&String, &PathBuf)| {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Program { name: name.clone(), content })
    };
    let image = Image {
        name: &arguments.tag,
        architecture: architecture()?,
        version: env!("CARGO_PKG_VERSION"),
        entrypoint: programs::AGENT,
        programs: programs.iter().map(read).collect::<Result<_>>()?,
    };
    let archive = image.archive()?;
    fs::write(&output, &archive.bytes).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{} ({} MiB)", output.display(), archive.bytes.len() >> 20);
    println!("  name    {}", arguments.tag);
    println!("  digest  {}", archive.digest);
    println!("On each node: ctr --namespace k8s.io images import {}", output.display());
    Ok(())
}

fn copy(programs: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, path) in programs {
        let to = folder.join(name);
        fs::copy(path, &to).with_context(|| format!("cannot write {}", to.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        println!("{}", to.display());
    }
    Ok(())
}

/// This machine, as images name it: Go's `GOARCH`.
fn architecture() -> Result<&'static str> {
    match env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("no image is made for {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart;

    /// What is imported is what the pods ask for.
    #[test]
    fn the_charts_image_is_the_one_that_is_made() -> Result<()> {
        let values = fs::read_to_string(workspace::root()?.join(chart::FOLDER).join("values.yaml"))?;
        let values: serde_json::Value = serde_saphyr::from_str(&values)?;
        let repository = values.pointer("/image/repository").and_then(serde_json::Value::as_str);
        let own = own_reference().to_string();
        assert_eq!(own.rsplit_once(':').map(|(repository, _)| repository), repository);
        assert!(own.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))), "{own}");
        Ok(())
    }
}
