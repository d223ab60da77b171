//! Random draws that do not depend on the version of a library.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random generator of one tree.
pub(super) struct TreeRng {
    rng: ChaCha8Rng,
    /// The second of the last pair of normal values.
    spare: Option<f64>,
}

impl TreeRng {
    pub(super) fn new(seed: u64, tree: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(tree as u64).to_le_bytes());
        Self { rng: ChaCha8Rng::from_seed(key), spare: None }
    }

    /// Uniform in `0..n`, each value equally likely (Lemire: Fast Random Integer Generation in an Interval, 2019).
    pub(super) fn below(&mut self, n: u32) -> u32 {
        let mut product = u64::from(self.rng.next_u32()) * u64::from(n);
        if (product as u32) < n {
            let rejected = n.wrapping_neg() % n;
            while (product as u32) < rejected {
                product = u64::from(self.rng.next_u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub(super) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high); `low` if the two are equal.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        let value = low + self.unit() * (high - low);
        // Rounding can reach `high`; an overflowing width gives infinity or NaN.
        if value >= low && value < high { value } else { low }
    }

    /// Standard normal and not 0, by Marsaglia's polar method.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let u = 2.0 * self.unit() - 1.0;
            let v = 2.0 * self.unit() - 1.0;
            let s = u * u + v * v;
            if s < 1.0 && u != 0.0 && v != 0.0 {
                let length = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(v * length);
                return u * length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_uniform() {
        let mut rng = TreeRng::new(1, 0);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // 10,000 each, with a standard deviation of √(70,000 · 1/7 · 6/7) = 93: five of them.
        assert!(counts.iter().all(|count| (9_535..=10_465).contains(count)), "{counts:?}");
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn normal_values_have_mean_0_and_variance_1() {
        let mut rng = TreeRng::new(2, 0);
        let values: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / 1e5;
        // Standard deviations 1/√100,000 = 0.0032 and √(2/100,000) = 0.0045: five of them.
        assert!(mean.abs() < 0.016 && (variance - 1.0).abs() < 0.023, "{mean} {variance}");
        assert!(values.iter().all(|value| *value != 0.0 && value.is_finite()));
    }

    #[test]
    fn between_excludes_the_upper_end() {
        let mut rng = TreeRng::new(3, 0);
        for (low, high) in [(1.0, 1.0_f64.next_up()), (-1e308, 1.7e308), (0.0, f64::from_bits(1)), (-2.0, 3.0)] {
            for _ in 0..1_000 {
                let value = rng.between(low, high);
                assert!(value >= low && value < high, "{value}");
            }
        }
        assert_eq!(rng.between(4.0, 4.0), 4.0);
    }

    #[test]
    fn draws_depend_on_seed_and_tree_only() {
        let first = |seed, tree| TreeRng::new(seed, tree).below(u32::MAX);
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(1, 2), first(1, 3));
    }
}
