//! Two ordered maps in one walk. A change leaves nearly all of a large table as it was: looking each key up in the other
//! table would take longer than all the rest.

use std::{cmp::Ordering, collections::BTreeMap};

/// Each key once, in order, with what either map has of it.
pub(super) fn side_by_side<'old, 'new, K: Ord + Copy, V, W>(
    old: &'old BTreeMap<K, V>,
    new: &'new BTreeMap<K, W>,
) -> impl Iterator<Item = (K, Option<&'old V>, Option<&'new W>)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (Some((before, _)), Some((now, _))) => before.cmp(now),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        match order {
            Ordering::Less => old.next().map(|(key, before)| (*key, Some(before), None)),
            Ordering::Greater => new.next().map(|(key, now)| (*key, None, Some(now))),
            Ordering::Equal => {
                old.next().zip(new.next()).map(|((key, before), (_, now))| (*key, Some(before), Some(now)))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_comes_once_and_in_order() {
        let old = BTreeMap::from([(1, 'a'), (2, 'b'), (4, 'd')]);
        let new = BTreeMap::from([(0, 'x'), (2, 'y'), (5, 'z')]);
        let all: Vec<_> = side_by_side(&old, &new).collect();
        let wanted: [(u8, Option<&char>, Option<&char>); 5] = [
            (0, None, Some(&'x')),
            (1, Some(&'a'), None),
            (2, Some(&'b'), Some(&'y')),
            (4, Some(&'d'), None),
            (5, None, Some(&'z')),
        ];
        assert_eq!(all, wanted);
        let none = BTreeMap::<u8, char>::new();
        assert_eq!(side_by_side(&none, &none).count(), 0);
        assert_eq!(side_by_side(&old, &none).filter(|(_, _, now)| now.is_none()).count(), 3);
    }
}
