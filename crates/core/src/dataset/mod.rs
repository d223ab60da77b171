//! Readings with or without labels: from a CSV, split for training.

mod csv_rows;

pub use csv_rows::{Columns, CsvRow, CsvRows, DatasetError, SkippedRows};

use crate::feature::FeatureSet;
use jiff::Timestamp;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Read;

/// Readings of one feature set, perhaps labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    features: FeatureSet,
    readings: Vec<f64>,
    labels: Option<Vec<bool>>,
    times: Option<Vec<Timestamp>>,
}

/// A data set cut in three.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// What the forest is fitted to: 70 %.
    pub train: Dataset,
    /// What choices are made on: 10 %.
    pub val: Dataset,
    /// What the result is measured on: 20 %.
    pub test: Dataset,
}

impl Dataset {
    /// Readings that are known to be finite.
    ///
    /// # Panics
    /// If `readings` is not n_readings × n_features long, or there is not one label a reading.
    pub fn new(features: FeatureSet, readings: Vec<f64>, labels: Option<Vec<bool>>) -> Self {
        assert_eq!(readings.len() % features.len(), 0, "whole readings");
        if let Some(labels) = &labels {
            assert_eq!(labels.len(), readings.len() / features.len(), "one label a reading");
        }
        Dataset { features, readings, labels, times: None }
    }

    /// The same readings with the times at which they were taken: they are then one recording, not a heap of readings.
    ///
    /// # Panics
    /// If there is not one time a reading.
    pub fn with_times(self, times: Vec<Timestamp>) -> Self {
        assert_eq!(times.len(), self.len(), "one time a reading");
        Dataset { times: Some(times), ..self }
    }

    /// Reads a CSV with a header. Rows with an empty or non-numeric cell in a column that is read are left out and
    /// counted.
    ///
    /// # Errors
    /// A [`DatasetError`] if a column is missing, or no row is left.
    pub fn from_csv(csv: impl Read, columns: &Columns) -> Result<(Self, SkippedRows), DatasetError> {
        let mut rows = CsvRows::new(csv, columns)?;
        let (mut readings, mut labels, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.by_ref() {
            let row = row?;
            readings.extend(row.values);
            labels.extend(row.label);
            times.extend(row.timestamp);
        }
        let (features, skipped) = rows.finish();
        if readings.is_empty() {
            return Err(DatasetError::NoRows(skipped));
        }
        let labels = columns.label.is_some().then_some(labels);
        let dataset = Dataset::new(features, readings, labels);
        Ok((if columns.timestamp.is_some() { dataset.with_times(times) } else { dataset }, skipped))
    }

    /// What each reading consists of.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The values: row-major, n_readings × n_features.
    pub fn readings(&self) -> &[f64] {
        &self.readings
    }

    /// For each reading whether it is an anomaly, if that is known.
    pub fn labels(&self) -> Option<&[bool]> {
        self.labels.as_deref()
    }

    /// When each reading was taken, if that is known.
    pub fn times(&self) -> Option<&[Timestamp]> {
        self.times.as_deref()
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.readings.len() / self.features.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// The values of feature `i`, reading by reading.
    pub fn column(&self, i: usize) -> impl Iterator<Item = f64> + '_ {
        self.readings.iter().skip(i).step_by(self.features.len()).copied()
    }

    /// The readings at `places`, in that order.
    ///
    /// # Panics
    /// If a place is not below [`Dataset::len`].
    pub fn select(&self, places: &[usize]) -> Dataset {
        let n = self.features.len();
        let readings = places.iter().flat_map(|&i| &self.readings[i * n..(i + 1) * n]).copied().collect();
        let labels = self.labels.as_ref().map(|labels| places.iter().map(|&i| labels[i]).collect());
        let times = self.times.as_ref().map(|times| places.iter().map(|&i| times[i]).collect());
        Dataset { times, ..Dataset::new(self.features.clone(), readings, labels) }
    }

    /// The readings in the order of their times; as they are where these are not known.
    pub fn in_order_of_time(&self) -> Dataset {
        let mut places: Vec<usize> = (0..self.len()).collect();
        if let Some(times) = &self.times {
            places.sort_by_key(|&i| times[i]);
        }
        self.select(&places)
    }

    /// The readings that are not labelled as anomalies; all without labels.
    pub fn normal(&self) -> Dataset {
        let is_normal = |i: &usize| self.labels.as_ref().is_none_or(|labels| !labels[*i]);
        self.select(&(0..self.len()).filter(is_normal).collect::<Vec<_>>())
    }

    /// Shuffles the readings and cuts them 70 / 10 / 20.
    pub fn split(&self, seed: u64) -> Splits {
        let mut places: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut places, &mut ChaCha8Rng::seed_from_u64(seed));
        self.cut(&places)
    }

    /// Cuts the readings 70 / 10 / 20 in the order of their times. Shuffled, each reading of Test would have its neighbours
    /// in time among those of Train, and be as good as known.
    pub fn split_in_time(&self) -> Splits {
        self.in_order_of_time().cut(&(0..self.len()).collect::<Vec<_>>())
    }

    fn cut(&self, places: &[usize]) -> Splits {
        let train = self.len() * 7 / 10;
        let val = train + self.len() / 10;
        Splits {
            train: self.select(&places[..train]),
            val: self.select(&places[train..val]),
            test: self.select(&places[val..]),
        }
    }
}

/// Puts `items` in an order that depends on nothing but the generator.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for i in (1..items.len()).rev() {
        // u64 and not usize, whose draws differ between machines.
        items.swap(i, rng.random_range(0..=i as u64) as usize);
    }
}

#[cfg(test)]
mod tests;
