//! Which class each address and prefix gets.
//!
//! A *cell* is an address with an entry of its own, or the addresses that a prefix is the longest one of, in the
//! previous image or in the next. All addresses of a cell have one class now and one signature in the next
//! image; cells with the same pair form a *group*, which is what the common refinement of both partitions
//! consists of. A group keeps its class where the rule sets that stay say the same of it as before; it joins
//! another kept class with its signature where the rule sets that go cannot tell the two apart; else it gets a
//! fresh one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use enforcer_common::{Direction as Way, tables::DEFAULT_CLASS, tables::Interval};
use ipnet::IpNet;

use super::{MapImage, PlanError, rows::RowTable, side_by_side::side_by_side};
use crate::{
    compile::{RuleSets, Signature},
    model::Direction,
    prefix,
};

/// The next classes.
pub(super) struct Classes<'a> {
    /// Every class in use, with the signature of its addresses.
    pub(super) live: BTreeMap<u32, &'a Signature>,
    pub(super) addresses: BTreeMap<IpAddr, u32>,
    pub(super) prefixes: BTreeMap<IpNet, u32>,
}

/// What the rule sets can tell of addresses.
#[derive(Clone, Copy)]
pub(super) struct Signatures<'a> {
    pub(super) compiled: &'a RuleSets,
    /// Of the addresses that keep something, in the place of the compiled ones.
    pub(super) kept: &'a BTreeMap<IpAddr, Arc<Signature>>,
    /// Of an address that no peer matches.
    pub(super) nothing: &'a Signature,
}

impl<'a> Signatures<'a> {
    /// Of an address that is compiled to this one.
    fn of(&self, address: IpAddr, own: Option<&'a Signature>) -> &'a Signature {
        let Self { compiled, kept, nothing } = *self;
        let own = kept.get(&address).map(AsRef::as_ref).or(own);
        own.or_else(|| prefix::longest(&compiled.prefixes, address)).unwrap_or(nothing)
    }

    /// Of the addresses that a prefix is the longest one of.
    fn of_prefix(&self, net: IpNet) -> &'a Signature {
        prefix::covering(&self.compiled.prefixes, net).unwrap_or(self.nothing)
    }
}

/// Rule sets of the previous image.
pub(super) struct Fate {
    /// Those of the next image too.
    pub(super) staying: BTreeSet<u32>,
    /// The others.
    pub(super) going: BTreeSet<u32>,
}

type Group<'a> = (u32, &'a Signature);

/// The cells, by the group that each is in.
pub(super) struct Groups<'a> {
    addresses: BTreeMap<IpAddr, Group<'a>>,
    prefixes: BTreeMap<IpNet, Group<'a>>,
    /// How many cells each group has.
    sizes: BTreeMap<Group<'a>, usize>,
    nothing: &'a Signature,
}

impl<'a> Groups<'a> {
    /// The common refinement of what the previous image and the next one tell apart.
    pub(super) fn new(previous: &MapImage, signatures: Signatures<'a>) -> Self {
        let (old, nothing) = (&previous.tables, signatures.nothing);
        let compiled = signatures.compiled;
        // What keeps something is a virtual address, and so among the compiled ones.
        let addresses: BTreeMap<IpAddr, Group<'a>> = side_by_side(&old.addresses, &compiled.addresses)
            .map(|(address, class, signature)| {
                let class = class.copied().unwrap_or_else(|| old.class(address));
                (address, (class, signatures.of(address, signature)))
            })
            .collect();
        let prefixes: BTreeMap<IpNet, Group<'a>> = old
            .prefixes
            .keys()
            .chain(compiled.prefixes.keys())
            .map(|net| {
                let class = prefix::covering(&old.prefixes, *net).copied().unwrap_or(DEFAULT_CLASS);
                (*net, (class, signatures.of_prefix(*net)))
            })
            .collect();

        let mut sizes: BTreeMap<Group<'a>, usize> = BTreeMap::new();
        for group in addresses.values().chain(prefixes.values()) {
            *sizes.entry(*group).or_default() += 1;
        }
        // The rest of the universe: every address without an entry.
        sizes.entry((DEFAULT_CLASS, nothing)).or_insert(usize::MAX);
        Self { addresses, prefixes, sizes, nothing }
    }

    /// Those of `rule_sets` that say of some address other things than before.
    pub(super) fn changing(
        &self,
        previous: &MapImage,
        rows: &mut RowTable<'_>,
        rule_sets: BTreeSet<u32>,
    ) -> Result<BTreeSet<u32>, PlanError> {
        let past = Past::new(previous, rows, rule_sets, self.nothing)?;
        let mut changing = BTreeSet::new();
        for (class, signature) in self.sizes.keys() {
            changing.extend(past.changed(*class, signature, rows, &changing)?);
        }
        Ok(changing)
    }
}

/// What some rule sets of the previous image said, and say now.
struct Past<'a> {
    previous: &'a MapImage,
    rule_sets: BTreeSet<u32>,
    /// Those that say something else now of an address that nothing matches.
    otherwise: BTreeSet<u32>,
    /// Those with a row of a class that is not their default.
    rows: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Past<'a> {
    fn new(
        previous: &'a MapImage,
        table: &mut RowTable<'_>,
        rule_sets: BTreeSet<u32>,
        nothing: &Signature,
    ) -> Result<Self, PlanError> {
        let mut otherwise = BTreeSet::new();
        for rule_set in &rule_sets {
            if !is_unchanged(previous, *rule_set, DEFAULT_CLASS, nothing, table)? {
                otherwise.insert(*rule_set);
            }
        }
        let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for key in previous.tables.rows.keys() {
            // The lowest bit is the direction.
            let class = key.class_direction >> 1;
            if class != DEFAULT_CLASS {
                rows.entry(class).or_default().push(key.rule_set);
            }
        }
        Ok(Self { previous, rule_sets, otherwise, rows })
    }

    /// The rule sets that say of addresses with this signature something else than they said of this class, but for those
    /// that are known to. Few have a row for the class or can tell the signature: the rest says what it says of
    /// an address that nothing matches.
    fn changed(
        &self,
        class: u32,
        signature: &Signature,
        table: &mut RowTable<'_>,
        known: &BTreeSet<u32>,
    ) -> Result<BTreeSet<u32>, PlanError> {
        let mut asked = table.telling(signature);
        asked.extend(self.rows.get(&class).into_iter().flatten());
        let mut changed: BTreeSet<u32> = self.otherwise.difference(&asked).copied().collect();
        for rule_set in asked.intersection(&self.rule_sets).filter(|it| !known.contains(it)) {
            if !is_unchanged(self.previous, *rule_set, class, signature, table)? {
                changed.insert(*rule_set);
            }
        }
        Ok(changed)
    }
}

/// Assigns classes. When no rule set goes, no two classes have one signature: nothing is left to merge.
pub(super) fn assign<'a>(
    previous: &MapImage,
    groups: &Groups<'a>,
    rows: &mut RowTable<'_>,
    fate: &Fate,
    names: &mut super::image::Names,
) -> Result<Classes<'a>, PlanError> {
    let Groups { addresses, prefixes, sizes, nothing } = groups;
    let kept = keep(previous, sizes, nothing, rows, fate)?;
    let classes = place(previous, sizes, &kept, fate, names)?;

    let mut live: BTreeMap<u32, &Signature> = BTreeMap::from([(DEFAULT_CLASS, *nothing)]);
    live.extend(classes.iter().map(|((_, signature), class)| (*class, *signature)));
    let class_of = |group: &Group<'a>| classes.get(group).copied().unwrap_or(DEFAULT_CLASS);

    // An entry that says what the next shorter prefix says is left out; shortest first, so that the parent
    // is final when it is asked. No class goes with it: its parent has the same.
    let mut nets: Vec<(&IpNet, u32)> = prefixes.iter().map(|(net, group)| (net, class_of(group))).collect();
    nets.sort_by_key(|(net, _)| (net.prefix_len(), **net));
    let mut kept_prefixes = BTreeMap::new();
    for (net, class) in nets {
        if prefix::parent(&kept_prefixes, *net).copied().unwrap_or(DEFAULT_CLASS) != class {
            kept_prefixes.insert(*net, class);
        }
    }
    let kept_addresses: BTreeMap<IpAddr, u32> = addresses
        .iter()
        .map(|(address, group)| (*address, class_of(group)))
        .filter(|(address, class)| {
            prefix::longest(&kept_prefixes, *address).copied().unwrap_or(DEFAULT_CLASS) != *class
        })
        .collect();
    Ok(Classes { live, addresses: kept_addresses, prefixes: kept_prefixes })
}

/// For each class, the group that keeps it: the largest of those of which every staying rule set says what it
/// said before.
fn keep<'a>(
    previous: &MapImage,
    sizes: &BTreeMap<Group<'a>, usize>,
    nothing: &'a Signature,
    rows: &mut RowTable<'_>,
    fate: &Fate,
) -> Result<BTreeMap<u32, &'a Signature>, PlanError> {
    let past = Past::new(previous, rows, fate.staying.clone(), nothing)?;
    let mut kept: BTreeMap<u32, (usize, &Signature)> =
        BTreeMap::from([(DEFAULT_CLASS, (usize::MAX, nothing))]);
    for ((class, signature), size) in sizes {
        let larger = kept.get(class).is_none_or(|(most, _)| size > most);
        if larger && past.changed(*class, signature, rows, &BTreeSet::new())?.is_empty() {
            kept.insert(*class, (*size, *signature));
        }
    }
    Ok(kept.into_iter().map(|(class, (_, signature))| (class, signature)).collect())
}

/// Whether a rule set says of addresses with this signature what it said of this class.
fn is_unchanged(
    previous: &MapImage,
    rule_set: u32,
    class: u32,
    signature: &Signature,
    rows: &mut RowTable<'_>,
) -> Result<bool, PlanError> {
    for direction in Direction::ALL {
        let after = rows.row(rule_set, direction, signature)?;
        if !previous.tables.row_is(rule_set, direction.into(), class, after.as_deref()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the rule sets that go say of a class.
type Last = Vec<Option<Vec<Interval>>>;

fn last(previous: &MapImage, class: u32, fate: &Fate) -> Last {
    let ask = |rule_set: &u32, way| previous.tables.row_content(*rule_set, way, class);
    fate.going.iter().flat_map(|rule_set| [ask(rule_set, Way::Ingress), ask(rule_set, Way::Egress)]).collect()
}

/// The class of every group.
fn place<'a>(
    previous: &MapImage,
    sizes: &BTreeMap<Group<'a>, usize>,
    kept: &BTreeMap<u32, &'a Signature>,
    fate: &Fate,
    names: &mut super::image::Names,
) -> Result<BTreeMap<Group<'a>, u32>, PlanError> {
    // Classes to join, by what both generations of rules say of them; the lowest number first.
    let mut open: BTreeMap<(&Signature, Last), u32> = BTreeMap::new();
    for (class, signature) in kept {
        open.entry((*signature, last(previous, *class, fate))).or_insert(*class);
    }
    let mut used: BTreeSet<u32> =
        previous.tables.addresses.values().chain(previous.tables.prefixes.values()).copied().collect();
    let mut classes = BTreeMap::new();
    for group in sizes.keys() {
        let (class, signature) = *group;
        // While rule sets go, nothing moves that need not; afterwards equal classes are merged.
        let stays = kept.get(&class) == Some(&signature) && !fate.going.is_empty();
        let place = if stays {
            class
        } else {
            let wanted = (signature, last(previous, class, fate));
            match open.get(&wanted) {
                Some(joined) => *joined,
                None => {
                    let fresh = names.next_class.take_beside(&used)?;
                    used.insert(fresh);
                    open.insert(wanted, fresh);
                    fresh
                }
            }
        };
        classes.insert(*group, place);
    }
    Ok(classes)
}
