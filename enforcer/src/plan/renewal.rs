//! Rule sets that some endpoints leave and others keep.
//!
//! Addresses move to their new classes before endpoints move to their new rule sets, and in between, an endpoint that
//! leaves a rule set is still judged by it. A rule set that goes says of the new classes what it said of the old ones
//! (see [`super::diff()`]). One that others keep says what *they* shall hear, which to the endpoint that leaves may be
//! neither its old verdict nor its new one. Such a rule set goes as well: those who keep it get the same content under
//! another id.

use std::collections::BTreeSet;

use super::{
    MapImage, PlanError,
    classes::{Groups, Signatures},
    history,
    rows::RowTable,
    versions::Versions,
};
use crate::compile::{RuleSets, Signature};

/// The ids to give up although their content stays.
pub(super) fn renewed(previous: &MapImage, compiled: &RuleSets) -> Result<BTreeSet<u32>, PlanError> {
    let mut image = MapImage { names: previous.names.clone(), ..MapImage::default() };
    let versions = Versions::new(previous, compiled, &BTreeSet::new(), &mut image)?;
    let left = versions.left(previous, compiled);
    if left.is_empty() {
        return Ok(left);
    }
    let mut table = RowTable::new(&versions.now, compiled, &mut image.names)?;
    let kept = history::remember(previous, compiled, &versions, &mut table)?;
    let nothing = Signature::default();
    let groups = Groups::new(previous, Signatures { compiled, kept: &kept, nothing: &nothing });
    groups.changing(previous, &mut table, left)
}
