//! Alarms, silence and stuck sensors as a front end sees them, over restarts and faults.

#![allow(clippy::unwrap_used)]

mod actions;
mod fold;
mod follower;
mod support;

use jiff::Timestamp;
use pipeline::LogSync;
use pipeline::alarms::AlarmFilter;
use pipeline::events::Event;
use prometheus::{Encoder, Registry, TextEncoder};
use std::num::NonZeroUsize;
use std::time::Duration;
use support::{ALL, MODEL, Place, alarms, reading, stretch, submit, turbines};
use turbine_core::dataset::Dataset;
use turbine_core::feature::FeatureSet;
use turbine_core::training::{TrainingParams, train};

fn row(id: &str, event: &str) -> (String, String) {
    (id.to_owned(), event.to_owned())
}

fn figures(registry: &Registry) -> String {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn past_alarms_are_listed_behind_one_that_is_known_also_after_a_restart() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    for (turbine, from) in [(1, 0), (2, 0), (1, 460)] {
        submit(&pipeline, &stretch(turbine, from..from + 200, false)).await;
        submit(&pipeline, &stretch(turbine, from + 200..from + 260, true)).await;
        submit(&pipeline, &stretch(turbine, from + 260..from + 460, false)).await;
    }
    let ids = |pipeline: &pipeline::Pipeline, known: &str| -> Vec<String> {
        let cleared = pipeline.cleared_alarms(|alarm| alarm.id == known);
        cleared.into_iter().map(|alarm| alarm.id.clone()).collect()
    };
    let all = ids(&pipeline, "");
    let turbines: Vec<&str> = all.iter().map(|id| &id[..2]).collect();
    assert_eq!(turbines, ["T1", "T2", "T1"], "in the order in which they were cleared");
    drop(pipeline);
    let pipeline = place.open();
    for known in 0..3 {
        assert_eq!(ids(&pipeline, &all[known]), all[known + 1..]);
    }
    assert_eq!(ids(&pipeline, "unknown"), all);
}

#[tokio::test]
async fn an_alarm_is_raised_once_explained_and_cleared() {
    let place = Place::new(LogSync::Write);
    let registry = Registry::new();
    let pipeline = place.open_counted(&registry);
    let mut events = pipeline.follow();
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    assert_eq!(alarms(&pipeline), []);
    submit(&pipeline, &stretch(1, 200..260, true)).await;
    let running = alarms(&pipeline);
    let [alarm] = &running[..] else { panic!("{running:?}") };
    assert_eq!((alarm.why[0].feature.as_str(), alarm.cleared), ("b", None));
    assert!((alarm.why.iter().map(|why| why.share).sum::<f64>() - 1.0).abs() < 1e-9, "{alarm:?}");
    assert_eq!(alarm.id, format!("T1@{}", alarm.raised));
    assert_eq!((turbines(&pipeline)[0].alarm_since, &alarm.model_version), (Some(alarm.raised), MODEL.version()));
    assert_eq!(place.rows(), [row(&alarm.id, "raised")]);
    pipeline.refresh_gauges();
    let text = figures(&registry);
    assert!(
        text.contains("\nturbine_alarms_active 1\n") && text.contains("\nturbine_alarms_raised_total 1\n"),
        "{text}"
    );

    submit(&pipeline, &stretch(1, 260..460, false)).await;
    let past = alarms(&pipeline);
    assert_eq!((past.len(), &past[0].id, past[0].peaked), (1, &alarm.id, alarm.peaked));
    assert_eq!((past[0].peak, &past[0].why), (alarm.peak, &alarm.why), "the peak is behind it");
    assert!(past[0].cleared.unwrap() > alarm.peaked);
    assert_eq!(place.rows(), [row(&alarm.id, "raised"), row(&alarm.id, "cleared")]);
    pipeline.refresh_gauges();
    let text = figures(&registry);
    assert!(
        text.contains("\nturbine_alarms_active 0\n") && text.contains("\nturbine_alarms_raised_total 1\n"),
        "{text}"
    );

    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            Event::AlarmRaised(it) => told.push((it.id.clone(), it.cleared.is_some())),
            Event::AlarmCleared(it) => told.push((it.id.clone(), it.cleared.is_some())),
            _ => {}
        }
    }
    assert_eq!(told, [(alarm.id.clone(), false), (alarm.id.clone(), true)]);
    drop(pipeline);
    let pipeline = place.open();
    assert_eq!(alarms(&pipeline), past, "after a restart");
    assert_eq!(place.rows().len(), 2);
}

#[tokio::test]
async fn alarms_are_selected_newest_first() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    // T1: cleared; T2 and the nameless one: running.
    for (turbine, shift) in [(1, 0), (2, 1_000), (0, 2_000)] {
        submit(&pipeline, &stretch(turbine, shift..shift + 200, false)).await;
        submit(&pipeline, &stretch(turbine, shift + 200..shift + 240, true)).await;
    }
    submit(&pipeline, &stretch(1, 240..440, false)).await;
    let select = |filter: AlarmFilter| -> Vec<String> {
        let found = pipeline.alarms(&filter);
        found.iter().map(|alarm| alarm.id.split('@').next().unwrap().to_owned()).collect()
    };
    assert_eq!(select(ALL), ["-", "T2", "T1"]);
    assert_eq!(select(AlarmFilter { active: Some(true), ..ALL }), ["-", "T2"]);
    assert_eq!(select(AlarmFilter { active: Some(false), ..ALL }), ["T1"]);
    assert_eq!(select(AlarmFilter { limit: 2, ..ALL }), ["-", "T2"]);
    assert_eq!(select(AlarmFilter { turbine: Some(None), ..ALL }), ["-"]);
    assert_eq!(select(AlarmFilter { turbine: Some("T1".parse().ok()), ..ALL }), ["T1"]);
    let since = alarms(&pipeline)[1].raised;
    assert_eq!(select(AlarmFilter { since: Some(since), ..ALL }), ["-", "T2"]);
    let since = since + jiff::SignedDuration::from_nanos(1);
    assert_eq!(select(AlarmFilter { since: Some(since), ..ALL }), ["-"]);
}

#[tokio::test]
async fn alarms_that_cannot_be_written_wait() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    let (file, away) = (place.beside_log("alarms.csv"), place.beside_log("away"));
    std::fs::create_dir(&file).unwrap();
    submit(&pipeline, &stretch(1, 200..240, true)).await;
    submit(&pipeline, &stretch(1, 240..440, false)).await;
    let past = alarms(&pipeline);
    assert_eq!(past.len(), 1);
    let health = pipeline.health();
    assert!(health.ready && health.problems[0].contains("2 rows wait"), "{health:?}");
    assert!(health.problems[0].contains("alarms.csv"), "{health:?}");
    std::fs::rename(&file, &away).unwrap();
    while !pipeline.health().problems.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(place.rows(), [row(&past[0].id, "raised"), row(&past[0].id, "cleared")]);

    // No snapshot is saved while they wait: the next start reads the log and writes them.
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    submit(&pipeline, &stretch(1, 440..480, true)).await;
    pipeline.close().await.unwrap();
    assert!(!place.beside_log("turbines.snapshot").exists());
    std::fs::remove_dir(&file).unwrap();
    drop(pipeline);
    let pipeline = place.open();
    let listed = alarms(&pipeline);
    let expected = [row(&past[0].id, "raised"), row(&past[0].id, "cleared"), row(&listed[0].id, "raised")];
    assert_eq!((place.rows(), listed.len()), (expected.to_vec(), 2));
}

#[tokio::test]
async fn the_alarm_of_a_turbine_that_is_forgotten_is_cleared() {
    let mut place = Place::new(LogSync::Write);
    place.config.fleet.max_turbines = NonZeroUsize::MIN;
    let pipeline = place.open();
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    submit(&pipeline, &stretch(1, 200..240, true)).await;
    let last = turbines(&pipeline)[0].last_reading;
    submit(&pipeline, &stretch(2, 400..404, false)).await;
    let found = alarms(&pipeline);
    assert_eq!((found.len(), found[0].cleared), (1, last));
    drop(pipeline);
    assert_eq!(alarms(&place.open()), found);
    assert_eq!(place.rows(), [row(&found[0].id, "raised"), row(&found[0].id, "cleared")]);
}

#[tokio::test]
async fn alarms_of_rows_that_were_lost_are_closed() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    submit(&pipeline, &stretch(1, 200..240, true)).await;
    let id = alarms(&pipeline)[0].id.clone();
    drop(pipeline);
    // The log loses its rows of the alarm, as by a loss of power.
    let log = &place.config.log.path;
    let text = std::fs::read_to_string(log).unwrap();
    let kept: String = text.lines().filter(|line| !line.ends_with(",1,,")).map(|line| format!("{line}\n")).collect();
    std::fs::write(log, kept).unwrap();
    for _ in 0..2 {
        let found = alarms(&place.open());
        assert!(found.len() == 1 && found[0].cleared.is_some(), "{found:?}");
        assert_eq!(place.rows(), [row(&id, "raised"), row(&id, "cleared")]);
    }
}

#[tokio::test]
async fn alarms_of_other_features_are_set_aside() {
    let place = Place::new(LogSync::Write);
    let pipeline = place.open();
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    submit(&pipeline, &stretch(1, 200..240, true)).await;
    let before = std::fs::read(place.beside_log("alarms.csv")).unwrap();
    let readings: Vec<f64> = (0..200).map(support::normal).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["rpm"]).unwrap(), readings, None);
    let other = train(&dataset, &TrainingParams::default()).unwrap().model;
    other.save(&place.config.model).unwrap();
    assert!(pipeline.reload().await.unwrap().changed());
    assert_eq!(alarms(&pipeline), []);
    assert!(!place.beside_log("alarms.csv").exists());
    assert_eq!(std::fs::read(place.beside_log("alarms.set-aside-1.csv")).unwrap(), before);
    drop(pipeline);

    // The same if the service was not there when the model came.
    std::fs::write(place.beside_log("alarms.csv"), &before).unwrap();
    let pipeline = place.open();
    assert_eq!(alarms(&pipeline), []);
    assert_eq!(std::fs::read(place.beside_log("alarms.set-aside-2.csv")).unwrap(), before);
}

#[tokio::test]
async fn stuck_sensors_are_events_and_figures() {
    let place = Place::new(LogSync::Write);
    let registry = Registry::new();
    let pipeline = place.open_counted(&registry);
    let mut events = pipeline.follow();
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let at = |i: i64| start + jiff::SignedDuration::from_secs(i * support::INTERVAL);
    let held: Vec<String> = (0..40).map(|i| reading(1, at(i), [support::normal(i), 50.0])).collect();
    submit(&pipeline, &held).await;
    pipeline.refresh_gauges();
    let text = figures(&registry);
    assert!(
        text.contains("\nturbine_sensors_stuck 1\n") && text.contains("\nturbine_sensors_stuck_total 1\n"),
        "{text}"
    );
    assert_eq!(turbines(&pipeline)[0].stuck, ["b"]);
    submit(&pipeline, &[reading(1, at(40), [1.0, 51.0])]).await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            Event::SensorStuck { feature, .. } => told.push(format!("stuck {feature}")),
            Event::SensorReleased { feature, .. } => told.push(format!("released {feature}")),
            _ => {}
        }
    }
    assert_eq!(told, ["stuck b", "released b"]);
    pipeline.refresh_gauges();
    assert!(figures(&registry).contains("\nturbine_sensors_stuck 0\n"));
}

#[tokio::test]
async fn a_turbine_that_falls_silent_is_told_and_counted_once() {
    let place = Place::new(LogSync::Write);
    let registry = Registry::new();
    let pipeline = place.open_counted(&registry);
    let mut events = pipeline.follow();
    let next = async |events: &mut tokio::sync::broadcast::Receiver<Event>| loop {
        match events.recv().await.unwrap() {
            Event::TurbineSilent { turbine_id } => return (true, turbine_id.unwrap().to_string()),
            Event::TurbineHeard { turbine_id } => return (false, turbine_id.unwrap().to_string()),
            _ => {}
        }
    };
    let long_ago = Timestamp::now() - jiff::SignedDuration::from_hours(1);
    submit(&pipeline, &[reading(1, long_ago, [1.0, 2.0])]).await;
    assert_eq!(next(&mut events).await, (true, "T1".to_owned()));
    submit(&pipeline, &[reading(1, Timestamp::now(), [1.0, 2.0])]).await;
    assert_eq!(next(&mut events).await, (false, "T1".to_owned()));
    let text = figures(&registry);
    assert!(text.contains("\nturbine_silences_total 1\n"), "{text}");
}
