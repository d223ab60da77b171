//! Data sets: readings with optional labels, read from a CSV and split for training.

mod csv_rows;

pub use csv_rows::{Columns, CsvRow, CsvRows, DatasetError, SkippedRows};

use crate::feature::FeatureSet;
use jiff::Timestamp;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Read;

/// Readings of one feature set, with optional labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    features: FeatureSet,
    readings: Vec<f64>,
    labels: Option<Vec<bool>>,
    times: Option<Vec<Timestamp>>,
}

/// A data set split into three parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// 70 %: the forest is fitted to it.
    pub train: Dataset,
    /// 10 %: parameters are chosen by it.
    pub val: Dataset,
    /// 20 %: the model is evaluated on it.
    pub test: Dataset,
}

impl Dataset {
    /// A data set of finite `readings`, row-major `n_readings × n_features`.
    ///
    /// # Panics
    /// If `readings` is not a whole number of readings, or there is not one label per reading.
    pub fn new(features: FeatureSet, readings: Vec<f64>, labels: Option<Vec<bool>>) -> Self {
        assert_eq!(readings.len() % features.len(), 0, "whole readings");
        if let Some(labels) = &labels {
            assert_eq!(labels.len(), readings.len() / features.len(), "one label per reading");
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

    /// Reads a CSV with a header. Rows with an empty or non-numeric cell in a selected column are skipped and counted.
    ///
    /// # Errors
    /// A [`DatasetError`] if a column is missing or no row is usable.
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

    /// The features of each reading.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The values, row-major `n_readings × n_features`.
    pub fn readings(&self) -> &[f64] {
        &self.readings
    }

    /// One label per reading (true = anomaly), if there are labels.
    pub fn labels(&self) -> Option<&[bool]> {
        self.labels.as_deref()
    }

    /// When each reading was taken, if that is known.
    pub fn times(&self) -> Option<&[Timestamp]> {
        self.times.as_deref()
    }

    /// The number of readings.
    pub fn len(&self) -> usize {
        self.readings.len() / self.features.len()
    }

    /// Whether there are no readings.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// The values of feature `i`, one per reading.
    pub fn column(&self, i: usize) -> impl Iterator<Item = f64> + '_ {
        self.readings.iter().skip(i).step_by(self.features.len()).copied()
    }

    /// The readings at `indices`, in that order.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    pub fn select(&self, indices: &[usize]) -> Dataset {
        let n = self.features.len();
        let readings = indices.iter().flat_map(|&i| &self.readings[i * n..(i + 1) * n]).copied().collect();
        let labels = self.labels.as_ref().map(|labels| indices.iter().map(|&i| labels[i]).collect());
        let times = self.times.as_ref().map(|times| indices.iter().map(|&i| times[i]).collect());
        Dataset { times, ..Dataset::new(self.features.clone(), readings, labels) }
    }

    /// The readings in the order of their times; unchanged without times.
    pub fn in_order_of_time(&self) -> Dataset {
        let mut indices: Vec<usize> = (0..self.len()).collect();
        if let Some(times) = &self.times {
            indices.sort_by_key(|&i| times[i]);
        }
        self.select(&indices)
    }

    /// The readings not labelled as anomalies; all of them without labels.
    pub fn normal(&self) -> Dataset {
        let is_normal = |i: &usize| self.labels.as_ref().is_none_or(|labels| !labels[*i]);
        self.select(&(0..self.len()).filter(is_normal).collect::<Vec<_>>())
    }

    /// Shuffles the readings and splits them 70 / 10 / 20.
    pub fn split(&self, seed: u64) -> Splits {
        let mut indices: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut indices, &mut ChaCha8Rng::seed_from_u64(seed));
        self.cut(&indices)
    }

    /// Splits the readings 70 / 10 / 20 in the order of their times. After a shuffle, each reading of Test would have
    /// its neighbours in time among those of Train, so that Test would measure little.
    pub fn split_in_time(&self) -> Splits {
        self.in_order_of_time().cut(&(0..self.len()).collect::<Vec<_>>())
    }

    fn cut(&self, indices: &[usize]) -> Splits {
        let train = self.len() * 7 / 10;
        let val = train + self.len() / 10;
        Splits {
            train: self.select(&indices[..train]),
            val: self.select(&indices[train..val]),
            test: self.select(&indices[val..]),
        }
    }
}

/// Shuffles `items` (Fisher–Yates), the same way on every machine.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for i in (1..items.len()).rev() {
        // u64, since draws of usize differ between 32-bit and 64-bit machines.
        items.swap(i, rng.random_range(0..=i as u64) as usize);
    }
}

#[cfg(test)]
mod tests;
