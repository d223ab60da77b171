#![allow(clippy::unwrap_used)]
//! Whatever the rows, their order, restarts and rotations: what is selected is what the log holds.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;
use turbine_core::prediction::{LogReader, Prediction, Watch};
use turbine_core::sensors::Gaps;

const START: i64 = 1_769_860_800;

struct Place {
    folder: TempDir,
    features: FeatureSet,
    rows: Vec<PredictionRecord>,
    histories: Histories,
    files: usize,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let features = FeatureSet::from_names(["a", "b"]).unwrap();
        let place = Place { folder, features, rows: Vec::new(), histories: Histories::default(), files: 0 };
        place.write(place.path(), &[]);
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log.csv")
    }

    fn write(&self, path: PathBuf, rows: &[&PredictionRecord]) {
        let mut text = (PredictionRecord::header(&self.features).join(",") + "\n").into_bytes();
        if path.exists() {
            text = std::fs::read(&path).unwrap();
        }
        rows.iter().for_each(|row| row.append_to(&mut text, &self.features));
        std::fs::write(path, text).unwrap();
    }

    fn log(&mut self, rows: Vec<PredictionRecord>) {
        let taken: Vec<&PredictionRecord> = rows.iter().collect();
        self.write(self.path(), &taken);
        self.histories.take_in(&taken, true);
        self.rows.extend(rows);
    }

    fn rotate(&mut self) {
        self.files += 1;
        std::fs::rename(self.path(), self.folder.path().join(format!("log.{:06}.csv", self.files))).unwrap();
        self.write(self.path(), &[]);
    }

    /// A service that is started again has read nothing but the last times.
    fn restart(&mut self) {
        self.histories = Histories::default();
        let mut last: BTreeMap<Option<TurbineId>, Timestamp> = BTreeMap::new();
        for row in &self.rows {
            let known = last.entry(row.turbine_id.clone()).or_insert(row.timestamp);
            *known = row.timestamp.max(*known);
        }
        self.histories.begin(last.into_iter());
    }

    fn check(&self, turbine: &Option<TurbineId>, from: i64, to: i64, points: u16) {
        let time = |second| Some(Timestamp::from_second(START + second).unwrap());
        let range = HistoryRange { from: time(from), to: time(to), points };
        let history = self.histories.select(turbine, range, Timestamp::MAX, &self.features, &self.path()).unwrap();
        assert!(history.buckets.len() <= usize::from(points) && history.from <= range.from.unwrap());
        assert!(history.to > range.to.unwrap() && history.features == ["a", "b"]);
        let log: Vec<_> = LogReader::open(&self.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(log.len(), self.rows.len());
        let width = history.bucket_seconds;
        let mut expected: BTreeMap<i64, Vec<&PredictionRecord>> = BTreeMap::new();
        for row in log.iter().filter(|row| row.turbine_id == *turbine) {
            if row.timestamp >= history.from && row.timestamp < history.to {
                expected.entry(row.timestamp.as_second().div_euclid(width) * width).or_default().push(row);
            }
        }
        let starts: Vec<i64> = history.buckets.iter().map(Bucket::start).collect();
        assert_eq!(starts, expected.keys().copied().collect::<Vec<_>>(), "{range:?}");
        for (bucket, rows) in history.buckets.iter().zip(expected.values()) {
            let shown = serde_json::to_value(bucket).unwrap();
            let n = rows.len() as f64;
            assert_eq!(shown["n"], rows.len());
            assert_eq!(shown["anomalies"], rows.iter().filter(|row| row.prediction.is_anomaly).count());
            assert_eq!(shown["in_alarm"], rows.iter().any(|row| row.watch.in_alarm));
            let spread = |values: Vec<f64>| {
                let sum: f64 = values.iter().sum();
                (
                    values.iter().copied().fold(f64::MAX, f64::min),
                    sum / n,
                    values.iter().copied().fold(f64::MIN, f64::max),
                )
            };
            let near = |mean: &serde_json::Value, expected: f64| (mean.as_f64().unwrap() - expected).abs() < 1e-9;
            for sensor in 0..2 {
                let (min, mean, max) = spread(rows.iter().map(|row| row.values[sensor]).collect());
                assert_eq!((&shown["min"][sensor], &shown["max"][sensor]), (&min.into(), &max.into()));
                assert!(near(&shown["mean"][sensor], mean), "{shown}");
            }
            let (min, mean, max) = spread(rows.iter().filter_map(|row| row.watch.smoothed_surprisal).collect());
            let smoothed = &shown["smoothed_surprisal"];
            assert_eq!((&smoothed["min"], &smoothed["max"]), (&min.into(), &max.into()));
            assert!(near(&smoothed["mean"], mean), "{shown}");
        }
    }
}

fn row(turbine: u8, second: i64, n: usize) -> PredictionRecord {
    PredictionRecord {
        timestamp: Timestamp::from_millisecond((START + second) * 1_000 + (n % 3) as i64 * 400).unwrap(),
        values: vec![n as f64, (n * 7 % 11) as f64],
        prediction: Prediction { anomaly_score: 0.5, is_anomaly: n.is_multiple_of(5) },
        turbine_id: (turbine > 0).then(|| format!("T{turbine}").parse().unwrap()),
        model_version: "m1".into(),
        watch: Watch {
            surprisal: Some(1.0),
            smoothed_surprisal: Some((n % 13) as f64 / 8.0),
            in_alarm: n.is_multiple_of(50),
        },
        gaps: Gaps::default(),
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many readings of a turbine from that second on, so many seconds apart.
    Log {
        turbine: u8,
        from: i64,
        n: usize,
        apart: i64,
    },
    Rotate,
    Restart,
    Check {
        turbine: u8,
        from: i64,
        length: i64,
        points: u16,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let points = prop_oneof![Just(10), Just(300), Just(2_000)];
    let step = prop_oneof![
        4 => (0_u8..3, -100_000_i64..100_000, 1_usize..700, 0_i64..400)
            .prop_map(|(turbine, from, n, apart)| Step::Log { turbine, from, n, apart }),
        1 => Just(Step::Rotate),
        1 => Just(Step::Restart),
        4 => (0_u8..3, -110_000_i64..110_000, prop_oneof![0_i64..400, 0_i64..100_000], points)
            .prop_map(|(turbine, from, length, points)| Step::Check { turbine, from, length, points }),
    ];
    prop::collection::vec(step, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_history_is_what_the_log_holds(steps in steps()) {
        let mut place = Place::new();
        for step in steps {
            match step {
                Step::Log { turbine, from, n, apart } => {
                    place.log((0..n).map(|i| row(turbine, from + i as i64 * apart, i)).collect());
                }
                Step::Rotate => place.rotate(),
                Step::Restart => place.restart(),
                Step::Check { turbine, from, length, points } => {
                    place.check(&row(turbine, 0, 0).turbine_id, from, from + length, points);
                }
            }
        }
    }
}

#[test]
fn a_page_that_shows_the_newest_readings_needs_no_file() {
    let mut place = Place::new();
    // One reading a second for a day.
    place.log((0..90_000).map(|i| row(1, i as i64, i)).collect());
    std::fs::remove_file(place.path()).unwrap();
    let (turbine, last) = (row(1, 0, 0).turbine_id, Timestamp::from_second(START + 89_999).unwrap());
    for (seconds, width) in [(300, 2), (299, 1), (3_600, 15), (86_400, 300)] {
        let range = HistoryRange { from: Some(last - SignedDuration::from_secs(seconds)), to: None, points: 300 };
        let history = place.histories.select(&turbine, range, last, &place.features, &place.path()).unwrap();
        let readings: u64 = history.buckets.iter().map(Bucket::readings).sum();
        assert_eq!(history.bucket_seconds, width);
        if width != 2 {
            assert!(readings as i64 > seconds && readings as i64 <= seconds + width, "{readings} in {seconds} s");
        }
    }
}

#[test]
fn memory_is_bounded_for_all_turbines_together() {
    let mut recent = Recent::default();
    let of = |turbine: usize, second: i64| PredictionRecord {
        turbine_id: Some(format!("T{turbine}").parse().unwrap()),
        ..row(1, second, 1)
    };
    for second in (0..400).map(|i| i * 300) {
        (0..1_500).for_each(|turbine| recent.take_in(&of(turbine, second), true));
    }
    assert!(recent.is_bounded());
    let known_from = |points: i64| {
        let end = START + 120_000;
        recent.select(&of(7, 0).turbine_id, &TimeFrame::new(at(end - 300 * points), at(end), 300)).1
    };
    // Narrow buckets stop growing first.
    let (day, hour, minutes) = (known_from(300), known_from(12), known_from(1));
    assert!(day < hour && hour < minutes, "{day}, {hour}, {minutes}");
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn the_charts_of_a_thousand_turbines_fit_into_memory() {
    let row = PredictionRecord { values: vec![1.0; 3], ..row(1, 0, 0) };
    assert!(1_000 * 3 * recent::MAX_BUCKETS * Bucket::of(0, &row).bytes() <= recent::MAX_BYTES);
}

#[test]
fn a_log_that_was_replaced_is_read_anew() {
    let mut place = Place::new();
    // Several stretches are remembered.
    place.log((0..20_000).map(|i| row(1, i as i64 * 2, i)).collect());
    place.restart();
    let turbine = row(1, 0, 0).turbine_id;
    place.check(&turbine, 0, 40_000, 300);
    place.check(&turbine, 20_000, 21_000, 300);
    std::fs::remove_file(place.path()).unwrap();
    place.rows.clear();
    place.write(place.path(), &[]);
    place.log((0..30_000).map(|i| row(1, i as i64, i + 1)).collect());
    place.restart();
    place.check(&turbine, 0, 40_000, 300);
}
