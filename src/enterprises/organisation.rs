//! An organisation as a tree. It is kept by the vendor's staff, since the vendor's API has no operation for it; what may be done
//! to it is decided here, on all of its units, which are a thousand at most.

use super::model::{LEVELS_MAX, PartyId, Unit};
use crate::values::text::texts;

texts! {
    /// The name of a unit.
    UnitName, 1..=64, "Sales";
}

/// How many units an organisation has at most: a recursive query answers them all.
pub const UNITS_MAX: usize = 1000;

/// Why an organisation is left as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// The unit is not one of it.
    #[error("the organisation has no unit {0}")]
    NoSuchUnit(PartyId),
    /// The tree would be too deep.
    #[error("an organisation has at most {LEVELS_MAX} levels")]
    TooDeep,
    /// It has as many units as it can have.
    #[error("an organisation has at most {UNITS_MAX} units")]
    TooMany,
    /// The unit would hang below itself.
    #[error("a unit cannot hang below itself")]
    BelowItself,
    /// The root hangs below nothing.
    #[error("the root stays where it is")]
    Root,
}

/// A unit of an organisation.
pub fn find(units: &[Unit], id: PartyId) -> Result<&Unit, Unfit> {
    units.iter().find(|unit| unit.id == id).ok_or(Unfit::NoSuchUnit(id))
}

/// The unit below which a new one hangs: this one, or else the root.
pub fn place(units: &[Unit], parent: Option<PartyId>) -> Result<&Unit, Unfit> {
    let parent = match parent {
        Some(parent) => find(units, parent)?,
        None => units.iter().find(|unit| unit.parent.is_none()).expect("an organisation has a root"),
    };
    if units.len() >= UNITS_MAX {
        return Err(Unfit::TooMany);
    }
    if parent.level < LEVELS_MAX { Ok(parent) } else { Err(Unfit::TooDeep) }
}

/// The levels of a unit and of all below it once it hangs below another one.
pub fn levels_after(units: &[Unit], id: PartyId, parent: PartyId) -> Result<Vec<(PartyId, i16)>, Unfit> {
    let unit = find(units, id)?;
    let parent = find(units, parent)?;
    if unit.parent.is_none() {
        return Err(Unfit::Root);
    }
    let below = subtree(units, id);
    if below.iter().any(|below| below.id == parent.id) {
        return Err(Unfit::BelowItself);
    }
    let shift = parent.level + 1 - unit.level;
    let levels: Vec<(PartyId, i16)> = below.iter().map(|below| (below.id, below.level + shift)).collect();
    if levels.iter().any(|(_, level)| *level > LEVELS_MAX) { Err(Unfit::TooDeep) } else { Ok(levels) }
}

/// A unit and all below it, level by level.
fn subtree(units: &[Unit], id: PartyId) -> Vec<&Unit> {
    let mut found: Vec<&Unit> = units.iter().filter(|unit| unit.id == id).collect();
    let mut next = 0;
    while let Some(above) = found.get(next).map(|unit| unit.id) {
        found.extend(units.iter().filter(|unit| unit.parent == Some(above)));
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 above 2 and 3, 2 above 4, 4 above 5.
    fn units() -> Vec<Unit> {
        [(1, None, 1), (2, Some(1), 2), (3, Some(1), 2), (4, Some(2), 3), (5, Some(4), 4)]
            .into_iter()
            .map(|(id, parent, level)| Unit {
                id: PartyId(id),
                parent: parent.map(PartyId),
                relation: parent.map(|parent: i64| parent + 100),
                level,
                name: format!("unit {id}"),
            })
            .collect()
    }

    #[test]
    fn a_unit_takes_all_below_it_along() {
        let after = |id, parent| levels_after(&units(), PartyId(id), PartyId(parent));
        assert_eq!(after(2, 3), Ok(vec![(PartyId(2), 3), (PartyId(4), 4), (PartyId(5), 5)]));
        assert_eq!(after(5, 1), Ok(vec![(PartyId(5), 2)]));
        assert_eq!(after(2, 1), Ok(vec![(PartyId(2), 2), (PartyId(4), 3), (PartyId(5), 4)]), "where it is already");
        assert_eq!(after(2, 5), Err(Unfit::BelowItself));
        assert_eq!(after(2, 2), Err(Unfit::BelowItself));
        assert_eq!(after(1, 3), Err(Unfit::Root));
        assert_eq!(after(9, 3), Err(Unfit::NoSuchUnit(PartyId(9))));
        assert_eq!(after(2, 9), Err(Unfit::NoSuchUnit(PartyId(9))));
    }

    #[test]
    fn no_tree_is_deeper_or_larger_than_it_may_be() {
        let mut units = units();
        assert_eq!(place(&units, None).map(|unit| unit.id), Ok(PartyId(1)));
        for id in 6..=11 {
            let level = place(&units, Some(PartyId(id - 1))).expect("there is room").level + 1;
            let (relation, name) = (Some(id + 100), String::new());
            units.push(Unit { id: PartyId(id), parent: Some(PartyId(id - 1)), relation, level, name });
        }
        assert_eq!(units.last().map(|unit| unit.level), Some(LEVELS_MAX));
        assert_eq!(place(&units, Some(PartyId(11))), Err(Unfit::TooDeep));
        assert_eq!(levels_after(&units, PartyId(2), PartyId(3)), Err(Unfit::TooDeep), "the last one below it would be");
        let leaf = units[2].clone();
        units.extend((12..).map(|id| Unit { id: PartyId(id), ..leaf.clone() }).take(UNITS_MAX - units.len()));
        assert_eq!(place(&units, None), Err(Unfit::TooMany));
    }
}
