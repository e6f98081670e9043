//! Changes are told, and only changes.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use enforcer::source::manifest::{Folder, Watch};
use tokio::{runtime::Builder, time::timeout};

use crate::scratch::{Scratch, pod};

const DEADLINE: Duration = Duration::from_secs(10);
/// Several times the debounce: what comes at all has come by then.
const SILENCE: Duration = Duration::from_millis(700);

struct Watched {
    watch: Watch,
    runtime: tokio::runtime::Runtime,
}

impl Watched {
    fn new(path: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        Self { watch: Watch::new(path).unwrap(), runtime }
    }

    fn changes(&mut self, within: Duration) -> bool {
        let Self { watch, runtime } = self;
        runtime.block_on(async { timeout(within, watch.changed()).await }).is_ok_and(|change| {
            change.unwrap();
            true
        })
    }

    /// Each change ends in a reading of the folder; then all is quiet.
    fn settles(&mut self, folder: &Path) {
        assert!(self.changes(DEADLINE), "no change was told");
        while self.changes(SILENCE) {}
        Folder::new(folder).read();
        assert!(!self.changes(SILENCE), "reading counts as a change");
    }
}

#[test]
fn tells_changes_in_a_folder() {
    let scratch = Scratch::new(&[("a.yaml", &pod("a"))]);
    let root = scratch.path().to_owned();
    let mut watched = Watched::new(&root);
    assert!(!watched.changes(SILENCE));
    let steps: &[(&str, &dyn Fn())] = &[
        ("written", &|| drop(scratch.write("a.yaml", pod("b")))),
        ("new subfolder", &|| drop(scratch.write("x/y/c.yaml", pod("c")))),
        ("in the new subfolder", &|| drop(scratch.write("x/y/c.yaml", pod("d")))),
        ("renamed over", &|| {
            let next = scratch.write(".a.yaml.tmp", pod("e"));
            fs::rename(next, root.join("a.yaml")).unwrap();
        }),
        ("link made", &|| symlink("x", root.join("..data")).unwrap()),
        ("link swapped", &|| {
            symlink("x/y", root.join("..tmp")).unwrap();
            fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
        }),
        ("removed", &|| scratch.remove("a.yaml")),
        ("folder removed and made again", &|| {
            fs::remove_dir_all(&root).unwrap();
            drop(scratch.write("f.yaml", pod("f")));
        }),
        ("in the folder made again", &|| drop(scratch.write("f.yaml", pod("g")))),
    ];
    for (name, step) in steps {
        step();
        println!("{name}");
        watched.settles(&root);
    }
}

#[test]
fn tells_changes_of_one_file_only() {
    let scratch = Scratch::new(&[("other.yaml", "")]);
    let file = scratch.path().join("endpoints.yaml");
    let mut watched = Watched::new(&file);
    scratch.write("other.yaml", "a");
    assert!(!watched.changes(SILENCE));
    scratch.write("endpoints.yaml", "a");
    watched.settles(scratch.path());
    let next = scratch.write("next", "b");
    fs::rename(next, &file).unwrap();
    watched.settles(scratch.path());
}

#[test]
fn tells_a_burst_once_and_an_endless_one_in_time() {
    let scratch = Scratch::new(&[]);
    let mut watched = Watched::new(scratch.path());
    for number in 0..200 {
        scratch.write(&format!("{number}.yaml"), pod("a"));
    }
    assert!(watched.changes(DEADLINE));
    while watched.changes(SILENCE) {}
    let root = scratch.path().to_owned();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(root.join("busy.yaml"), "a").unwrap();
            }
        });
        let told = watched.changes(DEADLINE);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(told);
    });
}

#[test]
fn refuses_what_cannot_be_watched() {
    let scratch = Scratch::new(&[]);
    let path = scratch.path().join("missing/too");
    let error = Watch::new(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot watch {}: ", path.display())), "{error}");
}
