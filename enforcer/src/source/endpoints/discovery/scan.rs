//! All network namespaces of the node, and what is in them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{Discovery, cgroup::pod_uid};
use crate::{
    peer::{Interface, look_into},
    rtnetlink::list_links,
};

/// A network namespace that is not the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) inode: u64,
    /// A file that stands for it.
    pub(super) path: PathBuf,
    /// Whose processes are in it.
    pub(super) pod_uid: Option<String>,
    pub(super) interfaces: Vec<Interface>,
}

/// The node at one moment.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The host's interfaces: names by index.
    pub(crate) host: BTreeMap<u32, String>,
    pub(super) namespaces: Vec<Namespace>,
    /// What could not be looked into.
    pub(super) unseen: Vec<String>,
}

/// A namespace before it is entered.
struct Door {
    path: PathBuf,
    pod_uid: Option<String>,
}

/// Looks at everything.
pub(super) fn scan(places: &Discovery) -> io::Result<Scan> {
    let own = fs::metadata("/proc/thread-self/ns/net")?.ino();
    let mut doors: BTreeMap<u64, Door> = BTreeMap::new();
    // Mounted ones first: their files outlive processes.
    for folder in &places.folders {
        mounted(folder, &mut doors)?;
    }
    of_processes(&places.proc, own, &mut doors)?;
    doors.remove(&own);
    let mut scan = Scan::default();
    for Door { path, pod_uid } in doors.into_values() {
        match look_into(&path) {
            Ok(inside) => {
                let (inode, interfaces) = (inside.inode, inside.interfaces);
                scan.namespaces.push(Namespace { inode, path, pod_uid, interfaces });
            }
            // It ended meanwhile.
            Err(_) if !path.exists() => {}
            Err(error) => scan.unseen.push(format!("{}: {error}", path.display())),
        }
    }
    // After the namespaces: an interface that a pod shows is then there, or has gone with its pod.
    scan.host = list_links()?.into_iter().map(|link| (link.index, link.name)).collect();
    Ok(scan)
}

fn mounted(folder: &Path, doors: &mut BTreeMap<u64, Door>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // It comes with the first namespace.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        // A name on which nothing is mounted (yet) is an ordinary file, which says so when it is entered. Its inode is of
        // another file system, so it must not hide a namespace.
        if let Ok(found) = fs::metadata(&path)
            && is_namespace(&path)
        {
            doors.entry(found.ino()).or_insert(Door { path, pod_uid: None });
        }
    }
    Ok(())
}

/// Whether a file is on nsfs(5), where network namespaces live.
fn is_namespace(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

fn of_processes(proc: &Path, own: u64, doors: &mut BTreeMap<u64, Door>) -> io::Result<()> {
    for entry in fs::read_dir(proc)? {
        let folder = entry?.path();
        let is_process = folder
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.chars().all(|letter| letter.is_ascii_digit()));
        if !is_process {
            continue;
        }
        let path = folder.join("ns/net");
        // A process that has ended, or is a kernel thread's, has none.
        let Ok(inode) = fs::metadata(&path).map(|found| found.ino()) else { continue };
        if inode == own {
            continue;
        }
        let uid = || pod_uid(&fs::read_to_string(folder.join("cgroup")).unwrap_or_default());
        match doors.entry(inode) {
            Entry::Vacant(vacant) => {
                vacant.insert(Door { path, pod_uid: uid() });
            }
            Entry::Occupied(mut door) => {
                if door.get().pod_uid.is_none() {
                    door.get_mut().pod_uid = uid();
                }
            }
        }
    }
    Ok(())
}
