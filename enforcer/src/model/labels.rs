//! Labels of pods and namespaces.

use std::collections::BTreeMap;

/// Label keys and values, as in `metadata.labels`.
pub type Labels = BTreeMap<String, String>;
