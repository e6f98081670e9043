//! Writes the seeds of the fuzz targets: `enforcer-seeds FOLDER` makes `FOLDER/TARGET/NAME`.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;
use enforcer_tests::fuzz::{Target, seeds};

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).context("usage: enforcer-seeds FOLDER")?);
    for &target in Target::ALL {
        let folder = folder.join(target.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, data) in seeds(target) {
            let file = folder.join(name);
            fs::write(&file, data).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}
