//! A YAML document as a tree that knows its lines.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use crate::source::convert::{Field, Segment};

/// A node and the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) line: u64,
    pub(crate) node: Node,
}

/// What YAML and JSON have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Scalar(Value),
    Sequence(Vec<Tree>),
    /// With the line of each key, which is where people look.
    Mapping(Vec<(String, u64, Tree)>),
}

impl Tree {
    /// The value of a mapping's key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Node::Mapping(entries) = &self.node else { return None };
        entries.iter().find(|(name, ..)| name == key).map(|(.., tree)| tree)
    }

    /// The text of a mapping's key; `None` for anything but text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.node {
            Node::Scalar(Value::String(text)) => Some(text),
            Node::Scalar(_) | Node::Sequence(_) | Node::Mapping(_) => None,
        }
    }

    /// Whether there is nothing: an empty document.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node, Node::Scalar(Value::Null))
    }

    /// The line of a field, or of the nearest thing around it that is there.
    pub(crate) fn line_of(&self, field: &Field) -> u64 {
        let mut line = self.line;
        let mut tree = self;
        for segment in field.segments() {
            let step = match (segment, &tree.node) {
                (Segment::Name(name), Node::Mapping(entries)) => {
                    entries.iter().find(|(key, ..)| key == name).map(|(_, line, value)| (*line, value))
                }
                (Segment::Index(index), Node::Sequence(items)) => {
                    items.get(*index).map(|item| (item.line, item))
                }
                (Segment::Name(_) | Segment::Index(_), _) => None,
            };
            let Some((deeper_line, deeper)) = step else { break };
            (line, tree) = (deeper_line, deeper);
        }
        line
    }

    /// The same without lines.
    pub(crate) fn to_value(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::Sequence(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Node::Mapping(entries) => {
                let entries = entries.iter().map(|(key, _, value)| (key.clone(), value.to_value()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// Adds to every line number, for a document that does not begin its file.
    pub(crate) fn move_down(&mut self, lines: u64) {
        self.line += lines;
        match &mut self.node {
            Node::Scalar(_) => {}
            Node::Sequence(items) => items.iter_mut().for_each(|item| item.move_down(lines)),
            Node::Mapping(entries) => {
                for (_, line, value) in entries {
                    *line += lines;
                    value.move_down(lines);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Node>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), node: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has too")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Node::Scalar(number.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Tree>()? {
            entries.push((key.value, key.referenced.line(), value));
        }
        Ok(Node::Mapping(entries))
    }
}
