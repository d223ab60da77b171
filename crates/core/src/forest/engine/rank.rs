//! Finds the rank of a value among the sorted thresholds of a feature.

/// The thresholds of one feature in several trees.
#[derive(Clone)]
pub(super) struct Ranks {
    /// Ascending, padded with infinities for searches beyond the end.
    thresholds: Vec<f64>,
    low: f64,
    scale: f64,
    last_bucket: f64,
    /// For each bucket, the number of thresholds in the buckets before it.
    first: Vec<u16>,
    /// The first step of the binary search within a bucket: 0 or a power of two.
    first_step: usize,
}

/// A threshold and the number of its split.
pub(super) type Entry = (f64, u32);

/// Added to a number from 0 to 2³², leaves the nearest integer in the low 32 bits.
const TO_INTEGER: f64 = (1u64 << 52) as f64;

impl Ranks {
    /// Sorts the entries, fewer than 2¹⁶, by threshold, and stores the thresholds.
    pub(super) fn new(entries: &mut [Entry], scratch: &mut Vec<Entry>) -> Self {
        let n_buckets = (entries.len() * 2).next_power_of_two();
        let (mut low, mut high) = entries.first().map_or((0.0, 0.0), |&(threshold, _)| (threshold, threshold));
        for &(threshold, _) in &*entries {
            low = if threshold < low { threshold } else { low };
            high = if threshold > high { threshold } else { high };
        }
        let mut ranks = Self {
            thresholds: Vec::new(),
            low,
            scale: if high > low { n_buckets as f64 / (high - low) } else { 0.0 },
            last_bucket: (n_buckets - 1) as f64,
            first: vec![0; n_buckets + 1],
            first_step: 0,
        };
        // A counting sort by bucket, then a sort within each bucket.
        for &(threshold, _) in &*entries {
            let bucket = ranks.bucket(threshold);
            ranks.first[bucket + 1] += 1;
        }
        let (mut sum, mut largest) = (0, 0);
        for first in &mut ranks.first {
            largest = largest.max(*first);
            sum += *first;
            *first = sum;
        }
        scratch.clear();
        scratch.extend_from_slice(entries);
        for &entry in &*scratch {
            let bucket = ranks.bucket(entry.0);
            let next = &mut ranks.first[bucket];
            entries[usize::from(*next)] = entry;
            *next += 1;
        }
        // Each start was advanced to the bucket's end, which is the next bucket's start.
        ranks.first.copy_within(..n_buckets, 1);
        ranks.first[0] = 0;
        for bucket in ranks.first.windows(2) {
            let bucket = &mut entries[usize::from(bucket[0])..usize::from(bucket[1])];
            if bucket.len() > 1 {
                bucket.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
        ranks.first.truncate(n_buckets);
        ranks.first_step = if largest > 0 { 1 << largest.ilog2() } else { 0 };
        ranks.thresholds.reserve_exact(entries.len() + 2 * ranks.first_step);
        ranks.thresholds.extend(entries.iter().map(|&(threshold, _)| threshold));
        ranks.thresholds.extend(std::iter::repeat_n(f64::INFINITY, 2 * ranks.first_step));
        ranks
    }

    /// Monotonic: thresholds in lower buckets are smaller, those in higher buckets larger.
    #[inline(always)]
    fn bucket(&self, value: f64) -> usize {
        let bucket = (value - self.low) * self.scale;
        let bucket = if bucket > 0.0 { bucket } else { 0.0 };
        let bucket = if bucket < self.last_bucket { bucket } else { self.last_bucket };
        (bucket + TO_INTEGER).to_bits() as u32 as usize
    }

    /// The number of thresholds below the value.
    #[inline(always)]
    pub(super) fn rank(&self, value: f64) -> usize {
        let mut rank = usize::from(self.first[self.bucket(value)]);
        let mut step = self.first_step;
        while step > 0 {
            rank += if self.thresholds[rank + step - 1] < value { step } else { 0 };
            step /= 2;
        }
        rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(thresholds: &[f64]) {
        let mut entries: Vec<Entry> = thresholds.iter().zip(0..).map(|(&threshold, id)| (threshold, id)).collect();
        let ranks = Ranks::new(&mut entries, &mut Vec::new());
        assert!(entries.is_sorted_by(|a, b| a.0 <= b.0));
        let nearby = thresholds.iter().flat_map(|&t| [t.next_down(), t, t.next_up()]);
        for value in nearby.chain([f64::MIN, -1.0, 0.0, 1.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]) {
            let expected = thresholds.iter().filter(|&&threshold| threshold < value).count();
            assert_eq!(ranks.rank(value), expected, "{value} among {thresholds:?}");
        }
    }

    #[test]
    fn a_rank_is_the_number_of_smaller_thresholds() {
        check(&[]);
        check(&[3.0]);
        check(&[2.0, -1.0, 2.0, 2.0, 7.5]);
        check(&[f64::MIN, 0.0, f64::MAX]);
        check(&[0.0, f64::from_bits(1), f64::from_bits(2), 1e-300]);
        // All but one in the same bucket.
        let mut crowded: Vec<f64> = (0..300).map(|i| 1.0 + f64::from(i * 7 % 300) * f64::EPSILON).collect();
        crowded.push(1e9);
        check(&crowded);
        check(&(0..1000).map(|i| f64::from(i * 37 % 1000) / 8.0).collect::<Vec<_>>());
    }
}
