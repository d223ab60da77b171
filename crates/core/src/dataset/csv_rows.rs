//! Reads the rows of a CSV one at a time.

use crate::feature::{FeatureError, FeatureSet, RESERVED_NAMES};
use csv::StringRecord;
use jiff::{Timestamp, civil, tz};
use std::fmt;
use std::io::Read;

/// The columns of a CSV to read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    /// The features, in order; `None` = all columns but the label, the timestamp and those reserved for the prediction
    /// log.
    pub features: Option<FeatureSet>,
    /// The label: 1 or true for an anomaly, 0 or false for a normal reading.
    pub label: Option<String>,
    /// The time of the reading: RFC 3339, or a date and time in UTC.
    pub timestamp: Option<String>,
}

/// A usable row.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvRow {
    /// One finite value per feature.
    pub values: Vec<f64>,
    /// The label; `Some` if and only if a label column was given.
    pub label: Option<bool>,
    /// The time of the reading; `Some` if and only if a timestamp column was given.
    pub timestamp: Option<Timestamp>,
}

/// Why a CSV cannot be read as a data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The header has no such column.
    #[error("there is no column {column:?}; the columns are {}", .columns.join(", "))]
    NoColumn {
        /// The missing column.
        column: String,
        /// The columns of the header.
        columns: Vec<String>,
    },
    /// The header has the column twice.
    #[error("column {0:?} occurs twice in the header; rename one")]
    ColumnTwice(String),
    /// The columns are not a valid feature set.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A column has two roles.
    #[error("column {0:?} is selected as a feature and as {1}; remove one")]
    TwoRoles(String, &'static str),
    /// No row has a number in every column.
    #[error(
        "no row has a number in every selected column (skipped rows by column: {0}); select columns with --features"
    )]
    NoRows(SkippedRows),
    /// The file cannot be read or is not a CSV.
    #[error("cannot read the CSV: {0}")]
    Csv(csv::Error),
    /// The label column contains other numbers than 0 and 1.
    #[error("column {column:?} contains {value}, which is not a label; select a column of 0 and 1, or no label")]
    NoLabel {
        /// The column.
        column: String,
        /// The value.
        value: f64,
    },
}

impl From<csv::Error> for DatasetError {
    fn from(error: csv::Error) -> Self {
        DatasetError::Csv(error)
    }
}

/// Why a row is unusable.
enum Unusable {
    /// The cell in this column is empty or malformed: skip the row.
    Skipped(String),
    /// The column cannot have its role: refuse the file.
    Refused(DatasetError),
}

/// Numbers of skipped rows, by the first unusable column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SkippedRows {
    by_column: Vec<(String, u64)>,
}

impl SkippedRows {
    /// The number of skipped rows.
    pub fn total(&self) -> u64 {
        self.by_column.iter().map(|(_, rows)| rows).sum()
    }

    /// The columns with unusable cells, and the numbers of rows skipped for them.
    pub fn by_column(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_column.iter().map(|(column, rows)| (column.as_str(), *rows))
    }

    /// Adds those of another file.
    pub fn merge(&mut self, other: &SkippedRows) {
        other.by_column().for_each(|(column, rows)| self.add(column, rows));
    }

    fn add(&mut self, column: &str, more: u64) {
        match self.by_column.iter_mut().find(|(name, _)| name == column) {
            Some((_, rows)) => *rows += more,
            None => self.by_column.push((column.to_owned(), more)),
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
    columns: Vec<usize>,
    label: Option<(String, usize)>,
    timestamp: Option<(String, usize)>,
    skipped: SkippedRows,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header and finds the columns.
    ///
    /// # Errors
    /// A [`DatasetError`] if a column is missing, occurs twice, or has two roles.
    pub fn new(csv: R, columns: &Columns) -> Result<Self, DatasetError> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv);
        let header = csv.headers()?.clone();
        let index = |name: &str| index_of(name, &header);
        let role = |name: &Option<String>| -> Result<Option<(String, usize)>, DatasetError> {
            name.as_ref().map(|name| Ok((name.clone(), index(name)?))).transpose()
        };
        let (label, timestamp) = (role(&columns.label)?, role(&columns.timestamp)?);
        let features = match &columns.features {
            Some(features) => features.clone(),
            None => {
                let is_feature = |name: &&str| {
                    !RESERVED_NAMES.contains(name)
                        && [&label, &timestamp].iter().all(|role| role.as_ref().is_none_or(|(other, _)| other != name))
                };
                FeatureSet::from_names(header.iter().filter(is_feature))?
            }
        };
        for (role, description) in [(&label, "the label"), (&timestamp, "the timestamp")] {
            if let Some((name, _)) = role
                && features.names().any(|feature| feature == name)
            {
                return Err(DatasetError::TwoRoles(name.clone(), description));
            }
        }
        let columns = features.names().map(index).collect::<Result<_, _>>()?;
        let (record, skipped) = (StringRecord::new(), SkippedRows::default());
        Ok(CsvRows { csv, record, features, columns, label, timestamp, skipped })
    }

    /// The features.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The rows skipped so far.
    pub fn skipped(&self) -> &SkippedRows {
        &self.skipped
    }

    /// The features and the skipped rows.
    pub fn finish(self) -> (FeatureSet, SkippedRows) {
        (self.features, self.skipped)
    }

    /// Parses the current record.
    fn parse(&self) -> Result<CsvRow, Unusable> {
        let skipped = |name: &str| Unusable::Skipped(name.to_owned());
        let cell = |column: usize| self.record.get(column).unwrap_or_default();
        let mut values = Vec::with_capacity(self.columns.len());
        for (name, &column) in self.features.names().zip(&self.columns) {
            let value = cell(column).parse::<f64>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| skipped(name))?);
        }
        let label = match &self.label {
            Some((name, column)) => Some(parse_label(name, cell(*column))?),
            None => None,
        };
        let timestamp = match &self.timestamp {
            Some((name, column)) => Some(parse_time(cell(*column)).ok_or_else(|| skipped(name))?),
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
                    Err(Unusable::Skipped(column)) => self.skipped.add(&column, 1),
                    Err(Unusable::Refused(error)) => return Some(Err(error)),
                },
            }
        }
    }
}

fn index_of(name: &str, header: &StringRecord) -> Result<usize, DatasetError> {
    let mut indices = header.iter().enumerate().filter(|(_, column)| *column == name).map(|(index, _)| index);
    match (indices.next(), indices.next()) {
        (Some(index), None) => Ok(index),
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
