//! Result files → tables in Markdown and plots in SVG, for the documentation.

mod plot;
mod table;

use std::{fs, path::Path};

use anyhow::Context as _;

use super::result::Results;

/// Writes `FOLDER/tables.md` and the plots beside it, of all result files together.
///
/// # Errors
/// When nothing was measured, or something cannot be written.
pub(super) fn run(files: &[Results], folder: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(files.iter().any(|file| !file.results.is_empty()), "no file has a measurement");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        Ok::<(), anyhow::Error>(())
    };
    write("tables.md", &table::tables(files))?;
    for plot in plot::plots(files) {
        write(&format!("{}.svg", plot.name), &plot.draw()?)?;
    }
    Ok(())
}
