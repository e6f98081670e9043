//! What is in force: the last good version of every object, folded from reading to reading.
//!
//! Of several definitions of one object the first counts, in the order of files and lines. A mistake does not change which
//! one that is: the last good version of a definition that became bad, or unreadable, stands in its place and file.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
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
    /// What the document calls itself, if it does.
    pub(super) object: Option<String>,
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
    accepted: Accepted,
    current: Option<BTreeMap<ObjectKey, Object>>,
}

/// An object in force.
#[derive(Debug, Clone)]
struct Held {
    file: PathBuf,
    /// Where its definition begins; `None` for a last good version, whose definition is bad now.
    line: Option<u64>,
    objects: Vec<Object>,
}

/// What is in force after a reading.
#[derive(Debug, Default)]
struct Accepted {
    held: BTreeMap<ManifestKey, Held>,
    /// Whose each object is, where several could give it.
    owners: BTreeMap<ObjectKey, ManifestKey>,
}

/// What wants to be in force.
#[derive(Debug)]
enum Claim {
    /// The last good version of a definition that is bad now, or may be in what cannot be read.
    LastGood(ManifestKey, Held),
    /// A definition, good or bad.
    Written(Definition),
}

impl Ledger {
    /// Folds a reading in and gives the difference that it makes, with all problems in a fixed order.
    ///
    /// There are no events before the folder `is_known` to exist: an empty `Reset` would take away what an
    /// earlier run of the agent left in force.
    pub(super) fn fold(&mut self, found: Found, is_known: bool) -> (Vec<ClusterEvent>, Vec<Problem>) {
        let before = mem::take(&mut self.accepted);
        let mut claims = before.stand_ins(&found);
        let read: BTreeSet<(ManifestKey, PathBuf)> = found
            .definitions
            .iter()
            .map(|definition| (definition.key.clone(), definition.file.clone()))
            .collect();
        claims.extend(found.definitions.into_iter().map(Claim::Written));
        // Definitions of one file stay in their order.
        claims.sort_by(|one, other| one.file().cmp(other.file()));
        let mut accepted = Accepted::default();
        let mut problems = Vec::new();
        let (mut bad, mut crowded_out) = (Vec::new(), Vec::new());
        for claim in claims {
            match claim {
                Claim::LastGood(key, held) => problems.extend(accepted.keep(key, held)),
                Claim::Written(mut definition) => match definition.objects.take() {
                    None => bad.push(definition),
                    Some(objects) => match accepted.admit(&definition, objects) {
                        Ok(()) => problems.extend(definition.problems(&Effect::Enforced)),
                        Err(message) => {
                            let line = Some(definition.line);
                            let severity = Severity::Error;
                            definition.remarks.push(Remark { line, field: None, message, severity });
                            crowded_out.push(definition);
                        }
                    },
                },
            }
        }
        // A good definition whose objects others give now has not gone; it says itself what it lost.
        for definition in &crowded_out {
            if let Some(held) = before.held.get(&definition.key) {
                let _said = accepted.keep(definition.key.clone(), held.last_good_in(&definition.file));
            }
        }
        for definition in bad.into_iter().chain(crowded_out) {
            let effect = accepted.effect_on(&definition);
            problems.extend(definition.problems(&effect));
        }
        problems.extend(found.unreadable.into_iter().map(|Unreadable { path, object, remark }| {
            let is_in_it = |(key, held): (&ManifestKey, &Held)| {
                held.line.is_none()
                    && held.file.starts_with(&path)
                    && !read.contains(&(key.clone(), held.file.clone()))
            };
            let effect = if accepted.held.iter().any(is_in_it) { Effect::LastGood } else { Effect::Nothing };
            remark.into_problem(path, object, effect)
        }));
        problems.sort();
        problems.dedup();
        self.accepted = accepted;
        let events = if is_known { self.turn_over() } else { Vec::new() };
        (events, problems)
    }

    /// The difference from what was in force to what is held now.
    fn turn_over(&mut self) -> Vec<ClusterEvent> {
        let mut next = BTreeMap::new();
        for object in self.accepted.objects() {
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
    /// The last good versions that stand for what a reading found to be bad, or could not read.
    fn stand_ins(&self, found: &Found) -> Vec<Claim> {
        let mut definitions: BTreeMap<&ManifestKey, Vec<&Definition>> = BTreeMap::new();
        for definition in &found.definitions {
            definitions.entry(&definition.key).or_default().push(definition);
        }
        let stand_in = |(key, held): (&ManifestKey, &Held)| {
            let all = definitions.get(key).map(Vec::as_slice).unwrap_or_default();
            let file = held.stand_in_for(all, &found.unreadable)?;
            Some(Claim::LastGood(key.clone(), held.last_good_in(file)))
        };
        self.held.iter().filter_map(stand_in).collect()
    }

    /// Takes a good definition, unless something else defines the same already.
    fn admit(&mut self, definition: &Definition, objects: Vec<Object>) -> Result<(), String> {
        if self.held.contains_key(&definition.key) {
            return Err("is defined more than once".to_owned());
        }
        if let Some(object) = objects.iter().find_map(|object| self.owner_of(object)) {
            return Err(format!("stands for {object} already"));
        }
        let Definition { file, line, key, .. } = definition;
        self.hold(key.clone(), Held { file: file.clone(), line: Some(*line), objects });
        Ok(())
    }

    /// Keeps a last good version, less what others give now, unless an earlier definition counts.
    fn keep(&mut self, key: ManifestKey, held: Held) -> Option<Problem> {
        if self.held.contains_key(&key) {
            return None;
        }
        let given: Vec<String> = held.objects.iter().filter_map(|object| self.owner_of(object)).collect();
        let problem = (!given.is_empty()).then(|| Problem {
            file: held.file.clone(),
            line: None,
            object: Some(key.to_string()),
            field: None,
            message: format!(
                "its last good version stands for {} already, and goes without",
                given.join(", and for ")
            ),
            severity: Severity::Warning,
            effect: Effect::LastGood,
        });
        self.hold(key, held);
        problem
    }

    /// An object that is somebody's already, with whose it is.
    fn owner_of(&self, object: &Object) -> Option<String> {
        let (object, owner) = self.owners.get_key_value(&object.key())?;
        let place = self.held.get(owner).map(Held::place).unwrap_or_default();
        Some(format!("{object}, which {owner} in {place} is or stands for"))
    }

    fn hold(&mut self, key: ManifestKey, held: Held) {
        for object in &held.objects {
            self.owners.entry(object.key()).or_insert_with(|| key.clone());
        }
        self.held.insert(key, held);
    }

    /// What is enforced of the object of a definition that is refused.
    fn effect_on(&self, definition: &Definition) -> Effect {
        match self.held.get(&definition.key) {
            Some(Held { file, line: None, .. }) if *file == definition.file => Effect::LastGood,
            Some(Held { file, line, .. }) => Effect::Elsewhere { file: file.clone(), line: *line },
            None => Effect::Nothing,
        }
    }

    /// All objects in force.
    fn objects(&self) -> impl Iterator<Item = &Object> {
        let own = |key, object: &Object| self.owners.get(&object.key()) == Some(key);
        self.held
            .iter()
            .flat_map(move |(key, held)| held.objects.iter().filter(move |object| own(key, object)))
    }
}

impl Held {
    fn last_good_in(&self, file: &Path) -> Self {
        Self { file: file.to_owned(), line: None, objects: self.objects.clone() }
    }

    fn place(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}", self.file.display())
    }

    /// The file in which this version stands for a bad or unreadable definition, if it must; `all` are the definitions
    /// of its key that were read.
    fn stand_in_for<'a>(&'a self, all: &[&'a Definition], unreadable: &[Unreadable]) -> Option<&'a Path> {
        let mut here = all.iter().filter(|definition| definition.file == self.file).peekable();
        if here.peek().is_some() {
            return here.all(|definition| definition.objects.is_none()).then_some(&self.file);
        }
        // It may be in what cannot be read, or have moved; moved as it was, it has surely not stayed.
        let has_moved = all.iter().any(|definition| definition.objects.as_ref() == Some(&self.objects));
        if !has_moved && unreadable.iter().any(|unread| self.file.starts_with(&unread.path)) {
            return Some(&self.file);
        }
        let first = all.first()?;
        all.iter().all(|definition| definition.objects.is_none()).then_some(&first.file)
    }
}

impl Claim {
    fn file(&self) -> &Path {
        match self {
            Self::LastGood(_, held) => &held.file,
            Self::Written(definition) => &definition.file,
        }
    }
}

impl Definition {
    fn problems(self, effect: &Effect) -> Vec<Problem> {
        let Self { file, key, remarks, .. } = self;
        remarks
            .into_iter()
            .map(|remark| remark.into_problem(file.clone(), Some(key.to_string()), effect.clone()))
            .collect()
    }
}

impl Remark {
    fn into_problem(self, file: PathBuf, object: Option<String>, effect: Effect) -> Problem {
        let Self { line, field, message, severity } = self;
        Problem { file, line, object, field, message, severity, effect }
    }
}
