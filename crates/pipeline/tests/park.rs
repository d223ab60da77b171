//! A pipeline in front of a park: what others score is answered and shown as if it had scored itself.

#![allow(clippy::unwrap_used)]

use pipeline::alarms::AlarmFilter;
use pipeline::counters::Counters;
use pipeline::decode::{self, BadReadings};
use pipeline::events::{Event, Events};
use pipeline::fleet::FleetConfig;
use pipeline::history::HistoryRange;
use pipeline::park::{
    HandInError, HandedIn, Outcome, ParkBatch, ParkError, ParkLog, ParkRow, ParkStanding, Place, Promise,
};
use pipeline::{
    Batch, BatchLog, HandleError, LogConfig, LogPolicy, LogSync, Mirror, Partition, Pipeline, PipelineConfig,
    ReloadError, SubmitError,
};
use prometheus::Registry;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use turbine_core::alarm_log::ActionKind;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::{MissingValues, Reading, TurbineId};
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

/// Scores what is handed in, and tells of it before it says which place it got.
struct Scorers {
    model: Arc<Model>,
    partition: tokio::sync::Mutex<Partition>,
    mirror: OnceLock<Mirror>,
    records: Mutex<Vec<PredictionRecord>>,
}

/// Takes a batch into the mirror.
struct Told<'a>(&'a Scorers);

impl BatchLog for Told<'_> {
    type Fault = ();

    async fn append(&mut self, batch: &Batch) -> Result<(), ()> {
        let scorers = self.0;
        let mut told = ParkBatch::default();
        for (record, turbine) in batch.with_turbines() {
            let mut records = scorers.records.lock().unwrap();
            records.push(record.clone());
            let (place, turbine) = (records.len() as Place, turbine.cloned());
            told.rows.push(ParkRow { place, record: record.clone(), turbine });
        }
        for event in &batch.events {
            match event {
                Event::AlarmRaised(alarm) | Event::AlarmCleared(alarm) => told.alarms.push(alarm.as_ref().clone()),
                other => told.events.push(other.clone()),
            }
        }
        scorers.mirror.get().unwrap().take_in(told, scorers.model.features()).map_err(|_| ())
    }
}

impl ParkLog for Scorers {
    fn hand_in<'a>(
        &'a self,
        reading: &'a Reading,
        _: &'a FeatureSet,
        _: Instant,
    ) -> Promise<'a, Result<HandedIn, HandInError>> {
        Box::pin(async move {
            let handed_in = |place| Ok(HandedIn { place, was_taken: false, is_repeated: false });
            match TurbineId::name(reading.turbine_id()) {
                "full" => Err(HandInError::Refused("the stream is full".to_owned())),
                "gone" => Err(HandInError::Unknown("no answer".to_owned())),
                "slow" => handed_in(1_000_000),
                "bad" => {
                    let rejected = (reading.turbine_id().unwrap().clone(), 7, BadReadings::of_text("sound is missing"));
                    let batch = ParkBatch { rejected: vec![rejected], ..ParkBatch::default() };
                    self.mirror.get().unwrap().take_in(batch, self.model.features()).unwrap();
                    handed_in(7)
                }
                "again" => Ok(HandedIn { place: 3, was_taken: true, is_repeated: true }),
                _ => {
                    let mut partition = self.partition.lock().await;
                    let batch = partition.judge(&self.model, vec![reading.clone()]);
                    partition.commit(batch, &mut Told(self)).await.unwrap();
                    handed_in(self.records.lock().unwrap().len() as Place)
                }
            }
        })
    }

    fn outcome<'a>(&'a self, _: &'a TurbineId, place: Place, _: &'a FeatureSet) -> Promise<'a, Option<Outcome>> {
        let record = self.records.lock().unwrap().get(place as usize - 1).cloned();
        Box::pin(async move { record.map(|record| Outcome::Scored { record, smoothed: None }) })
    }

    fn rows(
        &self,
        turbine: &TurbineId,
        _: &FeatureSet,
        seconds: Range<i64>,
        add: &mut dyn FnMut(PredictionRecord),
    ) -> Result<Option<i64>, String> {
        let records = self.records.lock().unwrap();
        let mine = records.iter().filter(|record| record.turbine_id.as_ref() == Some(turbine));
        mine.filter(|record| seconds.contains(&record.timestamp.as_second())).cloned().for_each(add);
        Ok(None)
    }
}

fn config(folder: &Path) -> PipelineConfig {
    let path = folder.join("outputs/predictions_log.csv");
    PipelineConfig {
        model: folder.join("model.json"),
        log: LogConfig { path, sync: LogSync::Write, max_bytes: None, max_age: None, keep: None },
        log_policy: LogPolicy::Required,
        max_queue_bytes: 8 << 20,
        fleet: FleetConfig { max_turbines: NonZeroUsize::new(2).unwrap(), dedupe_window: 0, drift_window: 1_000 },
        missing_values: MissingValues::Carry,
        time_limit: Duration::from_secs(60),
        shadow: None,
        rollback: None,
    }
}

fn park(folder: &Path, model: &Arc<Model>) -> (Pipeline, Arc<Scorers>) {
    let partition = Partition::new(Arc::new(Counters::new(&Registry::new())), Events::default());
    let scorers = Scorers {
        model: Arc::clone(model),
        partition: tokio::sync::Mutex::new(partition),
        mirror: OnceLock::new(),
        records: Mutex::default(),
    };
    let scorers = Arc::new(scorers);
    let config = PipelineConfig { time_limit: Duration::from_millis(500), ..config(folder) };
    let log: Arc<dyn ParkLog> = scorers.clone();
    let (pipeline, mirror) = Pipeline::open_park(config, Ok(Model::clone(model)), &Registry::new(), log);
    mirror.restore(ParkStanding::default(), model.features()).unwrap();
    assert!(scorers.mirror.set(mirror).is_ok());
    (pipeline, scorers)
}

/// Readings of three turbines: normal, with a fault now and then.
fn readings(model: &Model) -> Vec<Reading> {
    let text = |i: usize| {
        let (turbine, step) = (i % 3, i / 3);
        let fault = step % 60 > 40;
        let wobble = (i * 37 % 19) as f64 / 100.0;
        let (temperature, sound) = if fault { (46.0, 1.3) } else { (25.0, 0.5) };
        format!(
            r#"{{"turbine_id":"T{turbine}","timestamp":"2026-01-31T{:02}:{:02}:00Z","temperature":{},"humidity":{},"sound_volume":{}}}"#,
            step / 60,
            step % 60,
            temperature + wobble,
            60.0 + wobble,
            sound + wobble
        )
    };
    (0..600).map(|i| reading(model, &text(i))).collect()
}

fn reading(model: &Model, text: &str) -> Reading {
    decode::reading(text.as_bytes(), model.features(), MissingValues::Carry).unwrap()
}

fn of(model: &Model, turbine: &str) -> Reading {
    let turbine = if turbine == "-" { String::new() } else { format!(r#""turbine_id":"{turbine}","#) };
    reading(model, &format!(r#"{{{turbine}"temperature":25,"humidity":60,"sound_volume":0.5}}"#))
}

fn trained() -> Arc<Model> {
    Arc::new(train(&training_set(500, 0.05, 1), &TrainingParams::default()).unwrap().model)
}

#[tokio::test]
async fn a_park_is_shown_as_by_a_pipeline_that_scores_itself() {
    let (alone_in, park_in) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = trained();
    let alone_config = PipelineConfig {
        fleet: FleetConfig { max_turbines: NonZeroUsize::new(9).unwrap(), ..config(alone_in.path()).fleet },
        ..config(alone_in.path())
    };
    let alone = Pipeline::open(alone_config, Ok(Model::clone(&model)), &Registry::new()).unwrap();
    let (park, scorers) = park(park_in.path(), &model);
    assert!(!park.health().ready);
    scorers.mirror.get().unwrap().set_problem(None);
    assert!(park.health().ready);
    for reading in readings(&model) {
        let submit = async |pipeline: &Pipeline| {
            let submission = pipeline.score(Arc::clone(&model), vec![reading.clone()]).explained(true);
            pipeline.submit(submission).await.unwrap()
        };
        assert_eq!(submit(&park).await, submit(&alone).await);
    }
    let all = AlarmFilter { active: None, turbine: None, since: None, limit: 1_000 };
    assert!(alone.alarms(&all).len() > 6, "{:?}", alone.alarms(&all));
    assert_eq!(park.alarms(&all), alone.alarms(&all));
    assert_eq!(park.drift().unwrap(), alone.drift().unwrap());
    let spoken = |pipeline: &Pipeline| {
        let mut turbines = pipeline.turbines(None, 10);
        turbines.iter_mut().for_each(|turbine| turbine.silent = false);
        turbines
    };
    assert_eq!(spoken(&park), spoken(&alone));
    let range = HistoryRange { from: "2026-01-31T00:00:00Z".parse().ok(), to: None, points: 50 };
    for id in ["T0", "T1", "T2"].map(|id| Some(id.parse::<TurbineId>().unwrap())) {
        assert_eq!(park.turbine(&id).unwrap().why, alone.turbine(&id).unwrap().why);
        assert_eq!(park.history(&id, range).unwrap(), alone.history(&id, range).unwrap());
    }
    assert_eq!(std::fs::read_dir(park_in.path()).unwrap().count(), 0, "it writes no files");
}

#[tokio::test]
async fn what_is_not_scored_is_said_with_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained();
    let (park, scorers) = park(folder.path(), &model);
    let submit = async |turbines: &[&str]| {
        let readings = turbines.iter().map(|turbine| of(&model, turbine)).collect();
        let submission = park.score(Arc::clone(&model), readings);
        park.submit(submission).await.map_err(|error| match error {
            SubmitError::Park(error) => (error.first().clone(), error.to_string()),
            error => panic!("{error}"),
        })
    };
    for (turbine, expected) in [
        ("-", "turbine_id is missing"),
        ("T.1", "turbine_id must not contain a '.' in a cluster, got \"T.1\""),
        ("bad", "sound is missing"),
        ("full", "the reading was not taken: the stream is full; retry later"),
        ("gone", "it is unknown whether the reading was taken: no answer; sending the reading again is safe"),
        ("slow", "the reading was taken and it will be scored, but not within 0.5 s"),
    ] {
        let (_, text) = submit(&[turbine]).await.unwrap_err();
        assert!(text.contains(expected), "{turbine}: {text}");
    }
    // Without the state of the log no reading is handed in: the model may have other features than the log.
    let mirror = scorers.mirror.get().unwrap();
    mirror.forget();
    let (_, text) = submit(&["full"]).await.unwrap_err();
    assert_eq!(text, "the reading was not taken: not connected to the cluster yet; retry later");
    mirror.restore(ParkStanding::default(), model.features()).unwrap();
    // A reading behind one that was not taken is not handed in: it would be the newer one.
    let (first, text) = submit(&["full", "T1", "full", "slow"]).await.unwrap_err();
    assert_eq!(first, ParkError::NotTaken("the stream is full".to_owned()));
    assert!(text.starts_with("1 of 4 readings are scored; of the others the first: "), "{text}");
    let (_, text) = submit(&["T1", "bad", "T2"]).await.unwrap_err();
    assert_eq!(text, "2 of 3 readings are scored; of the others the first: reading 1: sound is missing");
    assert_eq!(submit(&["T3", "T1"]).await.unwrap().len(), 2);
    let again = submit(&["again"]).await.unwrap().remove(0);
    // Turbines are handed in side by side, so that either may be the third.
    let third = scorers.records.lock().unwrap()[2].clone();
    assert!(again.duplicate && again.record == third, "{again:?}");
    assert_eq!(submit(&["T1", "-"]).await.unwrap_err().0.to_string().split(':').next(), Some("turbine_id is missing"));

    assert_eq!(park.promote(None).await, Err(ReloadError::Elsewhere));
    assert_eq!(park.roll_back().await, Err(ReloadError::Elsewhere));
    let act = park.handle_alarm(
        "T1@2026-01-31T12:00:00Z".parse().unwrap(),
        ActionKind::Acknowledged,
        "Ann".parse().unwrap(),
        None,
    );
    assert_eq!(act.await, Err(HandleError::NotKept));
}

#[tokio::test]
async fn a_turbine_is_silent_only_once_that_is_confirmed_and_until_it_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let interval = jiff::SignedDuration::from_secs(1);
    let times = |i: i32| jiff::Timestamp::UNIX_EPOCH + interval * i;
    let dataset = training_set(500, 0.05, 1);
    let dataset = dataset.with_times((0..500).map(times).collect());
    let model = Arc::new(train(&dataset, &TrainingParams::default()).unwrap().model);
    let (park, scorers) = park(folder.path(), &model);
    let silent = || park.turbines(None, 10).iter().map(|turbine| turbine.silent).collect::<Vec<_>>();
    let mirror = scorers.mirror.get().unwrap();
    for turbine in ["T1", "T2"] {
        let old = format!(
            r#"{{"turbine_id":"{turbine}","timestamp":"2026-01-31T12:00:00Z","temperature":25,"humidity":60,"sound_volume":0.5}}"#
        );
        park.submit(park.score(Arc::clone(&model), vec![reading(&model, &old)])).await.unwrap();
    }
    assert_eq!(silent(), [false, false]);
    let mut overdue = mirror.unconfirmed_silences();
    overdue.sort();
    assert_eq!(overdue, ["T1", "T2"].map(|id| id.parse::<TurbineId>().unwrap()));
    mirror.confirm_silences(vec!["T1".parse().unwrap()]);
    assert_eq!((silent(), mirror.unconfirmed_silences().len()), (vec![true, false], 1));
    park.submit(park.score(Arc::clone(&model), vec![of(&model, "T1")])).await.unwrap();
    assert_eq!((silent(), mirror.unconfirmed_silences().len()), (vec![false, false], 1));

    // A restore replaces the whole state, and needs a model of the same features.
    let others = FeatureSet::from_names(["other"]).unwrap();
    assert!(mirror.restore(ParkStanding::default(), &others).is_err());
    assert_eq!(silent().len(), 2);
    mirror.restore(ParkStanding::default(), model.features()).unwrap();
    assert_eq!(silent().len(), 0);
}
