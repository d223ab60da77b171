//! A partition of turbines whose log is no file: the same records, states and alarms as those of a pipeline.

#![allow(clippy::unwrap_used)]

use pipeline::counters::Counters;
use pipeline::events::{Event, Events};
use pipeline::fleet::FleetConfig;
use pipeline::{Batch, BatchLog, LogConfig, LogPolicy, LogSync, Partition, Pipeline, PipelineConfig, decode};
use prometheus::Registry;
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::{MissingValues, Reading, TurbineId};
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

/// A log that refuses every third batch.
#[derive(Default)]
struct Memory {
    asked: usize,
    records: Vec<PredictionRecord>,
    /// What stands beside the newest record of each turbine, as JSON.
    states: BTreeMap<TurbineId, Option<String>>,
    alarms: Vec<(String, bool)>,
}

impl BatchLog for Memory {
    type Fault = &'static str;

    async fn append(&mut self, batch: &Batch) -> Result<(), &'static str> {
        self.asked += 1;
        if self.asked.is_multiple_of(3) {
            return Err("refused");
        }
        for (record, turbine) in batch.with_turbines() {
            self.records.push(record.clone());
            let state = turbine.map(|turbine| serde_json::to_string(turbine).unwrap());
            self.states.insert(record.turbine_id.clone().unwrap(), state);
        }
        self.alarms.extend(batch.events.iter().filter_map(|event| match event {
            Event::AlarmRaised(alarm) | Event::AlarmCleared(alarm) => Some((alarm.id.clone(), alarm.cleared.is_some())),
            _ => None,
        }));
        Ok(())
    }
}

/// Readings of five turbines: normal, a fault now and then, a value that is missing, and times that are late.
fn readings(model: &Model) -> Vec<Reading> {
    let reading = |i: i32| {
        let (turbine, step) = (i % 5, i / 5);
        let fault = (step + 7 * turbine) % 60 > 45;
        let (temperature, humidity, sound) = if fault { (46.0, 20.0, 1.3) } else { (25.0, 60.0, 0.5) };
        let wobble = f64::from(i * 37 % 19) / 100.0;
        let humidity = if step % 11 == 3 { Value::Null } else { Value::from(humidity + wobble) };
        let second = if step % 13 == 5 { step - 2 } else { step };
        let text = format!(
            "{{\"turbine_id\":\"T{turbine}\",\"timestamp\":\"2026-01-31T{:02}:{:02}:00Z\",\"temperature\":{},\
             \"humidity\":{humidity},\"sound_volume\":{}}}",
            second / 60,
            second % 60,
            temperature + wobble,
            sound + wobble
        );
        decode::reading(text.as_bytes(), model.features(), MissingValues::Carry).unwrap()
    };
    (0..1_500).map(reading).collect()
}

fn empty() -> Partition {
    Partition::new(Arc::new(Counters::new(&Registry::new())), Events::default())
}

#[tokio::test]
async fn a_partition_says_what_a_pipeline_says_whatever_fails_and_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outputs/predictions_log.csv");
    let trained = train(&training_set(500, 0.05, 1), &TrainingParams::default()).unwrap().model;
    let model_path = folder.path().join("model.json");
    trained.save(&model_path).unwrap();
    let model = Arc::new(Model::load(&model_path).unwrap());
    let readings = readings(&model);

    let log = LogConfig { path: path.clone(), sync: LogSync::Write, max_bytes: None, max_age: None, keep: None };
    let config = PipelineConfig {
        model: model_path.clone(),
        log,
        log_policy: LogPolicy::Required,
        max_queue_bytes: 8 << 20,
        fleet: FleetConfig { max_turbines: NonZeroUsize::new(100).unwrap(), dedupe_window: 0, drift_window: 1 },
        missing_values: MissingValues::Carry,
        time_limit: Duration::from_secs(60),
        shadow: None,
        rollback: None,
    };
    let pipeline = Pipeline::open(config, Ok(Model::load(&model_path).unwrap()), &Registry::new()).unwrap();
    let mut expected = Vec::new();
    for chunk in readings.chunks(70) {
        let submission = pipeline.score(pipeline.model().unwrap(), chunk.to_vec());
        expected.extend(pipeline.submit(submission).await.unwrap().into_iter().map(|answered| answered.record));
    }
    pipeline.close().await.unwrap();

    let (mut partition, mut memory) = (empty(), Memory::default());
    let mut sizes = [1, 64, 7, 33].into_iter().cycle();
    let mut rest = &readings[..];
    while !rest.is_empty() {
        let size = sizes.next().unwrap().min(rest.len());
        let batch = partition.judge(&model, rest[..size].to_vec());
        if partition.commit(batch, &mut memory).await.is_ok() {
            rest = &rest[size..];
        }
        if memory.asked.is_multiple_of(10) {
            partition = empty();
            for (id, state) in &memory.states {
                partition.restore(id.clone(), serde_json::from_str(state.as_ref().unwrap()).unwrap());
            }
        }
    }
    assert!(memory.records == expected, "the records differ");

    let snapshot = std::fs::read_to_string(path.with_file_name("turbines.snapshot")).unwrap();
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    let turbines = snapshot["snapshot"]["turbines"].as_array().unwrap();
    assert_eq!((turbines.len(), partition.len()), (5, 5));
    for entry in turbines {
        let id: TurbineId = entry[0].as_str().unwrap().parse().unwrap();
        let state: Value = serde_json::from_str(memory.states[&id].as_ref().unwrap()).unwrap();
        assert_eq!(state, entry[1], "{id}");
    }

    let mut alarms = csv::Reader::from_path(path.with_file_name("alarms.csv")).unwrap();
    let alarms = alarms.records().map(Result::unwrap).map(|row| (row[0].to_owned(), &row[1] == "cleared"));
    let alarms: Vec<(String, bool)> = alarms.collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    assert_eq!(memory.alarms, alarms);
}
