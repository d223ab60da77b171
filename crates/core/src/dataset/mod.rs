//! Data sets: readings with optional labels, times and turbines, read from any export of a plant and split for training.
//!
//! A [`Source`] of bytes is opened as a [`Table`], which detects its form; [`Table::choose`] finds the columns of
//! measurements, and [`Table::rows`] reads them one by one.

mod compression;
mod dialect;
mod encoding;
mod error;
mod label;
mod missing;
mod number;
#[cfg(feature = "parquet")]
mod parquet;
mod profile;
mod records;
mod request;
mod rows;
mod shape;
mod skipped;
mod source;
mod survey;
mod table;
mod times;

pub use dialect::Separator;
pub use encoding::Encoding;
pub use error::DatasetError;
pub use number::Decimal;
pub use profile::Sentinel;
pub use request::Request;
pub use rows::{Row, Rows};
pub use skipped::SkippedRows;
pub use source::Source;
pub use survey::{Choice, LeftOut};
pub use table::Table;
pub use times::TimeColumn;

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
    turbines: Option<Vec<usize>>,
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
        Dataset { features, readings, labels, times: None, turbines: None }
    }

    /// The same readings with the times at which they were taken: they are then one recording, not a heap of readings.
    ///
    /// # Panics
    /// If there is not one time a reading.
    pub fn with_times(self, times: Vec<Timestamp>) -> Self {
        assert_eq!(times.len(), self.len(), "one time a reading");
        Dataset { times: Some(times), ..self }
    }

    /// The same readings with the turbine, a number from 0, that each was taken at.
    ///
    /// # Panics
    /// If there is not one turbine a reading.
    pub fn with_turbines(self, turbines: Vec<usize>) -> Self {
        assert_eq!(turbines.len(), self.len(), "one turbine a reading");
        Dataset { turbines: Some(turbines), ..self }
    }

    /// Reads all usable rows. Rows with a cell in a selected column that is empty, no number or out of range are skipped and
    /// counted.
    ///
    /// # Errors
    /// A [`DatasetError`] if a column is missing or no row is usable.
    pub fn read(table: Table) -> Result<(Self, SkippedRows), DatasetError> {
        let (has_labels, has_turbines) = (table.request().label.is_some(), table.request().turbine.is_some());
        let mut rows = table.rows()?;
        let (mut readings, mut labels, mut times, mut turbines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in rows.by_ref() {
            let row = row?;
            readings.extend(row.values);
            labels.extend(row.label);
            times.extend(row.timestamp);
            turbines.extend(row.turbine);
        }
        if readings.is_empty() {
            return Err(DatasetError::NoRows(rows.skipped().clone()));
        }
        rows.check_faults()?;
        let dataset = Dataset {
            features: rows.features().clone(),
            readings,
            labels: has_labels.then_some(labels),
            times: rows.has_times().then_some(times),
            turbines: has_turbines.then_some(turbines),
        };
        Ok((dataset, rows.skipped().clone()))
    }

    /// Reads the usable rows of a file in any form, see [`Dataset::read`].
    ///
    /// # Errors
    /// A [`DatasetError`] if the file cannot be read, a column is missing or no row is usable.
    pub fn from_reader(mut file: impl Read, request: Request) -> Result<(Self, SkippedRows), DatasetError> {
        let (name, mut bytes) = ("the data", Vec::new());
        file.read_to_end(&mut bytes).map_err(|problem| DatasetError::Open { name: name.to_owned(), problem })?;
        Dataset::read(Table::open(Source::bytes(name, bytes), request)?)
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

    /// The turbine of each reading, if there are several.
    pub fn turbines(&self) -> Option<&[usize]> {
        self.turbines.as_deref()
    }

    /// The readings of each turbine, by their indices, in the order of the turbines; of all readings if there is one turbine.
    pub fn by_turbine(&self) -> Vec<Vec<usize>> {
        let Some(turbines) = &self.turbines else { return vec![(0..self.len()).collect()] };
        let mut indices = vec![Vec::new(); turbines.iter().max().map_or(0, |last| last + 1)];
        turbines.iter().enumerate().for_each(|(i, &turbine)| indices[turbine].push(i));
        indices
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
        let turbines = self.turbines.as_ref().map(|turbines| indices.iter().map(|&i| turbines[i]).collect());
        Dataset { times, turbines, ..Dataset::new(self.features.clone(), readings, labels) }
    }

    /// The same readings without the feature of this name.
    ///
    /// # Panics
    /// If it is the only one.
    pub fn without(&self, name: &str) -> Dataset {
        let kept: Vec<usize> = (0..self.features.len()).filter(|&i| self.features[i].name != name).collect();
        let features = kept.iter().map(|&i| self.features[i].clone()).collect();
        let features = FeatureSet::new(features).expect("a part of a feature set, and not empty");
        let rows = self.readings.chunks_exact(self.features.len());
        let readings = rows.flat_map(|row| kept.iter().map(|&i| row[i])).collect();
        Dataset {
            features,
            readings,
            labels: self.labels.clone(),
            times: self.times.clone(),
            turbines: self.turbines.clone(),
        }
    }

    /// The readings not labelled as anomalies, in the order of their times.
    pub fn normal_in_order_of_time(&self) -> Dataset {
        let mut indices = self.order_of_time();
        indices.retain(|&i| self.labels.as_ref().is_none_or(|labels| !labels[i]));
        self.select(&indices)
    }

    fn order_of_time(&self) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..self.len()).collect();
        if let Some(times) = &self.times {
            indices.sort_by_key(|&i| times[i]);
        }
        indices
    }

    /// One reading in `stride`, from the first on.
    ///
    /// # Panics
    /// If `stride` is 0.
    pub fn thinned(&self, stride: usize) -> Dataset {
        self.select(&(0..self.len()).step_by(stride).collect::<Vec<_>>())
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
        self.cut(&self.order_of_time())
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
