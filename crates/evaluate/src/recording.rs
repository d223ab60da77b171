//! The rows of a source as recordings, one a turbine.

use anyhow::{Context, bail};
use jiff::Timestamp;
use turbine_core::dataset::{DatasetError, Rows, SkippedRows, Table};

/// The usable rows of a source, turbine by turbine.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Values in a reading.
    pub n_features: usize,
    /// The turbines, in the order in which the file first names them.
    pub turbines: Vec<Turbine>,
    /// The rows that cannot be used.
    pub left_out: SkippedRows,
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

impl Recording {
    /// Reads all rows of what is evaluated on: each value that marks a fault must occur.
    ///
    /// # Errors
    /// Those of [`Recording::read_normal`], or if such a value does not occur.
    pub fn read(table: Table) -> anyhow::Result<Self> {
        Self::read_and(table, Rows::check_faults)
    }

    /// Reads all rows of what is to be mostly normal running. Those without a usable cell in each column, or with a value that no sensor of the feature can report,
    /// are left out and counted. Without a label column every row is normal running, without a turbine column all rows are
    /// of one turbine.
    ///
    /// # Errors
    /// If there is no column of times, the rows cannot be read, or none is usable.
    pub fn read_normal(table: Table) -> anyhow::Result<Self> {
        Self::read_and(table, |_| Ok(()))
    }

    fn read_and(table: Table, check: impl Fn(&Rows) -> Result<(), DatasetError>) -> anyhow::Result<Self> {
        table.time().context("no column of times was found; name it with --timestamp")?;
        let mut rows = table.rows()?;
        let n_features = rows.features().len();
        let mut turbines: Vec<Turbine> = Vec::new();
        for (i, row) in rows.by_ref().enumerate() {
            let row = row?;
            let place = row.turbine.unwrap_or(0);
            if place == turbines.len() {
                turbines.push(Turbine::default());
            }
            let turbine = &mut turbines[place];
            turbine.times.push(row.timestamp.expect("there is a column of times"));
            turbine.readings.extend(row.values);
            turbine.labels.push(row.label.unwrap_or(false));
            turbine.rows.push(i);
        }
        let left_out = rows.skipped().clone();
        if turbines.is_empty() {
            bail!(
                "no row has a usable cell in each column that is read (left out: {left_out}); check the model's features and the columns named"
            );
        }
        check(&rows)?;
        for (turbine, name) in turbines.iter_mut().zip(rows.turbines()) {
            turbine.name.clone_from(name);
        }
        let out_of_order = turbines.iter_mut().map(|turbine| turbine.sort(n_features)).sum();
        Ok(Recording { n_features, turbines, left_out, out_of_order })
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
        Recording { turbines, left_out: SkippedRows::default(), ..*self }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
