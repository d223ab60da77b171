//! Events in the stream, and the alarms that a service raises for them.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::fmt::Write;
use support::{FakeApi, Reply, Request, Run, ab_model, turbine_model};
use turbine_core::simulation::{Profile, Scenario, ScenarioSimulator, Simulator, Step};

const FORMATS: [&[&str]; 4] =
    [&[], &["--batch", "4"], &["--ndjson", "--batch", "4"], &["--ndjson", "--batch", "3", "--concurrency", "4"]];

/// A service that answers each reading with `watch` in addition to its score.
fn watching(model: Value, watch: impl Fn(&Value) -> Value + Send + Sync + 'static) -> FakeApi {
    FakeApi::start(model, move |request: &Request| {
        let answer = |reading: &Value| {
            let mut answer = json!({"timestamp": "2026-01-01T00:00:00Z", "is_anomaly": false, "anomaly_score": 0.25});
            let watch = watch(reading);
            answer.as_object_mut().unwrap().extend(watch.as_object().unwrap().clone());
            answer
        };
        let answers: Vec<Value> = request.readings.iter().map(answer).collect();
        match request.path.as_str() {
            "/predict" => Reply::Status(200, "", answers[0].clone()),
            _ if request.is_ndjson() => Reply::Lines(answers.into_iter().map(Some).collect()),
            _ => Reply::Status(200, "", json!({"predictions": answers})),
        }
    })
}

/// A row a minute: `e` is labelled a fault, and `b` is 1 where the service is in alarm, written as a capital.
fn recording(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let mut rows = "time,a,b,fault\n".to_owned();
    for (i, c) in text.chars().enumerate() {
        let (alarm, fault) = (u8::from(c.is_uppercase()), u8::from(c.eq_ignore_ascii_case(&'e')));
        writeln!(rows, "2026-01-01T00:{i:02}:00Z,{i},{alarm},{fault}").unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, rows).unwrap();
    (directory, path)
}

fn alarm_where_b_is_1(reading: &Value) -> Value {
    json!({"surprisal": 1.5, "smoothed_surprisal": 1.25, "in_alarm": reading["b"] == json!(1.0)})
}

#[test]
fn labelled_events_are_compared_with_the_alarms_in_every_format() {
    // Events at 3–6 (alarm at its third reading), 12–13 (alarm at the reading after) and 24–26 (missed); alarms at 1 and 20
    // belong to none.
    let text = "nNneeEEnnnnneeNnnnnnNnnneeen";
    let (_directory, path) = recording(text);
    let replay = ["--replay", path.to_str().unwrap(), "--label", "fault", "--timestamp", "time", "--interval", "0"];
    for format in FORMATS {
        let api = watching(ab_model(), alarm_where_b_is_1);
        let run = Run::of(api.address, &[&replay, format, &["--quiet"]].concat());
        run.assert_counts(28, 0, 0, 0, 0);
        // Two readings to each of the two alarms, two minutes.
        let events = "[sender] events_labelled=3 events_found=2 mean_lead_readings=2.0 mean_lead_seconds=120.00 (from an \
                      event's beginning to the alarm)";
        assert_eq!(run.lines("[sender] events"), [events], "{format:?}");
        // Raised at 1, 5, 14 and 20. Of 28 − 9 normal readings, 1, 14 and 20 are in alarm: 3/19.
        let alarms = "[sender] alarms_raised=4 alarms_false=2 normal_time_in_alarm=0.1579";
        assert_eq!(run.lines("[sender] alarms"), [alarms], "{format:?}");
        assert!(!run.stdout.contains("[sender] no alarms"), "{}", run.stdout);
    }
}

#[test]
fn a_service_without_alarms_has_none_to_count() {
    let (_directory, path) = recording("nneenn");
    let replay = ["--replay", path.to_str().unwrap(), "--label", "fault", "--interval", "0", "--quiet"];
    // Without a calibrated model a service says nothing or always `false`.
    for watch in [json!({}), json!({"in_alarm": false}), json!({"in_alarm": null, "surprisal": null})] {
        for format in FORMATS {
            let watch = watch.clone();
            let api = watching(ab_model(), move |_| watch.clone());
            let run = Run::of(api.address, &[&replay, format].concat());
            run.assert_counts(6, 0, 0, 0, 0);
            assert_eq!(run.lines("[sender] events"), ["[sender] events_labelled=1"], "{format:?}");
            let none = "[sender] no alarms to count: the model in service is not calibrated";
            assert_eq!(run.lines("[sender] no alarms"), [none], "{format:?}");
            assert!(run.lines("[sender] alarms").is_empty(), "{format:?}");
        }
    }
}

fn steps(scenario: Scenario, n: usize) -> Vec<Step> {
    let base = Simulator::new(Profile::Stream, 0.0, 42).unwrap();
    let mut simulator = ScenarioSimulator::new(scenario, base, Scenario::cycle_length(Some(500)), 42);
    (0..n).map(|_| simulator.simulate()).collect()
}

fn simulation(scenario: &str) -> [&str; 8] {
    ["--scenario", scenario, "--count", "500", "--interval", "0", "--anom-rate", "0"]
}

#[test]
fn a_scenario_sends_its_events_and_counts_those_found() {
    let stuck = steps(Scenario::Stuck, 500);
    let begins = |i: &usize| stuck[*i].in_event && (*i == 0 || !stuck[i - 1].in_event);
    let first = (0..500).find(begins).unwrap();
    let sent = |i: usize| stuck[i].reading.as_ref().unwrap().values.to_vec();
    // In alarm at the fourth and the fifth reading of the first event only.
    let alarms = [sent(first + 3), sent(first + 4)];
    let api = watching(turbine_model(), move |reading| {
        let values = ["temperature", "humidity", "sound_volume"].map(|name| reading[name].as_f64().unwrap());
        json!({"surprisal": 0.5, "in_alarm": alarms.iter().any(|alarm| *alarm == values)})
    });
    let run = Run::of(api.address, &[&simulation("stuck")[..], &["--ndjson", "--quiet"]].concat());
    run.assert_counts(500, 0, 0, 0, 0);
    let temperatures: Vec<f64> =
        api.requests().iter().flat_map(|r| r.readings.clone()).map(|r| r["temperature"].as_f64().unwrap()).collect();
    assert_eq!(temperatures, (0..500).map(|i| sent(i)[0]).collect::<Vec<_>>());
    let events = run.lines("[sender] events_injected=5 events_found=1 mean_lead_readings=3.0 mean_lead_seconds=");
    assert_eq!(events.len(), 1, "{}", run.stdout);
    let alarms = "[sender] alarms_raised=1 alarms_false=0 normal_time_in_alarm=0.0000";
    assert_eq!(run.lines("[sender] alarms"), [alarms]);
    // The point anomalies are counted beside them: there are none, and readings of events are not among them.
    assert_eq!(run.lines("[sender] injected=0 detected=0 missed=0 false_alarms=0 ").len(), 1, "{}", run.stdout);
}

#[test]
fn a_dropout_sends_nothing_and_is_an_event_all_the_same() {
    let api = watching(turbine_model(), |_| json!({"surprisal": 0.5, "in_alarm": false}));
    let run = Run::of(api.address, &[&simulation("dropout")[..], &["--ndjson", "--quiet"]].concat());
    run.assert_counts(500, 0, 0, 0, 0);
    // 500 readings and the silent turns between them.
    let mut sent = 0;
    let has_room = |step: &Step| {
        sent += usize::from(step.reading.is_some());
        sent <= 500
    };
    let turns: Vec<Step> = steps(Scenario::Dropout, 1_000).into_iter().take_while(has_room).collect();
    let expected: Vec<f64> = turns.iter().filter_map(|step| Some(step.reading.as_ref()?.values[0])).collect();
    let temperatures: Vec<f64> =
        api.requests().iter().flat_map(|r| r.readings.clone()).map(|r| r["temperature"].as_f64().unwrap()).collect();
    assert_eq!(temperatures, expected);
    let gaps = turns.windows(2).filter(|pair| pair[0].in_event && !pair[1].in_event).count();
    let events = format!("[sender] events_injected={gaps} events_found=0 mean_lead_readings=n/a mean_lead_seconds=n/a");
    assert!(gaps >= 5 && run.lines(&events).len() == 1, "{gaps}: {}", run.stdout);
}

#[test]
fn a_day_without_a_fault_has_only_false_alarms() {
    // In alarm at every hundredth reading.
    let number = std::sync::atomic::AtomicU64::new(0);
    let api = watching(turbine_model(), move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        json!({"surprisal": 0.5, "in_alarm": number % 100 == 50})
    });
    let run = Run::of(api.address, &[&simulation("daily")[..], &["--quiet"]].concat());
    run.assert_counts(500, 0, 0, 0, 0);
    assert_eq!(run.lines("[sender] events_injected=0 events_found=0 mean_lead_readings=n/a ").len(), 1);
    let alarms = "[sender] alarms_raised=5 alarms_false=5 normal_time_in_alarm=0.0100";
    assert_eq!(run.lines("[sender] alarms"), [alarms]);
}

#[test]
fn the_scenario_is_also_a_variable_and_without_it_nothing_is_said_of_events() {
    let api = watching(turbine_model(), |_| json!({"surprisal": 0.5, "in_alarm": false}));
    let flags = ["--count", "150", "--interval", "0", "--ndjson", "--quiet"];
    let without = Run::from(support::sender(api.address, &flags).output().unwrap());
    assert!(without.lines("[sender] events").is_empty() && without.lines("[sender] alarms").is_empty());
    let with = support::sender(api.address, &flags).env("SENDER_SCENARIO", "spike").output().unwrap();
    assert_eq!(Run::from(with).lines("[sender] events_injected=").len(), 1);
}
