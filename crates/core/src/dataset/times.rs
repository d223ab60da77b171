//! Finds the column of times.

use super::error::DatasetError;
use crate::time::{TimeFit, TimeFormat};
use csv::StringRecord;

/// Parts of names that columns of times have, in small letters; the first ones are preferred.
const NAMES: [&str; 13] = [
    "timestamp",
    "datetime",
    "date and time",
    "date_time",
    "date time",
    "zeitstempel",
    "time",
    "date",
    "zeit",
    "datum",
    "stamp",
    "taken",
    "epoch",
];

/// Cells that are shown in an error.
const EXAMPLES: usize = 3;

/// The column of times, or of dates and one of times of day beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeColumn {
    /// The name of the column.
    pub name: String,
    /// The name of the column with the time of day, where that has its own.
    pub clock: Option<String>,
    /// How the times are written.
    pub format: TimeFormat,
    /// Whether they say how far they are from UTC.
    pub has_offsets: bool,
}

/// What the cells of each column look like as times.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TimeFits {
    fits: Vec<TimeFit>,
    examples: Vec<Vec<String>>,
    sorted: Vec<bool>,
    last: Vec<f64>,
}

impl TimeFits {
    pub(super) fn new(columns: usize) -> Self {
        TimeFits {
            fits: vec![TimeFit::default(); columns],
            examples: vec![Vec::new(); columns],
            sorted: vec![true; columns],
            last: vec![f64::NEG_INFINITY; columns],
        }
    }

    /// Adds a record, `column` by the place that each has in this file.
    pub(super) fn add(&mut self, record: &StringRecord, places: &[usize]) {
        for (i, &place) in places.iter().enumerate() {
            let cell = record.get(place).unwrap_or_default().trim();
            self.fits[i].add(cell);
            if self.examples[i].len() < EXAMPLES && !cell.is_empty() {
                self.examples[i].push(cell.to_owned());
            }
            if let Ok(number) = cell.parse::<f64>() {
                self.sorted[i] &= number >= self.last[i];
                self.last[i] = number;
            }
        }
    }

    /// Whether a column holds times of any kind, also such that cannot be told apart.
    pub(super) fn is_time(&self, i: usize) -> bool {
        self.fits[i].is_date() || self.fits[i].is_clock_alone()
    }

    /// Finds the column of times among those that have no other role, by content and then by name.
    ///
    /// # Errors
    /// [`DatasetError::AmbiguousTimes`] if day and month cannot be told apart.
    pub(super) fn find(
        &self,
        names: &[String],
        is_free: impl Fn(&str) -> bool,
        format: Option<&TimeFormat>,
    ) -> Result<Option<TimeColumn>, DatasetError> {
        let rank = |i: usize| {
            let name = names[i].to_lowercase();
            NAMES.iter().position(|part| name.contains(part))
        };
        let is_candidate = |i: &usize| {
            let fit = &self.fits[*i];
            let is_epoch = fit.format().is_some_and(|format| format.is_epoch());
            is_free(&names[*i]) && (fit.is_date() || (is_epoch && (rank(*i).is_some() || self.sorted[*i])))
        };
        let best = (0..names.len()).filter(is_candidate).min_by_key(|&i| {
            // Dates say more than numbers, and a time of day more than a date alone.
            (self.fits[i].is_date_alone(), !self.fits[i].is_date(), rank(i).unwrap_or(NAMES.len()), i)
        });
        match best {
            Some(i) => self.column(names, i, is_free, format).map(Some),
            // A format that is named may be one that is not detected.
            None => match (format, (0..names.len()).filter(|&i| is_free(&names[i])).find(|&i| rank(i).is_some())) {
                (Some(_), Some(i)) => self.column(names, i, is_free, format).map(Some),
                _ => Ok(None),
            },
        }
    }

    /// The column `i` as that of the times.
    ///
    /// # Errors
    /// [`DatasetError::NoTimes`] or [`DatasetError::AmbiguousTimes`].
    pub(super) fn column(
        &self,
        names: &[String],
        i: usize,
        is_free: impl Fn(&str) -> bool,
        format: Option<&TimeFormat>,
    ) -> Result<TimeColumn, DatasetError> {
        let (name, fit) = (names[i].clone(), &self.fits[i]);
        let detected = match format {
            Some(format) => Some(format.clone()),
            None if fit.is_ambiguous() => {
                let example = self.examples[i].first().cloned().unwrap_or_default();
                return Err(DatasetError::AmbiguousTimes { column: name, example });
            }
            None => fit.format(),
        };
        let Some(format) = detected else {
            return Err(DatasetError::NoTimes { column: name, examples: self.examples[i].clone() });
        };
        let clock = (0..names.len())
            .find(|&j| fit.is_date_alone() && j != i && is_free(&names[j]) && self.fits[j].is_clock_alone());
        Ok(TimeColumn { name, clock: clock.map(|j| names[j].clone()), format, has_offsets: fit.has_offsets() })
    }

    /// Whether the decision on column `i` needs more rows.
    pub(super) fn is_ambiguous(&self, i: usize) -> bool {
        self.fits[i].is_ambiguous()
    }
}
