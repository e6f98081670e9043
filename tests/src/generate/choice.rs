//! Choosing from what is only known later.

use proptest::sample::Index;

/// The item that an index stands for; `None` of nothing.
pub(super) fn pick<'a, T>(index: &Index, items: &'a [T]) -> Option<&'a T> {
    if items.is_empty() { None } else { items.get(index.index(items.len())) }
}
