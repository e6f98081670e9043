//! What is in force: the last good version of every object, folded from reading to reading.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::object::ManifestKey;
use crate::{
    model::{ClusterEvent, Object, ObjectKey},
    source::{Effect, Problem, Severity, convert::imply_namespace},
};

/// An object as one document defines it.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) file: PathBuf,
    pub(super) line: u64,
    pub(super) key: ManifestKey,
    /// What it gives; `None` when it is refused.
    pub(super) objects: Option<Vec<Object>>,
    pub(super) remarks: Vec<Remark>,
}

/// Something that is wrong at a place of a file.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) line: Option<u64>,
    pub(super) field: Option<String>,
    pub(super) message: String,
    pub(super) severity: Severity,
}

/// A file or folder, or a document in it, of which it cannot be told what objects it holds.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) remark: Remark,
}

/// All that one reading of the folder found, in the order of paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) definitions: Vec<Definition>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// The memory from reading to reading.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    held: BTreeMap<ManifestKey, Held>,
    current: Option<BTreeMap<ObjectKey, Object>>,
}

/// An object in force.
#[derive(Debug, Clone)]
struct Held {
    file: PathBuf,
    objects: Vec<Object>,
}

/// What is in force after a reading.
#[derive(Debug, Default)]
struct Accepted {
    held: BTreeMap<ManifestKey, Held>,
    owners: BTreeMap<ObjectKey, ManifestKey>,
}

impl Ledger {
    /// Folds a reading in and gives the difference that it makes, with all problems in a fixed order.
    ///
    /// There are no events before the folder `is_known` to exist: an empty `Reset` would take away what an
    /// earlier run of the agent left in force.
    pub(super) fn fold(&mut self, found: Found, is_known: bool) -> (Vec<ClusterEvent>, Vec<Problem>) {
        let mut accepted = Accepted::default();
        let mut problems = Vec::new();
        let mut refused = Vec::new();
        for mut definition in found.definitions {
            let Some(objects) = definition.objects.take() else {
                refused.push(definition);
                continue;
            };
            match accepted.admit(&definition, objects) {
                Ok(()) => problems.extend(definition.problems(Effect::Enforced)),
                Err(message) => {
                    let line = Some(definition.line);
                    definition.remarks.push(Remark { line, field: None, message, severity: Severity::Error });
                    refused.push(definition);
                }
            }
        }
        let defined: BTreeSet<ManifestKey> = accepted.held.keys().cloned().collect();
        for definition in refused {
            let effect = match self.held.get(&definition.key) {
                Some(held) if !defined.contains(&definition.key) => {
                    accepted.retain(&definition.key, &definition.file, held);
                    Effect::LastGood
                }
                Some(_) | None => Effect::Nothing,
            };
            problems.extend(definition.problems(effect));
        }
        problems.extend(self.retain_unaccounted(found.unreadable, &mut accepted));
        problems.sort();
        problems.dedup();
        self.held = accepted.held;
        let events = if is_known { self.turn_over() } else { Vec::new() };
        (events, problems)
    }

    /// What an unreadable file or document held before, and nobody defines now, may still be in it.
    fn retain_unaccounted(&self, unreadable: Vec<Unreadable>, accepted: &mut Accepted) -> Vec<Problem> {
        let unaccounted: Vec<(&ManifestKey, &Held)> =
            self.held.iter().filter(|(key, _)| !accepted.held.contains_key(*key)).collect();
        let mut problems = Vec::new();
        for Unreadable { path, remark } in unreadable {
            let mut effect = Effect::Nothing;
            for (key, held) in unaccounted.iter().filter(|(_, held)| held.file.starts_with(&path)) {
                accepted.retain(key, &held.file, held);
                effect = Effect::LastGood;
            }
            problems.push(remark.into_problem(path, None, effect));
        }
        problems
    }

    /// The difference from what was in force to what is held now.
    fn turn_over(&mut self) -> Vec<ClusterEvent> {
        let mut next = BTreeMap::new();
        for object in self.held.values().flat_map(|held| &held.objects) {
            let key = object.key();
            if !key.name.namespace.is_empty() {
                let implied = Object::Namespace(imply_namespace(&key.name.namespace));
                next.entry(implied.key()).or_insert(implied);
            }
            next.insert(key, object.clone());
        }
        let events = match &self.current {
            None => vec![ClusterEvent::Reset(next.values().cloned().collect())],
            Some(current) => differ(current, &next),
        };
        self.current = Some(next);
        events
    }
}

fn differ(old: &BTreeMap<ObjectKey, Object>, new: &BTreeMap<ObjectKey, Object>) -> Vec<ClusterEvent> {
    let changed = new.iter().filter(|(key, object)| old.get(*key) != Some(*object));
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    changed
        .map(|(_, object)| ClusterEvent::Apply(object.clone()))
        .chain(gone.map(|key| ClusterEvent::Delete(key.clone())))
        .collect()
}

impl Accepted {
    /// Takes a good definition, unless something else defines the same already.
    fn admit(&mut self, definition: &Definition, objects: Vec<Object>) -> Result<(), String> {
        if let Some(first) = self.held.get(&definition.key) {
            return Err(format!("is defined already in {}", first.file.display()));
        }
        let collision = objects.iter().find_map(|object| self.owners.get_key_value(&object.key()));
        if let Some((object, owner)) = collision {
            let file = self.held.get(owner).map(|held| held.file.display().to_string()).unwrap_or_default();
            return Err(format!("stands for {object}, which {owner} in {file} is or stands for already"));
        }
        self.hold(&definition.key, &definition.file, objects);
        Ok(())
    }

    /// Keeps what was held before, less what others define now.
    fn retain(&mut self, key: &ManifestKey, file: &Path, before: &Held) {
        if !self.held.contains_key(key) {
            let free = |object: &&Object| !self.owners.contains_key(&object.key());
            let objects = before.objects.iter().filter(free).cloned().collect();
            self.hold(key, file, objects);
        }
    }

    fn hold(&mut self, key: &ManifestKey, file: &Path, objects: Vec<Object>) {
        self.owners.extend(objects.iter().map(|object| (object.key(), key.clone())));
        self.held.insert(key.clone(), Held { file: file.to_owned(), objects });
    }
}

impl Definition {
    fn problems(self, effect: Effect) -> Vec<Problem> {
        let Self { file, key, remarks, .. } = self;
        remarks
            .into_iter()
            .map(|remark| remark.into_problem(file.clone(), Some(key.to_string()), effect))
            .collect()
    }
}

impl Remark {
    fn into_problem(self, file: PathBuf, object: Option<String>, effect: Effect) -> Problem {
        let Self { line, field, message, severity } = self;
        Problem { file, line, object, field, message, severity, effect }
    }
}
