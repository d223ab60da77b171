//! What people do with alarms: kept before it is answered, told to those who follow, and forgotten with its log.

use super::support::{Place, alarms, handle, stretch, submit};
use jiff::{SignedDuration, Timestamp};
use pipeline::alarms::Alarm;
use pipeline::{HandleError, LogSync, Pipeline};
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use turbine_core::alarm_log::{ActionKind, alarm_episodes};

/// A pipeline whose turbine T1 has an alarm.
async fn with_alarm(place: &Place, registry: &Registry) -> (Pipeline, String) {
    let pipeline = place.open_counted(registry);
    submit(&pipeline, &stretch(1, 0..200, false)).await;
    submit(&pipeline, &stretch(1, 200..240, true)).await;
    let id = alarms(&pipeline)[0].id.clone();
    (pipeline, id)
}

fn said(alarm: &Alarm, keys: &[&str]) -> Vec<Value> {
    let json = serde_json::to_value(alarm).unwrap();
    keys.iter().map(|key| json[key].clone()).collect()
}

#[tokio::test]
async fn an_alarm_stays_as_people_left_it_when_it_is_cleared_and_after_restarts() {
    for sync in [LogSync::Write, LogSync::None, LogSync::Fsync] {
        let place = Place::new(sync);
        let (pipeline, id) = with_alarm(&place, &Registry::new()).await;
        let untouched = alarms(&pipeline)[0].clone();
        assert!(!untouched.is_muted(Timestamp::now()));
        let old: BTreeSet<String> = ["cleared", "id", "model_version", "peak", "peaked", "raised", "turbine_id", "why"]
            .map(str::to_owned)
            .into();
        let keys = serde_json::to_value(&untouched).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(old, keys, "without an action it looks as it did before there were any");

        let begun = Timestamp::now() - SignedDuration::from_millis(1);
        let answered = handle(&pipeline, &id, ActionKind::Acknowledged, "Ann#on it").await.unwrap();
        assert_eq!(answered, alarms(&pipeline)[0]);
        let acknowledged = answered.handling.acknowledged.as_ref().unwrap();
        assert!(acknowledged.by.as_str() == "Ann" && acknowledged.at >= begun && answered.is_muted(Timestamp::now()));
        let detail = pipeline.turbine(&"T1".parse().ok()).unwrap();
        assert_eq!(detail.handling, answered.handling);

        submit(&pipeline, &stretch(1, 240..460, false)).await;
        let past = alarms(&pipeline);
        assert_eq!(past[0].handling, answered.handling);
        let marked = handle(&pipeline, &id, ActionKind::MarkedFalse, "Bob").await.unwrap();
        let keys = ["acknowledged_by", "false_alarm_by"];
        assert_eq!(said(&marked, &keys), [json!("Ann"), json!("Bob")]);
        assert!(marked.cleared.is_some());
        let listed = alarms(&pipeline);
        pipeline.close().await.unwrap();
        drop(pipeline);
        for without in ["", "turbines.snapshot"] {
            if !without.is_empty() {
                std::fs::remove_file(place.beside_log(without)).unwrap();
            }
            let pipeline = place.open();
            assert_eq!(alarms(&pipeline), listed, "{sync:?} without {without:?}");
            drop(pipeline);
        }
        let events: Vec<String> = place.rows().into_iter().map(|(_, event)| event).collect();
        assert_eq!(events, ["raised", "acknowledged", "cleared", "false_alarm"], "{sync:?}");
        let episodes = alarm_episodes(&place.beside_log("alarms.csv")).unwrap();
        assert!(episodes.len() == 1 && episodes[0].is_false && episodes[0].cleared == listed[0].cleared);
    }
}

#[tokio::test]
async fn an_action_on_an_alarm_that_is_not_known_leaves_no_trace() {
    let place = Place::new(LogSync::Write);
    let (pipeline, id) = with_alarm(&place, &Registry::new()).await;
    for unknown in ["T2@2026-01-31T12:00:00Z", "T1@2026-01-31T12:00:00Z", "-@2026-01-31T12:00:00Z"] {
        let refused = handle(&pipeline, unknown, ActionKind::Acknowledged, "Ann").await.unwrap_err();
        assert_eq!(refused, HandleError::UnknownAlarm(unknown.parse().unwrap()));
    }
    assert_eq!(place.rows(), [(id, "raised".to_owned())]);
}

#[tokio::test]
async fn an_action_that_cannot_be_written_is_refused_and_leaves_no_trace() {
    let place = Place::new(LogSync::Write);
    let (pipeline, id) = with_alarm(&place, &Registry::new()).await;
    let before = alarms(&pipeline);
    let mut follower = pipeline.follower();
    let (file, away) = (place.beside_log("alarms.csv"), place.beside_log("away"));
    std::fs::rename(&file, &away).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = handle(&pipeline, &id, ActionKind::Acknowledged, "Ann").await.unwrap_err();
    assert!(matches!(&refused, HandleError::NotWritten { .. }), "{refused}");
    assert!(
        refused.to_string().contains("could not be written: cannot") && refused.to_string().contains("alarms.csv"),
        "{refused}"
    );
    assert_eq!(alarms(&pipeline), before);
    assert!(follower.changes().alarms.is_empty());
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(place.rows(), [(id.clone(), "raised".to_owned())]);
    handle(&pipeline, &id, ActionKind::Acknowledged, "Ann").await.unwrap();
    assert_eq!(place.rows(), [(id.clone(), "raised".to_owned()), (id, "acknowledged".to_owned())]);
}

#[tokio::test]
async fn those_who_follow_are_told_and_the_figure_counts_what_is_running() {
    let place = Place::new(LogSync::Write);
    let registry = Registry::new();
    let (pipeline, id) = with_alarm(&place, &registry).await;
    let acknowledged = || {
        pipeline.refresh_gauges();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        text.lines().find(|line| line.starts_with("turbine_alarms_acknowledged ")).unwrap().to_owned()
    };
    let mut follower = pipeline.follower();
    assert_eq!(acknowledged(), "turbine_alarms_acknowledged 0");
    let answered = handle(&pipeline, &id, ActionKind::Acknowledged, "Ann").await.unwrap();
    assert_eq!(acknowledged(), "turbine_alarms_acknowledged 1");
    assert_eq!(follower.changes().alarms, [Arc::clone(&answered)]);
    assert!(follower.changes().alarms.is_empty());
    // One that rises or is cleared is told with what was done.
    submit(&pipeline, &stretch(1, 240..280, true)).await;
    for alarm in follower.changes().alarms {
        assert_eq!(alarm.handling, answered.handling);
    }
    submit(&pipeline, &stretch(1, 280..680, false)).await;
    let changes = follower.changes();
    let cleared = changes.alarms.iter().find(|alarm| alarm.id == id).unwrap();
    assert!(cleared.cleared.is_some() && cleared.handling == answered.handling, "{cleared:?}");
    assert_eq!(acknowledged(), "turbine_alarms_acknowledged 0");
}

#[tokio::test]
async fn of_two_people_at_once_the_last_one_wins_and_both_are_in_the_file() {
    let place = Place::new(LogSync::Write);
    let (pipeline, id) = with_alarm(&place, &Registry::new()).await;
    for _ in 0..20 {
        let (ann, bob) = tokio::join!(
            handle(&pipeline, &id, ActionKind::Acknowledged, "Ann"),
            handle(&pipeline, &id, ActionKind::Acknowledged, "Bob"),
        );
        let own = [ann, bob].map(|answered| answered.unwrap().handling.acknowledged.clone().unwrap().by.to_string());
        assert_eq!(own, ["Ann", "Bob"], "each is told of its own");
        let rows = place.cells();
        let mut last: Vec<&str> = rows[rows.len() - 2..].iter().map(|row| row[10].as_str()).collect();
        let stands = alarms(&pipeline)[0].handling.acknowledged.clone().unwrap();
        assert_eq!(stands.by.as_str(), last[1]);
        let times = rows.iter().skip(1).map(|row| row[9].parse::<Timestamp>().unwrap());
        assert!(times.is_sorted(), "their times are in the file's order");
        last.sort_unstable();
        assert_eq!(last, ["Ann", "Bob"]);
    }
}
