//! A CSV's rows as readings, one at a time.

use crate::feature::{FeatureError, FeatureSet, RESERVED_NAMES};
use csv::StringRecord;
use jiff::{Timestamp, civil, tz};
use std::fmt;
use std::io::Read;

/// Which columns of a CSV are read as what.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    /// The features, in order; `None` takes every column that is neither label nor timestamp nor a column of the
    /// prediction log.
    pub features: Option<FeatureSet>,
    /// Where 1 or true marks an anomaly, 0 or false a normal reading.
    pub label: Option<String>,
    /// When the reading was taken: RFC 3339, or a date and time that is taken as UTC.
    pub timestamp: Option<String>,
}

/// A usable row.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvRow {
    /// One finite value a feature.
    pub values: Vec<f64>,
    /// Whether it is an anomaly; `Some` exactly if a label column was named.
    pub label: Option<bool>,
    /// When it was taken; `Some` exactly if a timestamp column was named.
    pub timestamp: Option<Timestamp>,
}

/// Why a CSV gives no data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The header has no such column.
    #[error("there is no column {column:?}; the columns are {}", .columns.join(", "))]
    NoColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        columns: Vec<String>,
    },
    /// The header has the column twice.
    #[error("column {0:?} stands twice in the header; rename one")]
    ColumnTwice(String),
    /// The columns make no feature set.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// One column is to be two things.
    #[error("column {0:?} is named as a feature and as {1} too; it can be one only")]
    TwoRoles(String, &'static str),
    /// No row has a number in every column.
    #[error(
        "no row has a number in every column that is read (unusable: {0}); name the columns to read with --features"
    )]
    NoRows(SkippedRows),
    /// The file cannot be read, or is no CSV.
    #[error("cannot read the CSV: {0}")]
    Csv(csv::Error),
    /// The label column holds numbers that are no labels.
    #[error("column {column:?} holds {value}, which is no label; name a column of 0 and 1, or leave the label out")]
    NoLabel {
        /// The column.
        column: String,
        /// What stands in it.
        value: f64,
    },
}

impl From<csv::Error> for DatasetError {
    fn from(error: csv::Error) -> Self {
        DatasetError::Csv(error)
    }
}

/// Why a row is not used.
enum Unusable {
    /// It is left out, because of the cell in this column.
    Skipped(String),
    /// The column cannot be what it is named for.
    Refused(DatasetError),
}

/// The rows that were left out, by the first column at fault.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SkippedRows {
    by_column: Vec<(String, u64)>,
}

impl SkippedRows {
    /// How many rows were left out.
    pub fn total(&self) -> u64 {
        self.by_column.iter().map(|(_, rows)| rows).sum()
    }

    /// The columns that had an unusable cell, with the rows left out for it.
    pub fn by_column(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_column.iter().map(|(column, rows)| (column.as_str(), *rows))
    }

    fn add(&mut self, column: &str) {
        match self.by_column.iter_mut().find(|(name, _)| name == column) {
            Some((_, rows)) => *rows += 1,
            None => self.by_column.push((column.to_owned(), 1)),
        }
    }
}

impl fmt::Display for SkippedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.by_column.is_empty() {
            return f.write_str("none");
        }
        for (i, (column, rows)) in self.by_column().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{column}: {rows}")?;
        }
        Ok(())
    }
}

/// The usable rows of a CSV, in order.
#[derive(Debug)]
pub struct CsvRows<R> {
    csv: csv::Reader<R>,
    record: StringRecord,
    features: FeatureSet,
    places: Vec<usize>,
    label: Option<(String, usize)>,
    timestamp: Option<(String, usize)>,
    skipped: SkippedRows,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header and finds the columns in it.
    ///
    /// # Errors
    /// A [`DatasetError`] for a column that is not there, stands twice, or is named for two things.
    pub fn new(csv: R, columns: &Columns) -> Result<Self, DatasetError> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv);
        let header = csv.headers()?.clone();
        let place = |name: &str| place_of(name, &header);
        let role = |name: &Option<String>| -> Result<Option<(String, usize)>, DatasetError> {
            name.as_ref().map(|name| Ok((name.clone(), place(name)?))).transpose()
        };
        let (label, timestamp) = (role(&columns.label)?, role(&columns.timestamp)?);
        let features = match &columns.features {
            Some(features) => features.clone(),
            None => {
                let taken = |name: &&str| {
                    !RESERVED_NAMES.contains(name)
                        && [&label, &timestamp].iter().all(|role| role.as_ref().is_none_or(|(other, _)| other != name))
                };
                FeatureSet::from_names(header.iter().filter(taken))?
            }
        };
        for (role, what) in [(&label, "the label"), (&timestamp, "the timestamp")] {
            if let Some((name, _)) = role
                && features.names().any(|feature| feature == name)
            {
                return Err(DatasetError::TwoRoles(name.clone(), what));
            }
        }
        let places = features.names().map(place).collect::<Result<_, _>>()?;
        let (record, skipped) = (StringRecord::new(), SkippedRows::default());
        Ok(CsvRows { csv, record, features, places, label, timestamp, skipped })
    }

    /// The features that are read.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The rows left out so far.
    pub fn skipped(&self) -> &SkippedRows {
        &self.skipped
    }

    /// The features, and all rows left out.
    pub fn finish(self) -> (FeatureSet, SkippedRows) {
        (self.features, self.skipped)
    }

    /// The row in `record`.
    fn parse(&self) -> Result<CsvRow, Unusable> {
        let skipped = |name: &str| Unusable::Skipped(name.to_owned());
        let cell = |place: usize| self.record.get(place).unwrap_or_default();
        let mut values = Vec::with_capacity(self.places.len());
        for (name, &place) in self.features.names().zip(&self.places) {
            let value = cell(place).parse::<f64>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| skipped(name))?);
        }
        let label = match &self.label {
            Some((name, place)) => Some(parse_label(name, cell(*place))?),
            None => None,
        };
        let timestamp = match &self.timestamp {
            Some((name, place)) => Some(parse_time(cell(*place)).ok_or_else(|| skipped(name))?),
            None => None,
        };
        Ok(CsvRow { values, label, timestamp })
    }
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<CsvRow, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.csv.read_record(&mut self.record) {
                Ok(false) => return None,
                Err(error) => return Some(Err(error.into())),
                Ok(true) => match self.parse() {
                    Ok(row) => return Some(Ok(row)),
                    Err(Unusable::Skipped(column)) => self.skipped.add(&column),
                    Err(Unusable::Refused(error)) => return Some(Err(error)),
                },
            }
        }
    }
}

fn place_of(name: &str, header: &StringRecord) -> Result<usize, DatasetError> {
    let mut places = header.iter().enumerate().filter(|(_, column)| *column == name).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(DatasetError::ColumnTwice(name.to_owned())),
        (None, _) => {
            Err(DatasetError::NoColumn { column: name.to_owned(), columns: header.iter().map(str::to_owned).collect() })
        }
    }
}

fn parse_label(column: &str, cell: &str) -> Result<bool, Unusable> {
    match cell.parse::<f64>() {
        Ok(0.0) => Ok(false),
        Ok(1.0) => Ok(true),
        Ok(value) if value.is_finite() => {
            Err(Unusable::Refused(DatasetError::NoLabel { column: column.to_owned(), value }))
        }
        _ if cell.eq_ignore_ascii_case("false") => Ok(false),
        _ if cell.eq_ignore_ascii_case("true") => Ok(true),
        _ => Err(Unusable::Skipped(column.to_owned())),
    }
}

fn parse_time(cell: &str) -> Option<Timestamp> {
    let utc = || cell.parse::<civil::DateTime>().ok()?.to_zoned(tz::TimeZone::UTC).ok();
    cell.parse().ok().or_else(|| Some(utc()?.timestamp()))
}
