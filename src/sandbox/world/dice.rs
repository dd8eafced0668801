//! Chance that follows from a seed.

use super::accounts::derived;

/// Numbers that follow from a seed and look like chance: `SplitMix64`.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let bytes = *derived(seed, name, "history").first_chunk().expect("a SHA-256 has 32 bytes");
        Self(u64::from_be_bytes(bytes))
    }

    /// A number below `sides`.
    pub(super) fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// The same as a place in a list of this length.
    pub(super) fn throw_index(&mut self, length: usize) -> usize {
        let sides = u64::try_from(length).expect("lengths fit");
        usize::try_from(self.throw(sides)).expect("it is below the length")
    }

    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.throw_index(place + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_follow_from_the_seed() {
        let throws = |seed| {
            let mut dice = Dice::new(seed, "demo-partner");
            (0..100).map(|_| dice.throw(6)).collect::<Vec<_>>()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
        assert!((0..6).all(|side| throws(1).contains(&side)));
    }
}
