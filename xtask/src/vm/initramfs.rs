//! The initramfs: all that a machine has.

use super::{
    cpio::Archive,
    kernel::Found,
    module,
    program::{self, Program},
    tool,
    workload::{Load, PROGRAMS},
};
use anyhow::{Context as _, Result};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process,
};

/// Where the first process looks (`tests/src/vm`).
const MODULES: &str = "/vm/modules";
const COMMANDS: &str = "/vm/commands";
const ENVIRONMENT: &str = "/vm/environment";

/// Writes it; `programs` says where each program is that was built. The file has no name any more, so that it goes with
/// those who have it open, however they end.
pub(super) fn write(
    folder: &Path,
    kernel: &Found,
    programs: &BTreeMap<String, PathBuf>,
    load: &Load,
) -> Result<File> {
    let name = folder.join(format!("initramfs-{}", process::id()));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&name);
    let file = file.with_context(|| format!("cannot write {}", name.display()))?;
    fs::remove_file(&name)?;
    let mut archive = Archive::new(BufWriter::new(file));
    // The kernel opens it for the first process before anything is mounted.
    archive.folder("/dev")?;
    archive.device("/dev/console", 5, 1)?;
    for folder in ["/proc", "/sys", "/run", "/tmp", "/root", MODULES, COMMANDS] {
        archive.folder(folder)?;
    }
    let built = |program: &Program| {
        let file = programs.get(&program.name).with_context(|| format!("{} was not built", program.name))?;
        read(file)
    };
    archive.file("/init", 0o755, &built(&program::init())?)?;
    for program in &load.programs {
        archive.file(&format!("{PROGRAMS}/{}", program.name), 0o755, &built(program)?)?;
    }
    for (place, file) in load.files.iter().chain(&tool::files(&load.tools)?) {
        archive.file(place, 0o755, &read(file)?)?;
    }
    for folder in &load.folders {
        tree(&mut archive, folder)?;
    }
    if let Some(folder) = &kernel.modules {
        for (number, module) in module::load(folder)?.iter().enumerate() {
            archive.file(&format!("{MODULES}/{number:03}-{}.ko", module.name), 0o644, &module.content)?;
        }
    }
    for (number, command) in load.commands.iter().enumerate() {
        archive.file(&format!("{COMMANDS}/{number:03}"), 0o644, &words(command))?;
    }
    let mut environment: Vec<OsString> = vec!["PATH=/usr/bin".into(), "HOME=/root".into()];
    environment.extend(load.environment.iter().map(|(name, value)| format!("{name}={value}").into()));
    archive.file(ENVIRONMENT, 0o644, &words(&environment))?;
    Ok(archive.finish()?.into_inner()?)
}

/// Adds a folder of this machine at the place that it has here.
fn tree<W: Write>(archive: &mut Archive<W>, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            tree(archive, &path)?;
        } else {
            let place = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
            archive.file(place, 0o644, &read(&path)?)?;
        }
    }
    Ok(())
}

/// Words, each ended by a NUL.
fn words(words: &[OsString]) -> Vec<u8> {
    words.iter().flat_map(|word| word.as_bytes().iter().copied().chain([0])).collect()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_apart_even_if_empty() {
        assert_eq!(words(&["a b".into(), "".into(), "c".into()]), b"a b\0\0c\0");
        assert!(words(&[]).is_empty());
    }
}
