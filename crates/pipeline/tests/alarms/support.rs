//! A pipeline in a folder of its own, whose model raises alarms.

use jiff::Timestamp;
use pipeline::alarms::{Alarm, AlarmFilter};
use pipeline::fleet::{FleetConfig, TurbineStatus};
use pipeline::prediction_log::LogFault;
use pipeline::{HandleError, LogConfig, LogPolicy, LogSync, OpenError, Pipeline, PipelineConfig, decode};
use prometheus::Registry;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use turbine_core::alarm_log::ActionKind;
use turbine_core::dataset::Dataset;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::monitor::{AlarmTarget, Sensitivity};
use turbine_core::reading::MissingValues;
use turbine_core::training::{TrainingParams, train};

const QUIET: AlarmTarget = AlarmTarget::Sensitivity(Sensitivity::Quiet);

/// Seconds between readings in training.
pub const INTERVAL: i64 = 4;

/// A model of two sensors that change with every reading.
pub static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let readings = (0..600).flat_map(|i| [normal(i), normal(i + 7)]).collect();
    let times = (0..600).map(|i| Timestamp::from_second(i * INTERVAL).unwrap()).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["a", "b"]).unwrap(), readings, None).with_times(times);
    let mut params =
        TrainingParams { detector: DetectorKind::ForestAndNeighbours, alarm: QUIET, ..TrainingParams::default() };
    params.forest.n_estimators = 10;
    train(&dataset, &params).unwrap().model
});

/// The value of a sensor in reading number `i` of normal running: slow, so that the first reading is much like a smoothed one.
pub fn normal(i: i64) -> f64 {
    50.0 + 10.0 * (i as f64 / 20.0).sin() + (i * i * 31 % 11) as f64 * 0.02
}

pub struct Place {
    folder: TempDir,
    pub config: PipelineConfig,
}

impl Place {
    pub fn new(sync: LogSync) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outputs/predictions_log.csv");
        let config = PipelineConfig {
            model: folder.path().join("model.json"),
            // So that some restarts read several parts.
            log: LogConfig { path, sync, max_bytes: NonZeroU64::new(20_000), max_age: None, keep: None },
            log_policy: LogPolicy::Required,
            max_queue_bytes: 8 << 20,
            fleet: FleetConfig {
                max_turbines: NonZeroUsize::new(100).unwrap(),
                dedupe_window: 1_000,
                drift_window: 1_000,
            },
            missing_values: MissingValues::Refuse,
            time_limit: Duration::from_secs(60),
            shadow: None,
            rollback: None,
        };
        Place { folder, config }
    }

    /// Waits for the maintenance of a pipeline that was dropped just before to let go of the log.
    pub fn open(&self) -> Pipeline {
        let began = Instant::now();
        loop {
            match Pipeline::open(self.config.clone(), Ok(MODEL.clone()), &Registry::new()) {
                Err(OpenError::Log(LogFault::Locked { .. })) if began.elapsed() < Duration::from_secs(60) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                opened => return opened.unwrap(),
            }
        }
    }

    /// For a place that no pipeline was opened in.
    pub fn open_counted(&self, registry: &Registry) -> Pipeline {
        Pipeline::open(self.config.clone(), Ok(MODEL.clone()), registry).unwrap()
    }

    pub fn beside_log(&self, name: &str) -> PathBuf {
        self.folder.path().join("outputs").join(name)
    }

    /// Id and event of each row of the file of alarms.
    pub fn rows(&self) -> Vec<(String, String)> {
        self.cells().into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
    }

    /// The same, of those rows that the log implies.
    pub fn implied_rows(&self) -> Vec<(String, String)> {
        self.rows().into_iter().filter(|(_, event)| event == "raised" || event == "cleared").collect()
    }

    /// The cells of each row of the file of alarms.
    pub fn cells(&self) -> Vec<Vec<String>> {
        let mut csv = csv::Reader::from_path(self.beside_log("alarms.csv")).unwrap();
        csv.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }
}

/// A reading as JSON; turbine number 0 has no name.
pub fn reading(turbine: u8, timestamp: Timestamp, values: [f64; 2]) -> String {
    let name = if turbine == 0 { String::new() } else { format!(r#""turbine_id":"T{turbine}","#) };
    format!(r#"{{{name}"timestamp":"{timestamp}","a":{},"b":{}}}"#, values[0], values[1])
}

pub async fn submit(pipeline: &Pipeline, readings: &[String]) {
    let model = pipeline.model().unwrap();
    let batch = format!("{{\"readings\":[{}]}}", readings.join(","));
    let readings = decode::batch(batch.as_bytes(), model.features(), MissingValues::Refuse).unwrap();
    pipeline.submit(pipeline.score(model, readings)).await.unwrap();
}

pub const ALL: AlarmFilter = AlarmFilter { active: None, turbine: None, since: None, limit: 10_000 };

pub fn alarms(pipeline: &Pipeline) -> Vec<Arc<Alarm>> {
    pipeline.alarms(&ALL)
}

/// Does something with an alarm; a comment is text behind `#`.
pub async fn handle(pipeline: &Pipeline, id: &str, kind: ActionKind, by: &str) -> Result<Arc<Alarm>, HandleError> {
    let (by, comment) = by.split_once('#').map_or((by, None), |(by, text)| (by, Some(text.parse().unwrap())));
    pipeline.handle_alarm(id.parse().unwrap(), kind, by.parse().unwrap(), comment).await
}

pub fn turbines(pipeline: &Pipeline) -> Vec<TurbineStatus> {
    pipeline.turbines(None, 1_000)
}

/// So many readings of a turbine from that second on, in which sensor `b` is off if asked for.
pub fn stretch(turbine: u8, seconds: std::ops::Range<i64>, off: bool) -> Vec<String> {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let seconds = seconds.step_by(INTERVAL as usize);
    let values = |second| {
        let i = second / INTERVAL;
        [normal(i), normal(i + 7) + if off { 500.0 } else { 0.0 }]
    };
    let one = |second| reading(turbine, start + jiff::SignedDuration::from_secs(second), values(second));
    seconds.map(one).collect()
}
