//! The last rows of named turbines, to recognise a reading that comes again.

use hashbrown::HashTable;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use turbine_core::prediction::{PredictionRecord, Watch};
use turbine_core::reading::TurbineId;
use turbine_core::sensors::{Gaps, SensorSet};

/// Stands for a turbine, a time and values: 128 bits, so that no two readings share one by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64, u64);

/// What was answered to a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Higher = more anomalous.
    pub anomaly_score: f64,
    /// Whether the score was above the threshold.
    pub is_anomaly: bool,
    /// The turbine in time, then.
    pub watch: Watch,
    /// What was not measured.
    pub gaps: Gaps,
    /// The model that scored it.
    pub model_version: Arc<str>,
}

impl Verdict {
    pub(crate) fn of(record: &PredictionRecord, model_version: &Arc<str>) -> Self {
        Verdict {
            anomaly_score: record.prediction.anomaly_score,
            is_anomaly: record.prediction.is_anomaly,
            watch: record.watch,
            gaps: record.gaps,
            model_version: Arc::clone(model_version),
        }
    }
}

/// A queue of verdicts, with an index by fingerprint. 104 bytes a row, and 10 for the index.
pub struct Window {
    capacity: usize,
    rows: VecDeque<(Fingerprint, Verdict)>,
    /// How many rows have left the queue: row number `n` is at `n - left`.
    left: u64,
    /// Row numbers, modulo 2³².
    index: HashTable<u32>,
    keys: [RandomState; 2],
}

impl Window {
    pub(super) fn new(capacity: usize) -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        Window { capacity, rows: VecDeque::new(), left: 0, index: HashTable::new(), keys }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The fingerprint of a reading, another one in another process; `None` if no row is remembered. What stands in the
    /// places of `absent` does not matter: the reading came without them.
    pub fn fingerprint(
        &self,
        turbine: &TurbineId,
        timestamp: Timestamp,
        values: &[f64],
        absent: SensorSet,
    ) -> Option<Fingerprint> {
        if self.capacity == 0 {
            return None;
        }
        let [a, b] = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            turbine.hash(&mut hasher);
            timestamp.hash(&mut hasher);
            for (place, value) in values.iter().enumerate() {
                hasher.write_u64(if absent.contains(place) { f64::NAN } else { *value }.to_bits());
            }
            hasher.finish()
        });
        Some(Fingerprint(a, b))
    }

    /// What was answered to this reading, if it is in the window.
    pub fn find(&self, fingerprint: Fingerprint) -> Option<&Verdict> {
        let number = self.index.find(fingerprint.0, |&number| self.at(number).0 == fingerprint)?;
        Some(&self.at(*number).1)
    }

    pub(super) fn insert(&mut self, fingerprint: Fingerprint, verdict: Verdict) {
        if self.rows.len() == self.capacity {
            self.forget_oldest();
        }
        let number = (self.left + self.rows.len() as u64) as u32;
        self.rows.push_back((fingerprint, verdict));
        let (rows, left) = (&self.rows, self.left);
        self.index.insert_unique(fingerprint.0, number, |&number| rows[place(number, left)].0.0);
    }

    fn forget_oldest(&mut self) {
        let Some((fingerprint, _)) = self.rows.front() else { return };
        let oldest = self.left as u32;
        if let Ok(entry) = self.index.find_entry(fingerprint.0, |&number| number == oldest) {
            entry.remove();
        }
        self.rows.pop_front();
        self.left += 1;
    }

    fn at(&self, number: u32) -> &(Fingerprint, Verdict) {
        &self.rows[place(number, self.left)]
    }
}

/// Where a row stands in the queue. Right as long as the window holds fewer than 2³² rows.
fn place(number: u32, left: u64) -> usize {
    number.wrapping_sub(left as u32) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn verdict(anomaly_score: f64) -> Verdict {
        Verdict {
            anomaly_score,
            is_anomaly: false,
            watch: Watch::default(),
            gaps: Gaps::default(),
            model_version: "v1".into(),
        }
    }

    #[test]
    fn the_last_rows_are_found_and_older_ones_forgotten() {
        let mut window = Window::new(3);
        // Numbers wrap around within the test.
        window.left = u64::from(u32::MAX) - 4;
        let fingerprint = |n: u64| Fingerprint(n % 2, n);
        for n in 0..10 {
            window.insert(fingerprint(n), verdict(n as f64));
            for m in 0..10 {
                let expected = (m <= n && m + 3 > n).then(|| verdict(m as f64));
                assert_eq!(window.find(fingerprint(m)).cloned(), expected, "row {m} after {n}");
            }
        }
        assert_eq!(window.index.len(), 3);
    }

    #[test]
    fn a_reading_that_differs_in_anything_is_another_one() {
        let window = Window::new(1);
        let none = SensorSet::default();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let id = |text: &str| text.parse::<TurbineId>().unwrap();
        let base = window.fingerprint(&id("T1"), time("2026-01-01T00:00:00Z"), &[1.0, 2.0], none);
        assert_eq!(base, window.fingerprint(&id("T1"), time("2026-01-01T01:00:00+01:00"), &[1.0, 2.0], none));
        for other in [
            window.fingerprint(&id("T2"), time("2026-01-01T00:00:00Z"), &[1.0, 2.0], none),
            window.fingerprint(&id("T1"), time("2026-01-01T00:00:00.000000001Z"), &[1.0, 2.0], none),
            window.fingerprint(&id("T1"), time("2026-01-01T00:00:00Z"), &[1.0, 2.000_000_000_000_001], none),
            window.fingerprint(&id("T1"), time("2026-01-01T00:00:00Z"), &[2.0, 1.0], none),
        ] {
            assert_ne!(base, other);
        }
    }
}
