//! Latency quantiles in bounded memory.

use hdrhistogram::Histogram;
use std::time::Duration;

/// A histogram of latencies, exact to the microsecond up to 2 ms and to 0.1 % above.
#[derive(Debug, Clone)]
pub struct LatencyHistogram(Histogram<u64>);

/// Longer latencies count as this one, about three hours.
const MAX_MICROS: u64 = 10_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

impl Default for LatencyHistogram {
    fn default() -> Self {
        LatencyHistogram(
            Histogram::new_with_max(MAX_MICROS, SIGNIFICANT_DIGITS).expect("the constants are valid bounds"),
        )
    }
}

impl LatencyHistogram {
    /// Adds a latency.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_MICROS));
    }

    /// The `q`-quantile (`q` from 0 to 1); `None` if nothing was recorded.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(q)))
    }
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
    fn long_latencies_are_exact_to_a_tenth_of_a_percent() {
        let actual = quantiles((1..=100).map(|i| i * 10_000));
        for (actual, expected) in actual.into_iter().zip([500_000.0, 900_000.0, 990_000.0, 1_000_000.0]) {
            assert!(
                actual.is_some_and(|a| (a as f64 - expected).abs() <= expected * 0.001),
                "{actual:?} for {expected}"
            );
        }
    }

    #[test]
    fn latencies_beyond_the_range_count_as_its_end() {
        let [median, ..] = quantiles([u64::MAX]);
        assert!(median.is_some_and(|micros| micros >= u128::from(MAX_MICROS)), "{median:?}");
    }
}
