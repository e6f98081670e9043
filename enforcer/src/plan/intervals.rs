//! Where rows lie in the array of intervals. Equal rows are stored once; a place that was in use in the previous
//! image is not written again before a grace period has passed.

use std::collections::{BTreeMap, BTreeSet};

use enforcer_common::tables::{Interval, Row, RowKey, capacity};

use super::{MapImage, PlanError, Suspects, rows::Content};

/// Places the rows of the next image.
pub(super) fn place(
    previous: &MapImage,
    image: &mut MapImage,
    contents: BTreeMap<RowKey, Content>,
) -> Result<(), PlanError> {
    // Many rows lie in one place. Of several places with the same content the first row's counts.
    let mut placed: BTreeMap<Vec<Interval>, Row> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in previous.tables.rows.values().filter(|row| seen.insert(row.start)) {
        placed.entry(previous.tables.content(*row)).or_insert(*row);
    }
    let mut taken: BTreeMap<u32, u32> = placed.values().map(|row| (row.start, row.len)).collect();
    let mut written = BTreeSet::new();
    taken.extend(&previous.retired);
    let mut room = Room::new(&taken);
    for (key, content) in contents {
        let row = match placed.get(content.as_ref()) {
            Some(row) => *row,
            None => {
                let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
                let start = room.take(len).ok_or_else(|| PlanError::Capacity {
                    table: "INTERVALS",
                    asked: room.used().saturating_add(content.len()),
                    there: usize::try_from(capacity::INTERVALS).unwrap_or(usize::MAX),
                    objects: Suspects::newcomers(previous, image),
                })?;
                let row = Row { start, len };
                placed.insert(content.to_vec(), row);
                row
            }
        };
        image.tables.rows.insert(key, row);
        if written.insert(row.start) {
            image.tables.intervals.extend((row.start..).zip(content.iter().copied()));
        }
    }
    let live: BTreeMap<u32, u32> = image.tables.rows.values().map(|row| (row.start, row.len)).collect();
    image.retired = taken.into_iter().filter(|(start, _)| !live.contains_key(start)).collect();
    Ok(())
}

/// The free stretches of the array.
struct Room {
    free: BTreeMap<u32, u32>,
}

impl Room {
    fn new(taken: &BTreeMap<u32, u32>) -> Self {
        let mut free = BTreeMap::new();
        let mut at = 0;
        for (start, len) in taken {
            if *start > at {
                free.insert(at, start - at);
            }
            at = start + len;
        }
        if at < capacity::INTERVALS {
            free.insert(at, capacity::INTERVALS - at);
        }
        Self { free }
    }

    /// The lowest stretch that is long enough.
    fn take(&mut self, len: u32) -> Option<u32> {
        let (start, there) = self.free.iter().find(|(_, there)| **there >= len).map(|(a, b)| (*a, *b))?;
        self.free.remove(&start);
        if there > len {
            self.free.insert(start + len, there - len);
        }
        Some(start)
    }

    fn used(&self) -> usize {
        let free: u32 = self.free.values().sum();
        usize::try_from(capacity::INTERVALS - free).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_stretch_that_is_long_enough_is_taken_and_its_rest_stays_free() {
        let end = capacity::INTERVALS;
        // Free are 0..2, 5..9 and 12..end - 10.
        let mut room = Room::new(&[(2, 3), (9, 3), (end - 10, 10)].into());
        assert_eq!(room.used(), 16);
        assert_eq!(room.take(3), Some(5));
        assert_eq!(room.take(1), Some(0));
        assert_eq!(room.take(1), Some(1));
        assert_eq!(room.take(1), Some(8));
        assert_eq!(room.used(), 22);
        assert_eq!(room.take(end - 21), None);
        assert_eq!(room.take(end - 22), Some(12));
        assert_eq!(room.take(1), None);
        assert_eq!(room.used(), 262_144);
    }

    #[test]
    fn nothing_is_free_beyond_the_end() {
        let mut room = Room::new(&[(0, capacity::INTERVALS)].into());
        assert_eq!(room.take(1), None);
        let mut room = Room::new(&[(1, capacity::INTERVALS - 1)].into());
        assert_eq!((room.take(2), room.take(1), room.take(1)), (None, Some(0), None));
    }
}
