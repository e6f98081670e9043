//! The folder of cases, `tests/cases`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{Script, parse};

/// Every case of the repository, by file.
///
/// # Errors
/// With file, line and column of what cannot be understood.
pub fn scripts() -> anyhow::Result<Vec<(PathBuf, Script)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut scripts = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let file = entry?.path();
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let script = parse(&text).map_err(|error| anyhow::anyhow!("{}:{error}", file.display()))?;
        scripts.push((file, script));
    }
    scripts.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(scripts)
}
