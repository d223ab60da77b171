//! Latencies in a fixed number of classes.

use std::time::Duration;

/// Classes double in width with every 2^`PRECISION` of them, so that none is wider than 1 % of its values.
const PRECISION: u32 = 7;
const PER_OCTAVE: u64 = 1 << PRECISION;

/// How long answers took: to the microsecond up to 255 µs, and to 1 % above.
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        let classes = class(u64::MAX) + 1;
        LatencyHistogram { counts: vec![0; classes], total: 0, max: 0 }
    }
}

impl LatencyHistogram {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.counts[class(micros)] += 1;
        self.total += 1;
        self.max = self.max.max(micros);
    }

    /// The latency that the share `q` (0 to 1) of all did not exceed, at most 1 % too large; `None` if there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = ((self.total as f64 * q).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        let class = self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_micros(upper_end(class).min(self.max)))
    }

    /// The largest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max)
    }
}

fn class(micros: u64) -> usize {
    let octave = (u64::BITS - micros.leading_zeros()).saturating_sub(PRECISION + 1);
    (u64::from(octave) * PER_OCTAVE + (micros >> octave)) as usize
}

/// The largest value of a class.
fn upper_end(class: usize) -> u64 {
    let class = class as u64;
    let octave = (class / PER_OCTAVE).saturating_sub(1);
    let mantissa = class - octave * PER_OCTAVE;
    (mantissa << octave) + ((1 << octave) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(micros: impl IntoIterator<Item = u64>) -> [Option<u128>; 4] {
        let mut histogram = LatencyHistogram::default();
        micros.into_iter().for_each(|micros| histogram.record(Duration::from_micros(micros)));
        [0.5, 0.9, 0.99, 1.0].map(|q| histogram.quantile(q).map(|latency| latency.as_micros()))
    }

    #[test]
    fn short_latencies_are_exact() {
        // Of 1 to 100, 50 do not exceed 50, 90 do not exceed 90, 99 do not exceed 99.
        assert_eq!(quantiles(1..=100), [Some(50), Some(90), Some(99), Some(100)]);
        assert_eq!(quantiles([7]), [Some(7); 4]);
        assert_eq!(quantiles([]), [None; 4]);
    }

    #[test]
    fn long_latencies_are_at_most_one_percent_too_large() {
        let actual = quantiles((1..=100).map(|i| i * 10_000));
        for (actual, expected) in actual.into_iter().zip([500_000.0, 900_000.0, 990_000.0, 1_000_000.0]) {
            assert!(
                actual.is_some_and(|a| a as f64 >= expected && a as f64 <= expected * 1.01),
                "{actual:?} {expected}"
            );
        }
    }

    #[test]
    fn every_value_is_in_a_class_that_ends_at_or_little_above_it() {
        for shift in 0..64 {
            for micros in [1_u64 << shift, (1 << shift) + (1 << shift >> 1), ((1_u64 << shift) - 1).wrapping_mul(2) + 1]
            {
                let end = upper_end(class(micros));
                assert!(end >= micros && end - micros <= micros / 100, "{micros} {end}");
            }
        }
        assert_eq!(upper_end(class(u64::MAX)), u64::MAX);
    }
}
