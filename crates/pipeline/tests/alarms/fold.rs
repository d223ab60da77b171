//! Whatever happens to the service and its files, alarms, silence and stuck sensors are a fold over the log.

use super::support::{INTERVAL, MODEL, Place, alarms, handle, normal, reading, submit, turbines};
use jiff::{SignedDuration, Timestamp};
use pipeline::{LogSync, Pipeline};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use turbine_core::alarm_log::ActionKind;
use turbine_core::monitor::{AlarmChange, LoggedStep, TurbineState};
use turbine_core::prediction::LogReader;
use turbine_core::reading::TurbineId;

/// Some readings of one turbine.
#[derive(Debug, Clone)]
struct Stretch {
    turbine: u8,
    /// Where it begins, in intervals behind the end of the one before; often negative, so that readings come late or again.
    jump: i64,
    readings: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Normal,
    Off,
    Held,
}

/// What somebody does after a stretch with the newest alarm but so many.
#[derive(Debug, Clone)]
struct Action {
    back: usize,
    kind: ActionKind,
    by: &'static str,
}

/// What is done to the service after some stretches.
#[derive(Debug, Clone)]
struct Restart {
    closed: bool,
    without_snapshot: bool,
    /// Where the file of alarms is cut, as a share of its length; 1 = not at all.
    kept: f64,
    deleted: bool,
}

fn action() -> impl Strategy<Value = Action> {
    let kind = prop_oneof![
        Just(ActionKind::Acknowledged),
        Just(ActionKind::Unacknowledged),
        (1..9i64).prop_map(|second| ActionKind::Snoozed { until: Timestamp::from_second(second).unwrap() }),
        Just(ActionKind::MarkedFalse),
        Just(ActionKind::UnmarkedFalse),
    ];
    let by = prop_oneof![Just("Ann"), Just("Bob"), Just("Ann, \"here\"#a comment, \"quoted\"")];
    (0..3usize, kind, by).prop_map(|(back, kind, by)| Action { back, kind, by })
}

fn stretches() -> impl Strategy<Value = Vec<(Stretch, Option<Action>)>> {
    let kind = prop_oneof![3 => Just(Kind::Normal), 3 => Just(Kind::Off), 1 => Just(Kind::Held)];
    let stretch = (0..3u8, prop_oneof![4 => Just(0), 1 => -12..0i64, 1 => 1..40i64], 1..35i64, kind);
    let stretch = stretch.prop_map(|(turbine, jump, readings, kind)| Stretch { turbine, jump, readings, kind });
    proptest::collection::vec((stretch, proptest::option::of(action())), 0..8)
}

fn restart() -> impl Strategy<Value = Restart> {
    let kept = prop_oneof![2 => Just(1.0), 3 => 0.0..1.0];
    let restart = (any::<bool>(), proptest::bool::weighted(0.3), kept, proptest::bool::weighted(0.1));
    restart.prop_map(|(closed, without_snapshot, kept, deleted)| Restart { closed, without_snapshot, kept, deleted })
}

/// What the rows of the log say, folded without any part of the pipeline.
#[derive(Default)]
struct Folded {
    states: BTreeMap<Option<TurbineId>, TurbineState>,
    /// Id and event.
    events: Vec<(String, String)>,
    /// Id and whether it is running, with its peak.
    alarms: BTreeMap<String, (bool, f64)>,
}

fn fold(place: &Place) -> Folded {
    let mut folded = Folded::default();
    for record in LogReader::open(&place.config.log.path).unwrap() {
        let record = record.unwrap();
        let state = folded.states.entry(record.turbine_id.clone()).or_default();
        let watch = record.watch;
        let before = state.alarm().copied();
        let row = LoggedStep {
            gaps: record.gaps,
            timestamp: record.timestamp,
            values: &record.values,
            surprisal: watch.surprisal,
            smoothed_surprisal: watch.smoothed_surprisal,
            in_alarm: watch.in_alarm,
        };
        let step = MODEL.monitor().replay(state, &row);
        let name = record.turbine_id.map_or("-".to_owned(), |id| id.to_string());
        if let Some(alarm) = state.alarm().copied().or(before) {
            let id = format!("{name}@{}", alarm.raised);
            let peak = state.alarm().map_or(alarm.peak, |alarm| alarm.peak);
            folded.alarms.insert(id.clone(), (state.alarm().is_some(), peak));
            match step.alarm {
                Some(AlarmChange::Raised) => folded.events.push((id, "raised".to_owned())),
                Some(AlarmChange::Cleared(_)) => folded.events.push((id, "cleared".to_owned())),
                Some(AlarmChange::Peaked) | None => {}
            }
        }
    }
    folded
}

/// What the rows of people's actions say, by alarm, as JSON.
fn handled(place: &Place) -> BTreeMap<String, Value> {
    let mut handled: BTreeMap<String, Value> = BTreeMap::new();
    for row in place.cells() {
        let [id, event, .., at, by, until, comment] = &row[..] else { panic!("{row:?}") };
        if ["raised", "cleared"].contains(&event.as_str()) {
            continue;
        }
        let alarm = handled.entry(id.clone()).or_insert_with(|| json!({}));
        let (name, is_done) = match event.as_str() {
            "acknowledged" => ("acknowledged", true),
            "unacknowledged" => ("acknowledged", false),
            "snoozed" => ("snoozed", true),
            "false_alarm" => ("false_alarm", true),
            "not_false_alarm" => ("false_alarm", false),
            other => panic!("{other}"),
        };
        let map = alarm.as_object_mut().unwrap();
        for (key, value) in [("by", by), ("at", at), ("until", until)] {
            map.remove(&format!("{name}_{key}"));
            if is_done && !value.is_empty() {
                map.insert(format!("{name}_{key}"), json!(value));
            }
        }
        if !comment.is_empty() {
            let comments = map.entry("comments").or_insert_with(|| json!([]));
            comments.as_array_mut().unwrap().push(json!({"by": by, "at": at, "text": comment}));
        }
    }
    handled
}

fn agrees(pipeline: &Pipeline, place: &Place) -> Result<(), TestCaseError> {
    let Folded { states, events, alarms: expected } = fold(place);
    let listed = alarms(pipeline);
    prop_assert!(listed.iter().map(|alarm| alarm.raised).rev().is_sorted());
    let said: BTreeMap<String, (bool, f64)> =
        listed.iter().map(|alarm| (alarm.id.clone(), (alarm.cleared.is_none(), alarm.peak))).collect();
    prop_assert_eq!((said.len(), &said), (listed.len(), &expected), "each alarm is listed once");
    if place.beside_log("alarms.csv").exists() {
        prop_assert_eq!(place.implied_rows(), events, "each event is in the file once");
        let (handled, untouched) = (handled(place), json!({}));
        for alarm in &listed {
            let said = serde_json::to_value(&alarm.handling).unwrap();
            prop_assert_eq!(&said, handled.get(&alarm.id).unwrap_or(&untouched), "{}", alarm.id);
        }
    } else {
        prop_assert!(events.is_empty());
    }
    let silent = |now| -> BTreeSet<Option<String>> {
        let silent = states.iter().filter(|(_, state)| MODEL.monitor().is_silent(state, now));
        silent.map(|(id, _)| id.as_ref().map(ToString::to_string)).collect()
    };
    let before = silent(Timestamp::now());
    let statuses = turbines(pipeline);
    let after = silent(Timestamp::now());
    let said: BTreeSet<_> = statuses.iter().filter(|it| it.silent).map(|it| it.turbine_id.clone()).collect();
    prop_assert!(before.is_subset(&said) && said.is_subset(&after), "{before:?} {said:?} {after:?}");
    prop_assert_eq!(statuses.len(), states.len());
    for (status, (id, state)) in statuses.iter().zip(&states) {
        let stuck: Vec<&str> = MODEL.monitor().stuck(state).iter().map(|place| ["a", "b"][place]).collect();
        prop_assert_eq!(&status.stuck, &stuck, "{:?}", id);
        prop_assert_eq!(status.alarm_since, state.alarm().map(|alarm| alarm.raised), "{:?}", id);
    }
    Ok(())
}

async fn send(pipeline: &Pipeline, clock: &mut [i64; 3], begin: Timestamp, stretch: &Stretch) {
    let Stretch { turbine, jump, readings, kind } = *stretch;
    let from = (clock[usize::from(turbine)] + jump).max(0);
    let one = |i: i64| {
        let values = match kind {
            Kind::Normal => [normal(i), normal(i + 7)],
            Kind::Off => [normal(i), 400.0 + normal(i)],
            Kind::Held => [normal(i), 50.0],
        };
        reading(turbine, begin + SignedDuration::from_secs(i * INTERVAL), values)
    };
    submit(pipeline, &(from..from + readings).map(one).collect::<Vec<_>>()).await;
    clock[usize::from(turbine)] = from + readings;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Does it, if there is such an alarm: the file has it and the answer says so.
async fn act(pipeline: &Pipeline, place: &Place, action: &Action) -> Result<(), TestCaseError> {
    let Some(alarm) = alarms(pipeline).into_iter().nth(action.back) else { return Ok(()) };
    let answered = handle(pipeline, &alarm.id, action.kind, action.by).await.unwrap();
    let rows = place.rows();
    prop_assert_eq!(rows.last(), Some(&(alarm.id.clone(), action.kind.event().to_owned())));
    prop_assert!(rows.contains(&(alarm.id.clone(), "raised".to_owned())), "its raised row comes before");
    prop_assert_eq!(&serde_json::to_value(&answered.handling).unwrap(), &handled(place)[&alarm.id]);
    Ok(())
}

/// What happens between two starts.
type Session = (Vec<(Stretch, Option<Action>)>, Restart);

fn run(sync: LogSync, sessions: &[Session]) -> Result<(), TestCaseError> {
    let place = Place::new(sync);
    // Some turbines are silent at the end, others not.
    let begin = Timestamp::now() - SignedDuration::from_secs(200 * INTERVAL);
    let mut clock = [0; 3];
    for (stretches, restart) in sessions {
        let runtime = runtime();
        runtime.block_on(async {
            let pipeline = place.open();
            agrees(&pipeline, &place)?;
            for (stretch, action) in stretches {
                send(&pipeline, &mut clock, begin, stretch).await;
                if let Some(action) = action {
                    act(&pipeline, &place, action).await?;
                }
            }
            if sync != LogSync::None {
                agrees(&pipeline, &place)?;
            }
            if restart.closed {
                pipeline.close().await.unwrap();
                agrees(&pipeline, &place)?;
            }
            Ok::<(), TestCaseError>(())
        })?;
        drop(runtime);
        if restart.without_snapshot {
            std::fs::remove_file(place.beside_log("turbines.snapshot")).ok();
        }
        let file = place.beside_log("alarms.csv");
        if let Ok(bytes) = std::fs::read(&file) {
            let kept = (bytes.len() as f64 * restart.kept) as usize;
            std::fs::write(&file, &bytes[..kept]).unwrap();
            if restart.deleted {
                std::fs::remove_file(file).unwrap();
            }
        }
    }
    runtime().block_on(async { agrees(&place.open(), &place) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn after_any_restarts_it_is_a_fold_over_the_log(
        sync in prop_oneof![3 => Just(LogSync::Write), 1 => Just(LogSync::None)],
        sessions in proptest::collection::vec((stretches(), restart()), 1..5),
    ) {
        run(sync, &sessions)?;
    }
}
