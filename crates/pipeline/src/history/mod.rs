//! What a turbine read over time, in buckets: from memory as far as that reaches, from the files of the log before that.

mod bucket;
mod frame;
mod log_index;
mod recent;

#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Spread};

use frame::{TimeFrame, start};
use jiff::{SignedDuration, Timestamp};
use log_index::{LogIndex, Wanted};
use recent::Recent;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{LogError, PredictionRecord};
use turbine_core::reading::TurbineId;

/// How much is shown if nobody says where it is to begin.
const DEFAULT_SPAN: SignedDuration = SignedDuration::from_hours(24);

/// Which stretch of time is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryRange {
    /// Its begin; a day before its end if nothing is said.
    pub from: Option<Timestamp>,
    /// Its end; the turbine's newest reading if nothing is said.
    pub to: Option<Timestamp>,
    /// The most buckets.
    pub points: u16,
}

/// What a turbine read over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<TurbineId>,
    /// Where the first bucket could begin: what was asked for, widened to whole buckets.
    pub from: Timestamp,
    /// Where the last one could end.
    pub to: Timestamp,
    /// The width of a bucket, in seconds.
    pub bucket_seconds: i64,
    /// The features' names.
    pub features: Vec<String>,
    /// The buckets that hold readings, by time.
    pub buckets: Vec<Bucket>,
}

/// The readings in memory and what is known of the log's files; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Histories {
    recent: Arc<Mutex<Recent>>,
    index: Arc<Mutex<LogIndex>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Histories {
    /// Begins behind a log whose turbines had their last readings at these times.
    pub(crate) fn begin(&self, turbines: impl Iterator<Item = (Option<TurbineId>, Timestamp)>) {
        let mut recent = lock(&self.recent);
        turbines.for_each(|(turbine, last)| recent.begin(turbine, last));
    }

    /// Takes in rows that were logged. `is_complete` says that no turbine was ever forgotten.
    pub(crate) fn take_in(&self, rows: &[&PredictionRecord], is_complete: bool) {
        let mut recent = lock(&self.recent);
        rows.iter().for_each(|row| recent.take_in(row, is_complete));
    }

    /// Forgets what is in memory: the log was set aside. The index of the files is not waited for, since a scan may hold it
    /// for seconds; it knows another file by its beginning.
    pub(crate) fn begin_anew(&self) {
        lock(&self.recent).clear();
    }

    /// What a turbine, whose newest reading is of the time `last`, read in that range. `log` is the log's path.
    ///
    /// # Errors
    /// If a file of the log cannot be read.
    pub(crate) fn select(
        &self,
        turbine: &Option<TurbineId>,
        range: HistoryRange,
        last: Timestamp,
        features: &FeatureSet,
        log: &Path,
    ) -> Result<History, LogError> {
        self.select_with(turbine, range, last, features, |seconds, add| {
            lock(&self.index).scan(log, features, &Wanted { turbine, seconds }, add)?;
            Ok(None)
        })
    }

    /// The same, but rows older than those in memory come from `older`, which passes on the rows of a range of seconds.
    /// If `older` does not have all of them, it returns the first second from which on it does; the history begins
    /// there.
    ///
    /// # Errors
    /// As `older`.
    pub(crate) fn select_with<E>(
        &self,
        turbine: &Option<TurbineId>,
        range: HistoryRange,
        last: Timestamp,
        features: &FeatureSet,
        older: impl FnOnce(Range<i64>, &mut dyn FnMut(PredictionRecord)) -> Result<Option<i64>, E>,
    ) -> Result<History, E> {
        let to = range.to.unwrap_or(last);
        let from = range.from.unwrap_or_else(|| to.saturating_sub(DEFAULT_SPAN).unwrap_or(Timestamp::MIN));
        let frame = TimeFrame::new(from, to, i64::from(range.points));
        let (recent, known_from) = lock(&self.recent).select(turbine, &frame);
        let mut buckets: BTreeMap<i64, Bucket> = recent.into_iter().map(|bucket| (bucket.start(), bucket)).collect();
        let before = frame.from..frame.to.min(known_from);
        let mut begin = frame.from;
        if !before.is_empty() {
            let mut add = |record: PredictionRecord| {
                let Some(start) = frame.bucket(record.timestamp) else { return };
                let same = buckets.entry(start).and_modify(|same| same.add(&record));
                same.or_insert_with(|| Bucket::of(start, &record));
            };
            if let Some(known_from) = older(before, &mut add)? {
                // The first complete bucket.
                begin = begin.max(start(known_from.saturating_add(frame.width - 1), frame.width)).min(frame.to);
                buckets = buckets.split_off(&begin);
            }
        }
        let time = |second: i64, beyond: Timestamp| Timestamp::from_second(second).unwrap_or(beyond);
        Ok(History {
            turbine_id: turbine.clone(),
            from: time(begin, Timestamp::MIN),
            to: time(frame.to, Timestamp::MAX),
            bucket_seconds: frame.width,
            features: features.names().map(str::to_owned).collect(),
            buckets: buckets.into_values().collect(),
        })
    }
}
