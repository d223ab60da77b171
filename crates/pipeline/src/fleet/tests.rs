#![allow(clippy::unwrap_used)]
//! The state of turbines is a fold over the log: live, from a snapshot, and read anew it is the same.

use super::*;
use crate::prediction_log::{CsvLog, LogConfig, LogSync, LogTelemetry, RecordLog};
use jiff::{SignedDuration, Timestamp};
use prometheus::Registry;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;
use turbine_core::dataset::Dataset;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{Prediction, Watch};
use turbine_core::sensors::Gaps;
use turbine_core::training::{TrainingParams, train};

fn config(max_turbines: usize, dedupe_window: usize) -> FleetConfig {
    FleetConfig { max_turbines: NonZeroUsize::new(max_turbines).unwrap(), dedupe_window, drift_window: 60 }
}

/// A model of one feature, a reading every ten seconds.
static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let readings = (0..200).map(|i| f64::from(i % 17)).collect();
    let times = (0..200).map(|i| Timestamp::from_second(i * 10).unwrap()).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["a"]).unwrap(), readings, None).with_times(times);
    let mut params = TrainingParams { detector: DetectorKind::ForestAndNeighbours, ..TrainingParams::default() };
    params.forest.n_estimators = 2;
    train(&dataset, &params).unwrap().model
});

fn list(fleet: &Fleet, after: Option<&str>, limit: usize) -> Vec<TurbineStatus> {
    fleet.list(after, limit, &MODEL, "2026-01-31T12:10:00Z".parse().unwrap())
}

/// A row of turbine number `turbine`, or of none for 0, at second `second`.
fn record(turbine: u8, second: i64, value: f64) -> PredictionRecord {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    PredictionRecord {
        timestamp: start + SignedDuration::from_secs(second),
        values: vec![value],
        prediction: Prediction { anomaly_score: value / 10.0, is_anomaly: value > 5.0 },
        turbine_id: (turbine > 0).then(|| format!("T{turbine}").parse().unwrap()),
        model_version: if value > 8.0 { "m2".into() } else { "m1".into() },
        watch: Watch { surprisal: Some(value), smoothed_surprisal: Some(value / 2.0), in_alarm: value > 6.0 },
        gaps: match value {
            3.0 => Gaps { carried: [0].into_iter().collect(), ..Gaps::default() },
            4.0 => Gaps { missing: [0].into_iter().collect(), ..Gaps::default() },
            _ => Gaps::default(),
        },
    }
}

fn fingerprint(fleet: &Fleet, record: &PredictionRecord) -> Option<Fingerprint> {
    fleet.window.fingerprint(record.turbine_id.as_ref()?, record.timestamp, &record.values, record.gaps.all())
}

fn fold(fleet: &mut Fleet, record: &PredictionRecord) {
    let fingerprint = fingerprint(fleet, record);
    fleet.fold(record, fingerprint, &MODEL);
}

type Known = (Option<TurbineId>, Turbine);

/// Everything a fleet knows, the order of forgetting included, and what it says of repeated readings.
fn everything(fleet: &Fleet, asked: &[PredictionRecord]) -> (Vec<Known>, Vec<Option<Verdict>>, Drift) {
    let turbines = fleet.turbines.iter().map(|(id, turbine)| (id.clone(), turbine.clone())).collect();
    let verdict = |record| fleet.window.find(fingerprint(fleet, record)?).cloned();
    (turbines, asked.iter().map(verdict).collect(), fleet.drift.clone())
}

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        Place { _folder: folder, path }
    }

    /// The log, whose files hold a few rows each.
    fn open(&self) -> CsvLog {
        let max_bytes = NonZeroU64::new(400);
        let config = LogConfig { path: self.path.clone(), sync: LogSync::Write, max_bytes, max_age: None, keep: None };
        CsvLog::open_on(
            config,
            MODEL.features(),
            LogTelemetry::new(&Registry::new()),
            Arc::new(crate::prediction_log::RealDisk),
        )
        .unwrap()
    }

    fn restore(&self, config: FleetConfig) -> Restored {
        restore(&self.path, &MODEL, config, 0).unwrap()
    }
}

#[test]
fn a_late_reading_counts_but_is_not_the_last() {
    let mut fleet = Fleet::new(config(10, 0));
    for (second, value) in [(10, 1.0), (20, 6.0), (15, 7.0), (20, 9.0)] {
        fold(&mut fleet, &record(1, second, value));
    }
    let status = &list(&fleet, None, 10)[0];
    // Of four readings three are anomalies (above 5); the latest is the one at 20 s that came first.
    assert_eq!((status.readings, status.anomalies, status.anomaly_score), (4, 3, Some(0.6)));
    assert_eq!(status.last_reading.unwrap().to_string(), "2026-01-31T12:00:20Z");
    assert_eq!(status.model_version.as_deref(), Some("m1"));
}

#[test]
fn the_turbine_that_was_silent_longest_is_forgotten_first() {
    let mut fleet = Fleet::new(config(2, 0));
    for turbine in [1, 2, 1, 3] {
        fold(&mut fleet, &record(turbine, 0, 1.0));
    }
    let known = |fleet: &Fleet| -> Vec<(Option<String>, u64)> {
        list(fleet, None, 10).into_iter().map(|status| (status.turbine_id, status.readings)).collect()
    };
    assert_eq!(known(&fleet), [(Some("T1".to_owned()), 2), (Some("T3".to_owned()), 1)]);
    fold(&mut fleet, &record(2, 0, 1.0));
    assert_eq!(known(&fleet), [(Some("T2".to_owned()), 1), (Some("T3".to_owned()), 1)]);
}

#[test]
fn pages_come_by_name_and_the_nameless_first() {
    let mut fleet = Fleet::new(config(10, 0));
    for turbine in [3, 0, 2, 1] {
        fold(&mut fleet, &record(turbine, 0, 1.0));
    }
    let names = |after, limit| -> Vec<Option<String>> {
        list(&fleet, after, limit).into_iter().map(|status| status.turbine_id).collect()
    };
    let name = |text: &str| Some(text.to_owned());
    assert_eq!(names(None, 2), [None, name("T1")]);
    assert_eq!(names(Some("T1"), 2), [name("T2"), name("T3")]);
    assert_eq!(names(Some("T3"), 2), []);
}

#[test]
fn a_snapshot_that_does_not_fit_is_not_used() {
    let place = Place::new();
    let mut log = place.open();
    let settings = config(5, 10);
    let mut fleet = Fleet::new(settings);
    for second in 0..20 {
        let record = record(1, second, 1.0);
        log.append(&[&record]).unwrap();
        fold(&mut fleet, &record);
    }
    Snapshot::of(&fleet, MODEL.features(), log.position().unwrap(), 0).save(&place.path).unwrap();
    drop(log);
    assert!(place.restore(settings).from_snapshot);
    let file = Snapshot::path(&place.path);
    let good = std::fs::read_to_string(&file).unwrap();

    let restored = place.restore(config(6, 10));
    assert_eq!((restored.from_snapshot, restored.rows_read), (false, 20), "other --max-turbines");
    for (from, to) in [("\"readings\":20", "\"readings\":21"), ("{", "["), ("T1", "T\u{0}1")] {
        std::fs::write(&file, good.replacen(from, to, 1)).unwrap();
        assert!(!place.restore(settings).from_snapshot, "damaged: {to:?}");
    }
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        std::fs::write(&file, &good[..cut]).unwrap();
        assert!(!place.restore(settings).from_snapshot, "cut at {cut}");
    }
    // The log lost its last rows, or has others.
    std::fs::write(&file, &good).unwrap();
    let text = std::fs::read_to_string(&place.path).unwrap();
    let shorter = &text[..text.len() - 1 - text.trim_end().rsplit('\n').next().unwrap().len()];
    std::fs::write(&place.path, shorter).unwrap();
    let restored = place.restore(settings);
    assert_eq!((restored.from_snapshot, restored.rows_read), (false, 19));
    std::fs::write(&place.path, text.replace("T1", "T2")).unwrap();
    assert!(!place.restore(settings).from_snapshot);
}

#[test]
fn a_snapshot_of_another_format_or_window_is_refused_as_such() {
    let place = Place::new();
    let mut log = place.open();
    let mut fleet = Fleet::new(config(10, 0));
    let record = record(1, 0, 1.0);
    log.append(&[&record]).unwrap();
    fold(&mut fleet, &record);
    let snapshot = Snapshot::of(&fleet, MODEL.features(), log.position().unwrap(), 0);
    snapshot.save(&place.path).unwrap();
    let refusal = |config: FleetConfig| match Snapshot::load(&place.path, MODEL.features(), config, 0) {
        Ok(snapshot) => panic!("{snapshot:?}"),
        Err(error) => error.to_string(),
    };
    let wider = FleetConfig { drift_window: 61, ..config(10, 0) };
    assert_eq!(refusal(wider), "it was made with other settings: --drift-window");
    let text = std::fs::read_to_string(Snapshot::path(&place.path)).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut older = file["snapshot"].clone();
    older["format_version"] = 4.into();
    older.as_object_mut().unwrap().remove("drift");
    let digest: String = Sha256::digest(older.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    let envelope = serde_json::json!({"digest": digest, "snapshot": older});
    std::fs::write(Snapshot::path(&place.path), envelope.to_string()).unwrap();
    assert_eq!(refusal(config(10, 0)), "it was made with other settings: the format");
    assert_eq!(place.restore(config(10, 0)).rows_read, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn live_from_a_snapshot_and_read_anew_it_is_the_same(
        rows in proptest::collection::vec((0..6u8, 0..40i64, 0..10u8), 1..60),
        snapshot_after in 0..60usize,
        max_turbines in 1..6usize,
        dedupe_window in 0..30usize,
    ) {
        let place = Place::new();
        let settings = config(max_turbines, dedupe_window);
        let mut log = place.open();
        let mut live = Fleet::new(settings);
        let mut records = Vec::new();
        for (turbine, second, value) in rows {
            let mut record = record(turbine, second, f64::from(value));
            if value < 9 {
                record.model_version = Arc::clone(MODEL.version());
            }
            // A reading that is remembered is not logged again.
            if fingerprint(&live, &record).is_some_and(|known| live.window.find(known).is_some()) {
                continue;
            }
            log.append(&[&record]).unwrap();
            fold(&mut live, &record);
            if records.len() == snapshot_after {
                Snapshot::of(&live, MODEL.features(), log.position().unwrap(), 0).save(&place.path).unwrap();
            }
            records.push(record);
        }
        drop(log);
        let expected = everything(&live, &records);
        let restored = place.restore(settings);
        prop_assert_eq!(restored.from_snapshot, snapshot_after < records.len());
        prop_assert_eq!(&everything(&restored.fleet, &records), &expected);
        // A start that writes another snapshot, and one without any.
        std::fs::remove_file(Snapshot::path(&place.path)).ok();
        let anew = place.restore(settings);
        prop_assert!(!anew.from_snapshot);
        prop_assert_eq!(anew.rows_read as usize, records.len());
        prop_assert_eq!(&everything(&anew.fleet, &records), &expected);
    }
}
