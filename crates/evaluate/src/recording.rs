//! A CSV as recordings, one a turbine.

use anyhow::{Context, bail};
use jiff::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use turbine_core::dataset::{Columns, CsvRows, DatasetError};
use turbine_core::feature::{Feature, FeatureSet};

/// Which columns of a CSV to read.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The features, by their names.
    pub features: &'a FeatureSet,
    /// Where 1 or true marks a fault; without it every row is normal running.
    pub label: Option<&'a str>,
    /// When a reading was taken.
    pub timestamp: &'a str,
    /// Which turbine it is of; without it all rows are of one.
    pub turbine: Option<&'a str>,
}

/// The usable rows of a CSV, turbine by turbine.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Values in a reading.
    pub n_features: usize,
    /// The turbines, in the order in which the file first names them.
    pub turbines: Vec<Turbine>,
    /// The rows that cannot be used.
    pub left_out: LeftOut,
    /// Rows that are older than a row of the same turbine before them.
    pub out_of_order: usize,
}

/// The rows of one turbine in the order of time; rows of one time are in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Turbine {
    /// As the file names it; empty if no column was named.
    pub name: String,
    /// One entry a reading.
    pub times: Vec<Timestamp>,
    /// Row-major, n_readings × n_features, in the features' units.
    pub readings: Vec<f64>,
    /// Whether a reading is labelled as a fault.
    pub labels: Vec<bool>,
    /// The place of a reading among the usable rows of the file.
    pub rows: Vec<usize>,
}

/// Counts of rows that were left out, each under one cause.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeftOut(Vec<(String, u64)>);

impl LeftOut {
    /// How many rows were left out.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, rows)| rows).sum()
    }

    fn add(&mut self, cause: &str, rows: u64) {
        match self.0.iter_mut().find(|(known, _)| known == cause) {
            Some((_, counted)) => *counted += rows,
            None => self.0.push((cause.to_owned(), rows)),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes: Vec<String> = self.0.iter().map(|(cause, rows)| format!("{cause}: {rows}")).collect();
        f.write_str(&causes.join(", "))
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, lacks a column, or has no usable row.
    pub fn load(path: &Path, layout: Layout<'_>) -> anyhow::Result<Self> {
        let csv = fs::read(path).context("cannot read the file; is the path right?")?;
        Self::parse(&csv, layout)
    }

    /// Whether the header of a file has this column.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn has_column(path: &Path, column: &str) -> anyhow::Result<bool> {
        let file = fs::File::open(path).context("cannot read the file; is the path right?")?;
        Ok(reader(file).headers()?.iter().any(|name| name == column))
    }

    /// Reads the text of a CSV. Rows without a usable cell in each column, or with a value that no sensor of the feature
    /// can report, are left out and counted.
    ///
    /// # Errors
    /// If a column is missing, named for two roles, or holds no labels, or no row is usable.
    pub fn parse(csv: &[u8], layout: Layout<'_>) -> anyhow::Result<Self> {
        let Layout { features, label, timestamp, turbine } = layout;
        let columns = Columns {
            features: Some(features.clone()),
            label: label.map(str::to_owned),
            timestamp: Some(timestamp.to_owned()),
        };
        let mut names = turbine.map(|column| turbine_names(csv, column, layout)).transpose()?;
        let mut rows = CsvRows::new(csv, &columns)?;
        let mut recording = Recording {
            n_features: features.len(),
            turbines: Vec::new(),
            left_out: LeftOut::default(),
            out_of_order: 0,
        };
        let (mut places, mut n_parsed, mut n_records, mut n_usable) = (HashMap::new(), 0, 0, 0);
        while let Some(row) = rows.next() {
            let row = row?;
            // The rows that were skipped on the way to this one are records of the file, too.
            let record = rows.skipped().total() as usize + n_parsed;
            let name = match &mut names {
                Some(names) => names.nth(record - n_records).transpose()?.unwrap_or_default(),
                None => String::new(),
            };
            (n_parsed, n_records) = (n_parsed + 1, record + 1);
            if let Some(feature) = out_of_range(features, &row.values) {
                recording.left_out.add(&format!("{feature} out of range"), 1);
                continue;
            }
            if let Some(column) = turbine.filter(|_| name.is_empty()) {
                recording.left_out.add(column, 1);
                continue;
            }
            let place = *places.entry(name).or_insert_with_key(|name| {
                recording.turbines.push(Turbine { name: name.clone(), ..Turbine::default() });
                recording.turbines.len() - 1
            });
            let turbine = &mut recording.turbines[place];
            turbine.times.push(row.timestamp.expect("a timestamp column was named"));
            turbine.readings.extend(row.values);
            turbine.labels.push(row.label.unwrap_or(false));
            turbine.rows.push(n_usable);
            n_usable += 1;
        }
        let (_, skipped) = rows.finish();
        skipped.by_column().for_each(|(column, rows)| recording.left_out.add(column, rows));
        if n_usable == 0 {
            bail!(
                "no row has a usable cell in each column that is read (left out: {}); check the model's features and the columns named",
                recording.left_out
            );
        }
        for turbine in &mut recording.turbines {
            recording.out_of_order += turbine.sort(features.len());
        }
        Ok(recording)
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.turbines.iter().map(|turbine| turbine.times.len()).sum()
    }

    /// Readings labelled as faults.
    pub fn n_faults(&self) -> usize {
        self.turbines.iter().flat_map(|turbine| &turbine.labels).filter(|label| **label).count()
    }

    /// The readings that are not labelled as faults.
    pub fn normal(&self) -> Recording {
        let n = self.n_features;
        let turbines = self.turbines.iter().map(|turbine| {
            let places: Vec<usize> = (0..turbine.labels.len()).filter(|&i| !turbine.labels[i]).collect();
            turbine.select(&places, n)
        });
        let turbines = turbines.filter(|turbine| !turbine.times.is_empty()).collect();
        Recording { turbines, left_out: LeftOut::default(), ..*self }
    }

    /// The median seconds between readings of a turbine; `None` if there are no two of different times.
    pub fn typical_interval(&self) -> Option<f64> {
        let pairs = self.turbines.iter().flat_map(|turbine| turbine.times.windows(2));
        let mut seconds: Vec<f64> = pairs.map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect();
        seconds.retain(|&seconds| seconds > 0.0);
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len().saturating_sub(1) / 2).copied()
    }
}

impl Turbine {
    fn select(&self, places: &[usize], n_features: usize) -> Turbine {
        Turbine {
            name: self.name.clone(),
            times: places.iter().map(|&i| self.times[i]).collect(),
            readings: places.iter().flat_map(|&i| &self.readings[i * n_features..][..n_features]).copied().collect(),
            labels: places.iter().map(|&i| self.labels[i]).collect(),
            rows: places.iter().map(|&i| self.rows[i]).collect(),
        }
    }

    /// Puts the readings in the order of time and returns how many were not.
    fn sort(&mut self, n_features: usize) -> usize {
        let mut newest = Timestamp::MIN;
        let mut late = 0;
        for &time in &self.times {
            late += usize::from(time < newest);
            newest = newest.max(time);
        }
        if late > 0 {
            let mut places: Vec<usize> = (0..self.times.len()).collect();
            places.sort_by_key(|&i| self.times[i]);
            *self = self.select(&places, n_features);
        }
        late
    }
}

/// The first feature whose value no sensor can report; the service refuses such a reading.
fn out_of_range<'a>(features: &'a FeatureSet, values: &[f64]) -> Option<&'a str> {
    let is_within = |feature: &Feature, value| feature.range.is_none_or(|range| range.contains(value));
    features.iter().zip(values).find(|(feature, value)| !is_within(feature, **value)).map(|(f, _)| f.name.as_str())
}

/// A reader that sees the same records as [`CsvRows`].
fn reader<R: Read>(csv: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv)
}

/// The cell of the turbine's column in every record of the file.
fn turbine_names<'a>(
    csv: &'a [u8],
    column: &str,
    layout: Layout<'_>,
) -> anyhow::Result<impl Iterator<Item = csv::Result<String>> + 'a> {
    let roles = layout.features.names().chain(layout.label).chain([layout.timestamp]);
    if roles.into_iter().any(|role| role == column) {
        bail!("column {column:?} is selected as the turbine and in another role; remove one");
    }
    let mut reader = reader(csv);
    let header = reader.headers()?.clone();
    let place = header.iter().position(|name| name == column).ok_or_else(|| DatasetError::NoColumn {
        column: column.to_owned(),
        columns: header.iter().map(str::to_owned).collect(),
    })?;
    Ok(reader.into_records().map(move |record| Ok(record?.get(place).unwrap_or_default().to_owned())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
