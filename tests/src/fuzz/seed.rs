//! Where fuzzing begins: inputs of our own making that reach far.

#[cfg(feature = "agent")]
use std::{fs, path::Path};

use super::Target;
use crate::reason::cases;

/// Inputs with names.
///
/// # Panics
/// When the examples are not where they belong.
#[must_use]
pub fn seeds(target: Target) -> Vec<(String, Vec<u8>)> {
    match target {
        Target::Parser => frames(),
        Target::Decide => {
            let descriptions = (0..32_u8).map(|first| {
                let steps = (0..24_u8)
                    .flat_map(|step| [0x60 | step & 1, step / 7, first ^ step, step % 5, 2, 3, 2, 1]);
                (format!("packets-{first}"), [first].into_iter().chain(steps).collect())
            });
            let raw = frames().into_iter().filter_map(|(name, frame)| {
                let length = u8::try_from(frame.len()).ok()?;
                Some((name, [&[3, 0x20, length], frame.as_slice(), &[1]].concat()))
            });
            descriptions.chain(raw).collect()
        }
        #[cfg(feature = "agent")]
        Target::Yaml => documents(),
    }
}

/// One for each frame of the table of drop reasons.
fn frames() -> Vec<(String, Vec<u8>)> {
    let frames = cases().into_iter().flat_map(|case| case.steps).map(|step| step.frame);
    frames.enumerate().map(|(number, frame)| (format!("frame-{number}"), frame)).collect()
}

#[cfg(feature = "agent")]
/// The example's manifests, whole and by document.
fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let mut seeds = Vec::new();
    for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
        let path = entry.expect("the examples can be listed").into_path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the examples can be read");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let documents = text.split("\n---\n").enumerate();
        seeds.extend(documents.map(|(number, part)| (format!("{name}-{number}"), part.as_bytes().to_vec())));
        seeds.push((name, text.into_bytes()));
    }
    seeds
}
