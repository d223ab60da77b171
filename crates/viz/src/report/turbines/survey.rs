//! The first pass over the log: the peak of each turbine, its alarms, and how often its readings come.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use turbine_core::monitor::SILENT_AFTER;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// What the log says of one turbine.
#[derive(Debug, Clone, PartialEq)]
pub struct Turbine {
    /// Its highest smoothed surprisal in decades; `None` if its rows have none.
    pub peak: Option<f64>,
    /// How many alarms it had, also those that were on before its first row.
    pub alarms: u64,
    in_alarm: bool,
    newest: Timestamp,
    intervals: Intervals,
}

/// The turbines of the log, and the model that scored its last rows.
#[derive(Debug, Clone, Default)]
pub struct TurbineSurvey {
    turbines: HashMap<Option<TurbineId>, Turbine>,
    newest_model: Option<NewestModel>,
}

/// The model that scored the last rows.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestModel {
    /// Its version; empty in logs that do not say.
    pub version: Arc<str>,
    /// The earliest reading of those rows.
    pub since: Timestamp,
    /// Whether rows before were scored by another model.
    pub is_second: bool,
}

impl TurbineSurvey {
    pub fn add(&mut self, record: &PredictionRecord) {
        match &mut self.newest_model {
            Some(model) if model.version == record.model_version => model.since = model.since.min(record.timestamp),
            model => {
                let (version, since) = (Arc::clone(&record.model_version), record.timestamp);
                *model = Some(NewestModel { version, since, is_second: model.is_some() });
            }
        }
        match self.turbines.get_mut(&record.turbine_id) {
            Some(turbine) => turbine.add(record),
            None => {
                self.turbines.insert(record.turbine_id.clone(), Turbine::new(record));
            }
        }
    }

    /// The model that scored the last rows; `None` before the first row.
    pub fn newest_model(&self) -> Option<&NewestModel> {
        self.newest_model.as_ref()
    }

    /// Whether there is a smoothed surprisal to draw.
    pub fn is_watched(&self) -> bool {
        self.turbines.values().any(|turbine| turbine.peak.is_some())
    }

    /// The number of turbines with a smoothed surprisal; readings without a turbine count as one.
    pub fn watched(&self) -> usize {
        self.turbines.values().filter(|turbine| turbine.peak.is_some()).count()
    }

    /// The alarms of all turbines.
    pub fn alarms(&self) -> u64 {
        self.turbines.values().map(|turbine| turbine.alarms).sum()
    }

    /// Up to `most` turbines with the highest peaks, the highest first, by name where peaks are equal.
    pub fn highest(&self, most: usize) -> Vec<(&Option<TurbineId>, &Turbine)> {
        let mut turbines: Vec<_> = self.turbines.iter().filter(|(_, turbine)| turbine.peak.is_some()).collect();
        let peak = |turbine: &Turbine| turbine.peak.unwrap_or(f64::NEG_INFINITY);
        turbines.sort_by(|(a_name, a), (b_name, b)| peak(b).total_cmp(&peak(a)).then_with(|| a_name.cmp(b_name)));
        turbines.truncate(most);
        turbines
    }
}

impl Turbine {
    fn new(record: &PredictionRecord) -> Self {
        Turbine {
            peak: record.watch.smoothed_surprisal,
            alarms: u64::from(record.watch.in_alarm),
            in_alarm: record.watch.in_alarm,
            newest: record.timestamp,
            intervals: Intervals::default(),
        }
    }

    /// Readings that are not newer than all before them do not step a turbine's monitor: their rows repeat what was.
    fn add(&mut self, record: &PredictionRecord) {
        if record.timestamp <= self.newest {
            return;
        }
        self.intervals.add(record.timestamp.duration_since(self.newest));
        self.newest = record.timestamp;
        let watch = &record.watch;
        self.peak = [self.peak, watch.smoothed_surprisal].into_iter().flatten().reduce(f64::max);
        self.alarms += u64::from(watch.in_alarm && !self.in_alarm);
        self.in_alarm = watch.in_alarm;
    }

    /// The most seconds between two readings that a line connects: ten typical intervals, as for a turbine that is
    /// silent; without bound before the second reading.
    pub fn longest_gap(&self) -> f64 {
        self.intervals.median().map_or(f64::INFINITY, |seconds| seconds * f64::from(SILENT_AFTER))
    }
}

/// Counts of intervals by powers of two of a millisecond: a median within a factor of two, in constant memory.
#[derive(Debug, Clone, PartialEq, Default)]
struct Intervals([u32; Intervals::CLASSES]);

impl Intervals {
    /// 2^31 ms are 25 days; the last class has all longer ones.
    const CLASSES: usize = 32;

    fn add(&mut self, interval: SignedDuration) {
        let millis = interval.as_millis().clamp(1, 1 << (Self::CLASSES - 1));
        let class = &mut self.0[millis.ilog2() as usize];
        *class = class.saturating_add(1);
    }

    /// The upper end of the class of the median, in seconds.
    fn median(&self) -> Option<f64> {
        let half = self.0.iter().map(|&n| u64::from(n)).sum::<u64>().div_ceil(2);
        let mut below = 0;
        let class = self.0.iter().position(|&n| {
            below += u64::from(n);
            half > 0 && below >= half
        })?;
        Some((1_u64 << (class + 1)) as f64 / 1_000.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::trace::record;
    use super::*;

    fn survey(rows: &[PredictionRecord]) -> TurbineSurvey {
        let mut survey = TurbineSurvey::default();
        rows.iter().for_each(|row| survey.add(row));
        survey
    }

    #[test]
    fn turbines_are_ranked_by_their_peaks() {
        let rows = [
            record("T1", 0, Some(1.0), false),
            record("", 0, Some(3.0), true),
            record("T2", 0, Some(0.5), false),
            record("T2", 1, Some(2.0), false),
            record("T3", 0, None, false),
            record("T0", 0, Some(1.0), false),
        ];
        let survey = survey(&rows);
        let names = |most| -> Vec<String> {
            let name = |id: &Option<TurbineId>| id.as_ref().map_or("-", TurbineId::as_str).to_owned();
            survey.highest(most).into_iter().map(|(id, _)| name(id)).collect()
        };
        assert_eq!(names(8), ["-", "T2", "T0", "T1"]);
        assert_eq!(names(2), ["-", "T2"]);
        assert_eq!((survey.watched(), survey.alarms()), (4, 1));
    }

    #[test]
    fn an_alarm_is_counted_once_however_many_rows_it_has() {
        let on = [true, true, false, true, true, false];
        let mut rows: Vec<_> = (0..).zip(on).map(|(at, on)| record("T1", at, Some(1.0), on)).collect();
        // Older than the last row, whose state it repeats.
        rows.push(record("T1", 3, Some(9.0), true));
        let survey = survey(&rows);
        assert_eq!(survey.alarms(), 2);
        assert_eq!(survey.highest(1)[0].1.peak, Some(1.0));
    }

    #[test]
    fn a_log_without_smoothed_surprisal_is_not_watched() {
        assert!(!survey(&[record("T1", 0, None, false)]).is_watched());
        assert!(survey(&[record("T1", 0, None, false), record("T1", 1, Some(0.1), false)]).is_watched());
    }

    #[test]
    fn the_newest_model_is_that_of_the_last_rows() {
        let by =
            |version: &str, at| PredictionRecord { model_version: version.into(), ..record("T1", at, None, false) };
        let newest = |rows: &[PredictionRecord]| {
            let model = survey(rows).newest_model().unwrap().clone();
            (model.version.to_string(), model.since.as_second(), model.is_second)
        };
        assert_eq!(newest(&[by("m1", 4), by("m1", 2)]), ("m1".to_owned(), 2, false));
        assert_eq!(newest(&[by("m1", 1), by("m2", 5), by("m2", 3)]), ("m2".to_owned(), 3, true));
    }

    #[test]
    fn a_gap_is_ten_typical_intervals() {
        // Intervals of 600, 600, 600 and 6,000 s. 600,000 ms lie in 2^19 to 2^20, so that the median counts as 1,048.576 s.
        let rows = [0, 600, 1200, 1800, 7800].map(|at| record("T1", at, Some(0.0), false));
        assert_eq!(survey(&rows).highest(1)[0].1.longest_gap(), 10_485.76);
        assert_eq!(survey(&rows[..1]).highest(1)[0].1.longest_gap(), f64::INFINITY);
    }
}
