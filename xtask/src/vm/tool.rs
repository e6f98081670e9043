//! Programs of this machine that ours run (`ip`, `iptables` …): copied with the libraries that they load.

use crate::toolchain::on_path;
use anyhow::{Context as _, Result, ensure};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What `iptables` loads besides, by name, at run time.
const PLUGINS: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib64/xtables", "/usr/lib/xtables", "/usr/libexec/xtables"];

/// Where tests look for CNI plugins.
const CNI: &str = "/usr/lib/cni";

/// The files that the tools consist of, each to be at the same place in the machine. Programs come first, under
/// `/usr/bin`, CNI plugins where they are: (place, file here).
pub(super) fn files(tools: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let (mut found, mut libraries) = (Vec::new(), BTreeSet::new());
    for tool in tools {
        let plugin = Path::new(CNI).join(tool);
        let (place, file) = if plugin.is_file() {
            (plugin.to_string_lossy().into_owned(), plugin)
        } else {
            let file = on_path(tool).with_context(|| format!("`{tool}` is not installed"))?;
            (format!("/usr/bin/{tool}"), file)
        };
        libraries.extend(libraries_of(&file)?);
        found.push((place, file));
    }
    if tools.iter().any(|tool| tool.starts_with("ip") && tool.contains("tables")) {
        for folder in PLUGINS.iter().map(Path::new).filter(|folder| folder.is_dir()) {
            for entry in fs::read_dir(folder)? {
                let file = entry?.path();
                libraries.extend(libraries_of(&file)?);
                libraries.insert(file);
            }
        }
    }
    let libraries = libraries.into_iter().map(|file| (file.to_string_lossy().into_owned(), file));
    found.extend(libraries);
    Ok(found)
}

fn libraries_of(file: &Path) -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("ldd").arg(file).env("LC_ALL", "C").output().context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A program without libraries makes ldd fail.
    ensure!(!text.contains("not found"), "a library of {} is missing: {text}", file.display());
    Ok(libraries(&text).map(PathBuf::from).collect())
}

/// The paths in what `ldd` prints.
fn libraries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (line, _) = line.trim().split_once(" (0x")?;
        let path = line.rsplit(" => ").next()?;
        path.starts_with('/').then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_libraries_are_found() {
        let text = "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f3a)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f3b)\n";
        let wanted = ["/lib/x86_64-linux-gnu/libmnl.so.0", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(libraries(text).collect::<Vec<_>>(), wanted);
        assert_eq!(libraries("\tnot a dynamic executable\n").count(), 0);
    }
}
