//! The rows of turbines that somebody watches, gathered until they are taken.

use std::collections::HashMap;
use std::mem::take;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// The most rows of a turbine that are gathered between two takes.
pub const MAX_GATHERED: usize = 1_000;

/// Rows of one turbine, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gathered {
    /// The rows: all, or as many as [`MAX_GATHERED`] allows, evenly spread.
    pub rows: Vec<PredictionRecord>,
    /// How many there were.
    pub of: usize,
    /// A power of two: every so many rows one is kept; 0 before the first.
    every: usize,
}

impl Gathered {
    fn push(&mut self, row: &PredictionRecord) {
        let every = self.every.max(1);
        if self.of.is_multiple_of(every) {
            if self.rows.len() < MAX_GATHERED {
                self.rows.push(row.clone());
            } else {
                let mut place = 0;
                self.rows.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                // This row's number is a multiple of every, and of twice that, since so many were kept.
                self.rows.push(row.clone());
                self.every = 2 * every;
            }
        }
        self.of += 1;
    }
}

/// The turbines that are watched; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Watched(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Turbines that are watched, so that a batch need not lock anything to find out that none is.
    count: AtomicUsize,
    turbines: Mutex<HashMap<Option<TurbineId>, Entry>>,
}

#[derive(Default)]
struct Entry {
    watchers: usize,
    gathered: Gathered,
}

impl Shared {
    fn turbines(&self) -> MutexGuard<'_, HashMap<Option<TurbineId>, Entry>> {
        self.turbines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    pub(crate) fn watch(&self, turbine: Option<TurbineId>) -> Watch {
        let mut turbines = self.0.turbines();
        turbines.entry(turbine.clone()).or_default().watchers += 1;
        self.0.count.store(turbines.len(), Relaxed);
        drop(turbines);
        Watch { watched: self.clone(), turbine }
    }

    /// Takes in rows that were logged.
    pub(crate) fn take_in(&self, rows: &[&PredictionRecord]) {
        if self.0.count.load(Relaxed) == 0 {
            return;
        }
        let mut turbines = self.0.turbines();
        for row in rows {
            if let Some(entry) = turbines.get_mut(&row.turbine_id) {
                entry.gathered.push(row);
            }
        }
    }

    /// What was gathered since it was taken last.
    pub(crate) fn take(&self) -> Vec<(Option<TurbineId>, Gathered)> {
        if self.0.count.load(Relaxed) == 0 {
            return Vec::new();
        }
        let mut turbines = self.0.turbines();
        let with_rows = turbines.iter_mut().filter(|(_, entry)| entry.gathered.of > 0);
        with_rows.map(|(turbine, entry)| (turbine.clone(), take(&mut entry.gathered))).collect()
    }
}

/// Keeps the rows of a turbine being gathered until it is dropped.
pub struct Watch {
    watched: Watched,
    turbine: Option<TurbineId>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut turbines = self.watched.0.turbines();
        if let Some(entry) = turbines.get_mut(&self.turbine) {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                turbines.remove(&self.turbine);
            }
        }
        self.watched.0.count.store(turbines.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbine_core::prediction::{Prediction, Watch as InTime};
    use turbine_core::sensors::Gaps;

    fn row(turbine: &str, value: usize) -> PredictionRecord {
        PredictionRecord {
            timestamp: "2026-01-31T12:00:00Z".parse().unwrap(),
            values: vec![value as f64],
            prediction: Prediction { anomaly_score: 0.5, is_anomaly: false },
            turbine_id: Some(turbine.parse().unwrap()),
            model_version: "m1".into(),
            watch: InTime::default(),
            gaps: Gaps::default(),
        }
    }

    #[test]
    fn rows_of_watched_turbines_are_gathered_once_while_somebody_watches() {
        let watched = Watched::default();
        let take_in = |turbine, value| watched.take_in(&[&row(turbine, value), &row("other", 0)]);
        take_in("T1", 1);
        let first = watched.watch(Some("T1".parse().unwrap()));
        let second = watched.watch(Some("T1".parse().unwrap()));
        take_in("T1", 2);
        drop(first);
        take_in("T1", 3);
        let taken = watched.take();
        let [(turbine, gathered)] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((turbine.as_ref().unwrap().as_str(), gathered.of), ("T1", 2));
        assert_eq!(gathered.rows, [row("T1", 2), row("T1", 3)]);
        assert_eq!(watched.take(), []);
        take_in("T1", 4);
        drop(second);
        assert_eq!((watched.take(), watched.0.turbines().len()), (vec![], 0));
    }

    #[test]
    fn of_many_rows_every_so_many_one_is_kept() {
        let mut gathered = Gathered::default();
        for value in 0..5_000 {
            gathered.push(&row("T1", value));
        }
        // 1,000 rows are full at the rows 1,000, 2,000 and 4,000: from then on every eighth is kept.
        let kept: Vec<f64> = gathered.rows.iter().map(|row| row.values[0]).collect();
        let expected: Vec<f64> = (0..5_000).step_by(8).map(f64::from).collect();
        assert_eq!((kept, gathered.of), (expected, 5_000));
    }
}
