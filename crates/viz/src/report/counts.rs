//! The second pass over the log: counts per bucket.

use super::bucket::Buckets;
use super::normal::Normal;
use std::ops::Range;
use turbine_core::prediction::PredictionRecord;

/// Readings, predicted anomalies and outlying values per bucket.
#[derive(Debug, Clone)]
pub struct Counts {
    pub buckets: Buckets,
    readings: Vec<u32>,
    anomalies: Vec<u32>,
    /// Per feature and bucket.
    outliers: Vec<Vec<u32>>,
}

impl Counts {
    pub fn new(buckets: Buckets, n_features: usize) -> Self {
        let zeros = vec![0; buckets.len()];
        Self { buckets, readings: zeros.clone(), anomalies: zeros.clone(), outliers: vec![zeros; n_features] }
    }

    pub fn add(&mut self, record: &PredictionRecord, normal: &Normal) {
        let Some(bucket) = self.buckets.index(record.timestamp) else { return };
        self.readings[bucket] += 1;
        self.anomalies[bucket] += u32::from(record.prediction.is_anomaly);
        for (i, &value) in record.values.iter().enumerate() {
            self.outliers[i][bucket] += u32::from(normal.is_outlier(i, value));
        }
    }

    /// Readings per bucket.
    pub fn readings(&self) -> &[u32] {
        &self.readings
    }

    /// Predicted anomalies per bucket.
    pub fn anomalies(&self) -> &[u32] {
        &self.anomalies
    }

    /// Outlying values of feature `i` per bucket.
    pub fn outliers(&self, i: usize) -> &[u32] {
        &self.outliers[i]
    }

    /// Outlying values of feature `i` in all buckets.
    pub fn n_outliers(&self, i: usize) -> u64 {
        self.outliers[i].iter().map(|&n| u64::from(n)).sum()
    }

    /// Runs of at least [`MIN_GAP`] buckets without readings. Shorter runs occur where readings are further apart than
    /// buckets.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for run in self.readings.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            if run[0] == 0 && run.len() >= MIN_GAP {
                runs.push(start..start + run.len());
            }
            start += run.len();
        }
        runs
    }
}

const MIN_GAP: usize = 3;

/// Moving average over three values. The ends, NaNs and their neighbours are unchanged: nothing is smoothed across a
/// gap.
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
    fn smoothing_leaves_the_ends() {
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
    fn gaps_are_long_runs_without_readings() {
        assert_eq!(counts(&[0, 0, 0, 0, 5, 0, 0, 5, 0, 0, 0, 1]).gaps(), [0..4, 8..11]);
        assert!(counts(&[1, 0, 1, 0, 1]).gaps().is_empty());
    }
}
