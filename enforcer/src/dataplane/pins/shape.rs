//! Whether what is pinned has the kind and the sizes that this build's programs expect. Opening a pin checks nothing.

use std::{collections::BTreeMap, path::Path};

use aya::maps::{MapError, MapInfo};
use aya_obj::Object;

use super::Group;
use crate::dataplane::{
    DataplaneError,
    load::{FLOW_TABLES, OBJECT},
};

/// A map's kind (`BPF_MAP_TYPE_*`), key and value size, entries and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
}

/// What the object's maps are, by name.
#[derive(Debug)]
pub(in crate::dataplane) struct Shapes(BTreeMap<String, Shape>);

/// What is found of a group's maps.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::dataplane) enum State {
    /// Nothing.
    Absent,
    /// All of them, as they should be.
    Whole,
    /// Something else.
    Broken(String),
}

impl Shapes {
    /// Reads the embedded object, with so many entries of each table of flows if they are given.
    pub(in crate::dataplane) fn of_object(flow_entries: Option<u32>) -> Result<Self, DataplaneError> {
        let object = Object::parse(OBJECT)
            .map_err(|error| DataplaneError::Load(Box::new(aya::EbpfError::ParseError(error))))?;
        let shape = |(name, map): (&String, &aya_obj::Map)| {
            let entries =
                flow_entries.filter(|_| FLOW_TABLES.contains(&name.as_str())).unwrap_or(map.max_entries());
            let shape = Shape {
                kind: map.map_type(),
                key: map.key_size(),
                value: map.value_size(),
                entries,
                flags: map.map_flags(),
            };
            (name.clone(), shape)
        };
        Ok(Self(object.maps.iter().map(shape).collect()))
    }

    /// Looks at the pins of a group.
    pub(in crate::dataplane) fn look(&self, folder: &Path, group: Group) -> State {
        if !folder.exists() {
            return State::Absent;
        }
        for map in group.maps() {
            match MapInfo::from_pin(folder.join(map)) {
                Err(error) => return State::Broken(format!("{map}: {error}")),
                Ok(info) => {
                    let found = read(&info);
                    if found.as_ref().ok() != self.0.get(*map) {
                        let found = found.map_or_else(|error| error.to_string(), |found| text(&found));
                        return State::Broken(format!("{map} is {found}, not {}", self.describe(map)));
                    }
                }
            }
        }
        State::Whole
    }

    /// In words.
    pub(in crate::dataplane) fn describe(&self, map: &str) -> String {
        self.0.get(map).map_or_else(|| "no map".to_owned(), text)
    }
}

fn read(info: &MapInfo) -> Result<Shape, MapError> {
    Ok(Shape {
        kind: info.map_type()? as u32,
        key: info.key_size(),
        value: info.value_size(),
        entries: info.max_entries(),
        flags: info.map_flags(),
    })
}

fn text(shape: &Shape) -> String {
    let Shape { kind, key, value, entries, flags } = shape;
    format!("kind {kind}, key {key}, value {value}, entries {entries}, flags {flags:#x}")
}
