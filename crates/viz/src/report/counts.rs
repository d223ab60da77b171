//! The second reading of the log: what each bucket holds.

use super::bucket::Buckets;
use super::normal::Normal;
use std::ops::Range;
use turbine_core::prediction::PredictionRecord;

/// Readings, predicted anomalies and far values, bucket by bucket.
#[derive(Debug, Clone)]
pub struct Counts {
    pub buckets: Buckets,
    readings: Vec<u32>,
    anomalies: Vec<u32>,
    /// Feature by feature, each bucket by bucket.
    far: Vec<Vec<u32>>,
}

impl Counts {
    pub fn new(buckets: Buckets, n_features: usize) -> Self {
        let zeros = vec![0; buckets.len()];
        Self { buckets, readings: zeros.clone(), anomalies: zeros.clone(), far: vec![zeros; n_features] }
    }

    pub fn add(&mut self, record: &PredictionRecord, normal: &Normal) {
        let Some(bucket) = self.buckets.index(record.timestamp) else { return };
        self.readings[bucket] += 1;
        self.anomalies[bucket] += u32::from(record.prediction.is_anomaly);
        for (i, &value) in record.values.iter().enumerate() {
            self.far[i][bucket] += u32::from(normal.is_far(i, value));
        }
    }

    /// Predicted anomalies in each bucket.
    pub fn anomalies(&self) -> &[u32] {
        &self.anomalies
    }

    /// Readings of feature `i` far from normal in each bucket.
    pub fn far(&self, i: usize) -> &[u32] {
        &self.far[i]
    }

    /// Runs of at least [`SILENCE`] buckets without a single reading. Shorter ones are no silence but readings that are
    /// further apart than buckets.
    pub fn silences(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for run in self.readings.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            if run[0] == 0 && run.len() >= SILENCE {
                runs.push(start..start + run.len());
            }
            start += run.len();
        }
        runs
    }
}

const SILENCE: usize = 3;

/// The mean of each value and its two neighbours; an end has no two, and stays as it is. Values that are not numbers
/// stay too, and so do those beside them: nothing is smoothed over a gap.
pub fn smooth(values: &[f64]) -> Vec<f64> {
    let mut smoothed = values.to_vec();
    for (i, window) in values.windows(3).enumerate() {
        let mean = window.iter().sum::<f64>() / 3.0;
        if mean.is_finite() {
            smoothed[i + 1] = mean;
        }
    }
    smoothed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn counts(readings: &[u32]) -> Counts {
        let at = |second: usize| jiff::Timestamp::from_second(second as i64).unwrap();
        let buckets = Buckets::over((at(0), at(readings.len() - 1)), Some("1s".parse().unwrap())).unwrap();
        Counts { readings: readings.to_vec(), ..Counts::new(buckets, 1) }
    }

    #[test]
    fn smoothing_keeps_the_ends() {
        // (9 + 0 + 3) / 3 = 4; (0 + 3 + 6) / 3 = 3.
        assert_eq!(smooth(&[9.0, 0.0, 3.0, 6.0]), [9.0, 4.0, 3.0, 6.0]);
        assert_eq!(smooth(&[7.0]), [7.0]);
        assert_eq!(smooth(&[7.0, 1.0]), [7.0, 1.0]);
    }

    #[test]
    fn smoothing_stops_at_a_gap() {
        let smoothed = smooth(&[3.0, 6.0, f64::NAN, 9.0, 0.0, 0.0]);
        assert_eq!((smoothed[1], smoothed[3], smoothed[4]), (6.0, 9.0, 3.0));
        assert!(smoothed[2].is_nan());
    }

    #[test]
    fn silences_are_long_runs_without_readings() {
        assert_eq!(counts(&[0, 0, 0, 0, 5, 0, 0, 5, 0, 0, 0, 1]).silences(), [0..4, 8..11]);
        assert!(counts(&[1, 0, 1, 0, 1]).silences().is_empty());
    }
}
