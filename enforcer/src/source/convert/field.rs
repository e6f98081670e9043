//! The place of a field in an object, written as the Kubernetes API server writes it.

use std::fmt;

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A field of this name.
    Name(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// A field, as the way to it from the object's root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(Vec<Segment>);

impl Field {
    /// A field at the root.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Self::default().child(name)
    }

    /// A field of this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        self.join(Segment::Name(name.to_owned()))
    }

    /// An element of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.join(Segment::Index(index))
    }

    /// A field further inside.
    #[must_use]
    pub fn append(&self, inner: &Self) -> Self {
        self.0.iter().chain(&inner.0).cloned().collect()
    }

    fn join(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The steps, from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl FromIterator<Segment> for Field {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Name(name) if position == 0 => f.write_str(name)?,
                Segment::Name(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
