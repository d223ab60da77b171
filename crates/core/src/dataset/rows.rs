//! The usable rows of a source, one at a time.

use super::error::DatasetError;
use super::label::{Label, LabelWords};
use super::missing::MissingValues;
use super::number::{Decimal, number};
use super::request::Request;
use super::skipped::SkippedRows;
use super::table::{Parts, Table, TimeCells};
use super::times::TimeColumn;
use crate::feature::FeatureSet;
use csv::StringRecord;
use jiff::Timestamp;
use std::collections::HashMap;

/// Words of a label column that an error names.
const MOST_WORDS: usize = 8;
/// Rows that they are looked for in.
const MOST_ROWS: usize = 200_000;

/// A usable row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// One finite value per feature.
    pub values: Vec<f64>,
    /// Whether it belongs to a fault; `Some` if and only if a label column was given.
    pub label: Option<bool>,
    /// The time; `Some` if and only if there is a column of times.
    pub timestamp: Option<Timestamp>,
    /// The turbine, an index of [`Rows::turbines`]; `Some` if and only if a turbine column was given.
    pub turbine: Option<usize>,
}

/// The usable rows of a source, in order.
pub struct Rows {
    parts: Parts,
    record: StringRecord,
    features: FeatureSet,
    request: Request,
    time: Option<TimeColumn>,
    /// Of the part that is read, and how many were opened before.
    layout: Option<Layout>,
    n_opened: usize,
    label_words: LabelWords,
    /// The different labels so far, for errors.
    words: Vec<String>,
    missing: MissingValues,
    checks_ranges: bool,
    turbines: Turbines,
    skipped: SkippedRows,
}

/// Where the columns are in one part.
struct Layout {
    features: Vec<usize>,
    label: Option<usize>,
    turbine: Option<usize>,
    times: Option<TimeCells>,
    decimal: Option<Decimal>,
}

#[derive(Default)]
struct Turbines {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
}

/// Why a row is unusable.
enum Unusable {
    /// For the cell in this column: skip the row.
    Skipped(String),
    /// The word in the label column is unknown: refuse the file.
    UnknownLabel(String),
}

impl Table {
    /// The rows with the features asked for or, if none were, those that [`Table::choose`] finds.
    ///
    /// # Errors
    /// Those of [`Table::choose`].
    pub fn rows(mut self) -> Result<Rows, DatasetError> {
        let features = match &self.request().features {
            Some(features) => features.clone(),
            None => self.choose()?.features,
        };
        let (request, time) = (self.request().clone(), self.time().cloned());
        Ok(Rows {
            parts: self.parts(),
            record: StringRecord::new(),
            features,
            time,
            layout: None,
            n_opened: 0,
            label_words: LabelWords::new(&request.faults),
            words: Vec::new(),
            missing: MissingValues::new(&request.missing),
            checks_ranges: true,
            turbines: Turbines::default(),
            skipped: SkippedRows::default(),
            request,
        })
    }
}

impl Rows {
    /// The same rows, and those with values outside the ranges of their features.
    pub fn with_any_value(self) -> Self {
        Rows { checks_ranges: false, ..self }
    }

    /// The features.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The rows skipped so far.
    pub fn skipped(&self) -> &SkippedRows {
        &self.skipped
    }

    /// The names of the turbines so far, in the order in which the rows name them.
    pub fn turbines(&self) -> &[String] {
        &self.turbines.names
    }

    /// Whether rows have times.
    pub fn has_times(&self) -> bool {
        self.time.is_some()
    }

    /// At the end: whether every value that marks a fault has occurred.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchFault`] for the first that has not.
    pub fn check_faults(&self) -> Result<(), DatasetError> {
        match (&self.request.label, self.label_words.not_found()) {
            (Some(column), Some(value)) => Err(DatasetError::NoSuchFault {
                column: column.clone(),
                value: value.to_owned(),
                words: self.words.iter().take(MOST_WORDS).cloned().collect(),
            }),
            _ => Ok(()),
        }
    }

    fn layout(&self) -> Option<Layout> {
        let (_, records) = self.parts.current();
        let records = records?;
        let place = |name: &str| records.header.iter().position(|column| column == name);
        let times = match &self.time {
            Some(time) => Some(TimeCells::new(time, &records.header, &self.request)?),
            None => None,
        };
        Some(Layout {
            features: self.features.names().map(place).collect::<Option<_>>()?,
            label: self.request.label.as_deref().and_then(place),
            turbine: self.request.turbine.as_deref().and_then(place),
            times,
            decimal: records.decimal,
        })
    }

    /// Parses the current record.
    fn parse(&mut self) -> Result<Row, Unusable> {
        let skipped = |name: &str| Err(Unusable::Skipped(name.to_owned()));
        let Some(layout) = &mut self.layout else { return skipped("the header") };
        let cell = |column: usize| self.record.get(column).unwrap_or_default().trim();
        // Read before anything is skipped: a fault whose rows lack values has occurred all the same.
        let label = layout.label.map(|column| {
            let cell = cell(column);
            if self.words.len() < MOST_WORDS && !cell.is_empty() && !self.words.iter().any(|word| word == cell) {
                self.words.push(cell.to_owned());
            }
            (self.label_words.read(cell), cell)
        });
        let mut values = Vec::with_capacity(layout.features.len());
        for (feature, &column) in self.features.iter().zip(&layout.features) {
            let cell = cell(column);
            let value = number(cell, layout.decimal);
            match value.filter(|_| !self.missing.contains(cell, value)) {
                None => return skipped(&feature.name),
                Some(value) if self.checks_ranges && feature.range.is_some_and(|range| !range.contains(value)) => {
                    return skipped(&format!("{} out of range", feature.name));
                }
                Some(value) => values.push(value),
            }
        }
        let label = match label {
            None => None,
            Some((Label::Normal, _)) => Some(false),
            Some((Label::Fault, _)) => Some(true),
            Some((Label::Missing, _)) => return skipped(self.request.label.as_deref().unwrap_or_default()),
            Some((Label::Unknown, word)) => return Err(Unusable::UnknownLabel(word.to_owned())),
        };
        let timestamp = match &mut layout.times {
            None => None,
            Some(times) => match times.read(&self.record) {
                None => return skipped(self.time.as_ref().map_or("", |time| &time.name)),
                time => time,
            },
        };
        let turbine = match layout.turbine {
            None => None,
            Some(column) => match cell(column) {
                "" => return skipped(self.request.turbine.as_deref().unwrap_or_default()),
                name => Some(self.turbines.index(name)),
            },
        };
        Ok(Row { values, label, timestamp, turbine })
    }

    /// The error for an unknown label, with others of the same column.
    fn unknown_label(&mut self, word: String) -> DatasetError {
        let column = self.request.label.clone().unwrap_or_default();
        let place = self.layout.as_ref().and_then(|layout| layout.label).unwrap_or_default();
        let mut words = vec![word];
        for _ in 0..MOST_ROWS {
            if words.len() == MOST_WORDS || !self.parts.read(&mut self.record).unwrap_or(false) {
                break;
            }
            let cell = self.record.get(place).unwrap_or_default().trim();
            if super::label::usual(cell) == Label::Unknown && !words.iter().any(|word| word == cell) {
                words.push(cell.to_owned());
            }
        }
        DatasetError::UnknownLabels { column, words }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.parts.read(&mut self.record) {
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
                Ok(true) => {}
            }
            let (n_opened, _) = self.parts.current();
            if n_opened != self.n_opened {
                self.n_opened = n_opened;
                self.layout = self.layout();
            }
            match self.parse() {
                Ok(row) => return Some(Ok(row)),
                Err(Unusable::Skipped(column)) => self.skipped.add(&column),
                Err(Unusable::UnknownLabel(word)) => return Some(Err(self.unknown_label(word))),
            }
        }
    }
}

impl Turbines {
    fn index(&mut self, name: &str) -> usize {
        if let Some(&index) = self.by_name.get(name) {
            return index;
        }
        let index = self.names.len();
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), index);
        index
    }
}
