//! Chance that can be repeated: what is drawn follows from a seed.

/// A source of draws (SplitMix64).
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    /// The draws of one of many users of a seed.
    pub fn of(seed: u64, user: u64) -> Self {
        let mut chance = Self(seed ^ user.wrapping_mul(0xd134_2543_de82_ef95));
        chance.draw();
        chance
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`.
    pub fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most.max(1)).unwrap();
        usize::try_from(self.draw() % most).unwrap()
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn happens(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}
