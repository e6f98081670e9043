//! Result files → tables in Markdown and plots in SVG, for the documentation.

mod page;
mod pivot;
mod plot;
mod table;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;

use super::result::Results;

/// Writes `FOLDER/SUITE.md` for each suite that the files hold and the plots beside it, of all result files together. With a page,
/// such as `docs/benchmarks.md`, the tables go between its marks instead and the plots into the folder of its name
/// (`docs/benchmarks`).
///
/// # Errors
/// When nothing was measured, the page lacks a suite's marks, or something cannot be written.
pub(super) fn run(files: &[Results], folder: &Path, page: Option<&Path>) -> anyhow::Result<()> {
    let mut tables = BTreeMap::<&str, String>::new();
    for file in files {
        let Some(first) = file.results.first() else { continue };
        tables.entry(&first.suite).or_default().push_str(&table::tables(file));
    }
    anyhow::ensure!(!tables.is_empty(), "no file has a measurement");
    let write = |path: &Path, text: &str| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        Ok::<(), anyhow::Error>(())
    };
    let folder = page.map_or_else(|| folder.to_owned(), |page| page.with_extension(""));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if let Some(path) = page {
        let mut text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (suite, tables) in &tables {
            text = page::replaced(&text, suite, tables).with_context(|| path.display().to_string())?;
        }
        write(path, &text)?;
    } else {
        for (suite, tables) in &tables {
            write(&folder.join(format!("{suite}.md")), tables)?;
        }
    }
    for plot in plot::plots(files) {
        write(&folder.join(format!("{}.svg", plot.name)), &plot.draw()?)?;
    }
    Ok(())
}
