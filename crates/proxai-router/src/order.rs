//! The order of a route's targets: tiers by priority, within a tier a draw by weight (R3).
//!
//! Targets of weight 0 come after everything else: they get requests only when nothing is left.
//! The draw is without replacement and takes its randomness from the seed alone.

use crate::table::Target;

/// All targets, each once.
pub(crate) fn ordered(targets: &[Target], seed: u64) -> Vec<&Target> {
    let mut rest: Vec<&Target> = targets.iter().collect();
    // Stable: equal ones stay in file order, which decides when a tier has no weights.
    rest.sort_by_key(|target| (target.weight == 0, target.priority));
    let mut random = SplitMix(seed);
    let mut start = 0;
    while start < rest.len() {
        let tier = (rest[start].weight == 0, rest[start].priority);
        let same = |target: &&Target| (target.weight == 0, target.priority) == tier;
        let end = start + rest[start..].iter().take_while(|t| same(t)).count();
        if !tier.0 {
            for at in start..end {
                let drawn = at + draw(&rest[at..end], &mut random);
                rest.swap(at, drawn);
            }
        }
        start = end;
    }
    rest
}

fn draw(tier: &[&Target], random: &mut SplitMix) -> usize {
    let total: u64 = tier.iter().map(|target| u64::from(target.weight)).sum();
    if tier.len() < 2 || total == 0 {
        return 0;
    }
    let mut ticket = random.next() % total;
    for (index, target) in tier.iter().enumerate() {
        let weight = u64::from(target.weight);
        if ticket < weight {
            return index;
        }
        ticket -= weight;
    }
    0
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). Good enough for
/// sharing out requests, and neighbouring seeds give unrelated numbers.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
