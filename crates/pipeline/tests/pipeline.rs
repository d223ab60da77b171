//! The pipeline as a front end uses it.

#![allow(clippy::unwrap_used)]

use pipeline::fleet::{FleetConfig, TurbineStatus};
use pipeline::prediction_log::LogFault;
use pipeline::{
    Answered, LogConfig, LogPolicy, LogSync, OpenError, Pipeline, PipelineConfig, ReloadError, SubmitError, decode,
};
use prometheus::Registry;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use turbine_core::dataset::Dataset;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::reading::MissingValues;
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

struct Place {
    folder: TempDir,
    config: PipelineConfig,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let log = LogConfig {
            path: path("outputs/predictions_log.csv"),
            sync: LogSync::Write,
            max_bytes: None,
            max_age: None,
            keep: None,
        };
        let config = PipelineConfig {
            model: path("model.json"),
            log,
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
        let place = Place { folder, config };
        place.save(1);
        place
    }

    /// Trains a small model with that seed and saves it as the model file.
    fn save(&self, seed: u64) -> String {
        let dataset = training_set(500, 0.05, seed);
        let model = train(&dataset, &TrainingParams::default()).unwrap().model;
        model.save(&self.config.model).unwrap();
        model.version().to_string()
    }

    /// Waits for the maintenance of a pipeline that was dropped just before to let go of the log.
    fn open(&self) -> Pipeline {
        let began = Instant::now();
        loop {
            let model = Model::load(&self.config.model).map_err(|error| error.to_string().into());
            match Pipeline::open(self.config.clone(), model, &Registry::new()) {
                Err(OpenError::Log(LogFault::Locked { .. })) if began.elapsed() < Duration::from_secs(60) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                opened => return opened.unwrap(),
            }
        }
    }

    fn rows(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.config.log.path).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    fn beside_log(&self, name: &str) -> PathBuf {
        self.config.log.path.with_file_name(name)
    }
}

/// A reading whose temperature is `temperature`.
fn text(temperature: f64, turbine: &str, second: u32) -> String {
    format!(
        r#"{{"temperature":{temperature},"humidity":60,"sound_volume":0.5,"turbine_id":"{turbine}","timestamp":"2026-01-31T12:00:{second:02}Z"}}"#
    )
}

async fn submit(pipeline: &Pipeline, readings: &[String]) -> Result<Vec<Answered>, SubmitError> {
    let model = pipeline.model()?;
    let batch = format!("{{\"readings\":[{}]}}", readings.join(","));
    let readings = decode::batch(batch.as_bytes(), model.features(), MissingValues::Refuse).unwrap();
    pipeline.submit(pipeline.score(model, readings)).await
}

fn duplicates(answers: &[Answered]) -> Vec<bool> {
    answers.iter().map(|answer| answer.duplicate).collect()
}

fn turbines(pipeline: &Pipeline) -> Vec<TurbineStatus> {
    pipeline.turbines(None, 100)
}

#[tokio::test]
async fn a_reading_that_comes_again_is_answered_as_before_and_logged_once() {
    let place = Place::new();
    let pipeline = place.open();
    let first = submit(&pipeline, &[text(25.0, "T1", 0), text(26.0, "T1", 1), text(25.0, "T1", 0)]).await.unwrap();
    assert_eq!(duplicates(&first), [false, false, true], "within a batch");
    assert_eq!((&first[0].record, first[0].threshold), (&first[2].record, first[2].threshold));
    let again = submit(&pipeline, &[text(25.0, "T1", 0)]).await.unwrap();
    assert_eq!((duplicates(&again), &again[0].record), (vec![true], &first[0].record));
    // Another value, time or turbine makes another reading.
    let others = [text(25.1, "T1", 0), text(25.0, "T1", 2), text(25.0, "T2", 0)];
    assert_eq!(duplicates(&submit(&pipeline, &others).await.unwrap()), [false; 3]);
    assert_eq!((pipeline.counters().predictions.get(), pipeline.counters().duplicates.get()), (5, 2));
    assert_eq!(place.rows().len(), 5);
    let known = turbines(&pipeline);
    drop(pipeline);

    // After a crash, and after a stop.
    for _ in 0..2 {
        let pipeline = place.open();
        assert_eq!(turbines(&pipeline), known);
        let again = submit(&pipeline, &[text(26.0, "T1", 1)]).await.unwrap();
        assert_eq!((duplicates(&again), &again[0].record), (vec![true], &first[1].record));
        assert_eq!(place.rows().len(), 5);
        pipeline.close().await.unwrap();
    }
    assert!(place.beside_log("turbines.snapshot").exists());
}

#[tokio::test]
async fn readings_without_a_time_or_a_turbine_are_never_compared() {
    let place = Place::new();
    let pipeline = place.open();
    let bare = r#""temperature":25,"humidity":60,"sound_volume":0.5"#;
    for more in ["", r#","turbine_id":"T1""#, r#","timestamp":"2026-01-31T12:00:00Z""#] {
        let reading = format!("{{{bare}{more}}}");
        let answers = submit(&pipeline, &[reading.clone(), reading]).await.unwrap();
        assert_eq!(duplicates(&answers), [false, false], "{more}");
    }
    assert_eq!(place.rows().len(), 6);
    assert_eq!(turbines(&pipeline).iter().map(|turbine| turbine.readings).collect::<Vec<_>>(), [4, 2]);
}

/// Makes the log impossible to write, by a file where its folder should be.
fn block(folder: &Path) {
    std::fs::rename(folder, folder.with_extension("away")).unwrap();
    std::fs::write(folder, "in the way").unwrap();
}

#[tokio::test]
async fn a_reading_that_was_refused_leaves_no_trace() {
    let mut place = Place::new();
    for policy in [LogPolicy::Required, LogPolicy::BestEffort] {
        place.config.log_policy = policy;
        let pipeline = place.open();
        submit(&pipeline, &[text(25.0, "T1", 0)]).await.unwrap();
        let known = turbines(&pipeline);
        let folder = place.folder.path().join("outputs");
        block(&folder);
        let outcome = submit(&pipeline, &[text(45.0, "T1", 1)]).await;
        match (policy, outcome) {
            (LogPolicy::Required, Err(SubmitError::NotLogged(error))) => {
                assert!(error.to_string().contains("nothing stands in the way"), "{error}");
                assert!(!pipeline.health().ready);
            }
            (LogPolicy::BestEffort, Ok(answers)) => {
                assert_eq!(duplicates(&answers), [false]);
                assert_eq!(pipeline.counters().unlogged.get(), 1);
            }
            (policy, outcome) => panic!("{policy:?}: {outcome:?}"),
        }
        assert_eq!(turbines(&pipeline), known);
        assert_eq!(pipeline.counters().predictions.get(), 1);
        // It comes again when the log can be written, and is no duplicate.
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(folder.with_extension("away"), &folder).unwrap();
        while !pipeline.health().ready {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(duplicates(&submit(&pipeline, &[text(45.0, "T1", 1)]).await.unwrap()), [false]);
        assert_eq!(place.rows().len(), 2);
        pipeline.close().await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[tokio::test]
async fn a_new_model_goes_into_service_and_a_bad_file_does_not() {
    let place = Place::new();
    let pipeline = place.open();
    let before = pipeline.model().unwrap();
    assert!(!pipeline.reload().await.unwrap().changed());
    let version = place.save(2);
    let reloaded = pipeline.reload().await.unwrap();
    assert_eq!((&*reloaded.version, reloaded.previous.as_ref()), (version.as_str(), Some(before.version())));
    // A request that began with the model before finishes with it.
    let readings = decode::batch(
        format!("{{\"readings\":[{}]}}", text(25.0, "T1", 0)).as_bytes(),
        before.features(),
        MissingValues::Refuse,
    );
    let late = pipeline.submit(pipeline.score(before.clone(), readings.unwrap())).await.unwrap();
    assert_eq!((&late[0].record.model_version, late[0].threshold), (before.version(), Some(before.threshold())));
    let again = submit(&pipeline, &[text(25.0, "T1", 0)]).await.unwrap();
    assert_eq!((again[0].duplicate, &again[0].record, again[0].threshold), (true, &late[0].record, None));
    let new = submit(&pipeline, &[text(25.0, "T1", 1)]).await.unwrap();
    assert_eq!(&*new[0].record.model_version, version);

    std::fs::write(&place.config.model, "{}").unwrap();
    let Err(ReloadError::Refused(refusal)) = pipeline.reload().await else { panic!("it was accepted") };
    assert!(refusal.contains("model.json cannot be used: ") && refusal.contains("field `format`"), "{refusal}");
    let health = pipeline.health();
    assert!(health.ready && health.model_loaded);
    assert!(health.problems[0].contains(&format!("the model {version} goes on")), "{:?}", health.problems);
    assert_eq!(pipeline.model().unwrap().version(), &reloaded.version);
    place.save(2);
    assert!(!pipeline.reload().await.unwrap().changed());
    assert_eq!(pipeline.health().problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_model_of_other_features_begins_a_new_log_and_new_turbines() {
    let place = Place::new();
    let pipeline = place.open();
    let before = pipeline.model().unwrap();
    submit(&pipeline, &[text(25.0, "T1", 0)]).await.unwrap();
    let rows = place.rows();

    let readings: Vec<f64> = (0..200).flat_map(|i| [f64::from(i % 7), f64::from(i % 11)]).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["rpm", "power"]).unwrap(), readings, None);
    train(&dataset, &TrainingParams::default()).unwrap().model.save(&place.config.model).unwrap();
    assert!(pipeline.reload().await.unwrap().changed());
    assert_eq!(turbines(&pipeline), []);
    let late = decode::batch(
        format!("{{\"readings\":[{}]}}", text(25.0, "T1", 1)).as_bytes(),
        before.features(),
        MissingValues::Refuse,
    );
    let refused = pipeline.submit(pipeline.score(before, late.unwrap())).await;
    assert_eq!(refused, Err(SubmitError::OtherFeatures));
    submit(&pipeline, &[r#"{"rpm":1,"power":2,"turbine_id":"T1"}"#.to_owned()]).await.unwrap();
    assert_eq!((place.rows().len(), turbines(&pipeline)[0].readings), (1, 1));
    let aside = std::fs::read_to_string(place.beside_log("predictions_log.set-aside-1.csv")).unwrap();
    assert_eq!(aside.lines().skip(1).collect::<Vec<_>>(), rows);
    let known = turbines(&pipeline);
    pipeline.close().await.unwrap();
    assert_eq!(turbines(&place.open()), known);
}

#[tokio::test]
async fn without_a_model_readings_are_refused_until_one_is_there() {
    let place = Place::new();
    let good = std::fs::read(&place.config.model).unwrap();
    std::fs::write(&place.config.model, &good[..100]).unwrap();
    let pipeline = place.open();
    assert!(matches!(pipeline.model(), Err(SubmitError::NoModel { reason }) if reason.contains("not whole JSON")));
    assert!(!pipeline.health().ready && !pipeline.health().model_loaded);
    std::fs::write(&place.config.model, &good).unwrap();
    assert_eq!(pipeline.reload().await.unwrap().previous, None);
    submit(&pipeline, &[text(25.0, "T1", 0)]).await.unwrap();
    assert_eq!(place.rows().len(), 1);
    assert!(pipeline.health().ready);
}

#[tokio::test]
async fn the_shadow_of_the_configuration_begins_with_the_first_model() {
    let mut place = Place::new();
    let candidate = place.folder.path().join("candidate.json");
    let shadow = place.save(2);
    std::fs::rename(&place.config.model, &candidate).unwrap();
    place.config.shadow = Some(candidate);
    let pipeline = place.open();
    assert_eq!(pipeline.models().unwrap().shadow, None);
    place.save(1);
    assert!(pipeline.reload().await.unwrap().changed());
    assert_eq!(&*pipeline.models().unwrap().shadow.unwrap().model_version, shadow);
}

#[tokio::test]
async fn a_reload_is_finished_if_its_caller_is_cancelled() {
    let place = Place::new();
    let pipeline = place.open();
    let version = place.save(2);
    // Polled once: the file is read on a blocking thread.
    assert!(tokio::time::timeout(Duration::ZERO, pipeline.reload()).await.is_err());
    let began = Instant::now();
    while **pipeline.model().unwrap().version() != *version {
        assert!(began.elapsed() < Duration::from_secs(60), "the model is not in service");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn rows_of_a_watched_turbine_are_told_once_they_are_logged() {
    let place = Place::new();
    let pipeline = place.open();
    let _watch = pipeline.watch(Some("T1".parse().unwrap()));
    submit(&pipeline, &[text(25.0, "T1", 0), text(25.0, "T1", 0)]).await.unwrap();
    let watched = pipeline.take_watched();
    assert_eq!(watched.iter().map(|(_, gathered)| gathered.rows.len()).collect::<Vec<_>>(), [1]);
}
