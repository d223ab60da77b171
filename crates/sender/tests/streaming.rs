//! What the sender does when all goes well.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use support::{FakeApi, Run, ab_model, turbine_model};
use tempfile::TempDir;
use turbine_core::simulation::{Profile, Simulator};

fn csv(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// `rows` rows: `a` counts 0 to 99 again and again, `b` counts up, and every row with a ≥ 90 is labelled; after every
/// hundredth row follows one that cannot be used.
fn labelled_rows(rows: u32) -> String {
    let mut text = "b,fault,a\n".to_owned();
    for i in 0..rows {
        writeln!(text, "{i},{},{}", u8::from(i % 100 >= 90), i % 100).unwrap();
        if i % 100 == 99 {
            text.push_str(if i % 200 == 99 { "oops,0,1\n" } else { "1,0,\n" });
        }
    }
    text
}

#[test]
fn simulated_readings_arrive_once_in_order_with_a_line_each() {
    let api = FakeApi::kind(turbine_model());
    let run = Run::of(api.address, &["--count", "5", "--interval", "0.001", "--anom-rate", "0"]);
    run.assert_counts(5, 0, 0, 0, 0);
    let simulated: Vec<_> = Simulator::new(Profile::Stream, 0.0, 42).unwrap().take(5).collect();
    let expected: Vec<String> = simulated
        .iter()
        .map(|reading| {
            let [t, h, s] = reading.values;
            let inputs = format!(r#"{{"temperature":{t:?},"humidity":{h:?},"sound_volume":{s:?}}}"#);
            format!("[200] anom=False score=0.4000 inputs={inputs}")
        })
        .collect();
    assert_eq!(run.lines("[200]"), expected);
    let scored = api.scored.lock().unwrap().clone();
    let sent: Vec<_> = simulated
        .iter()
        .map(|reading| {
            let [t, h, s] = reading.values;
            json!({"temperature": t, "humidity": h, "sound_volume": s})
        })
        .collect();
    assert_eq!(scored, sent);
    assert_eq!(run.lines("[sender] health"), [format!("[sender] health: healthy (http://{}/health)", api.address)]);
    let model = "[sender] model: version 0123456789ab, reads temperature, humidity, sound_volume";
    assert_eq!(run.lines("[sender] model"), [model]);
    assert_eq!(run.stderr, "");
}

#[test]
fn every_row_of_a_file_arrives_once_in_every_form() {
    let (_directory, path) = csv(&labelled_rows(250));
    let replay = ["--replay", path.to_str().unwrap(), "--label", "fault", "--interval", "0"];
    let forms: [(&[&str], &str, usize); 6] = [
        (&[], "/predict", 250),
        (&["--concurrency", "8"], "/predict", 250),
        (&["--batch", "60"], "/predict/batch", 5),
        (&["--batch", "7", "--concurrency", "3"], "/predict/batch", 36),
        (&["--ndjson"], "/predict/batch", 1),
        (&["--ndjson", "--batch", "9", "--concurrency", "4"], "/predict/batch", 28),
    ];
    for (form, path, requests) in forms {
        let api = FakeApi::kind(ab_model());
        let run = Run::of(api.address, &[&replay, form].concat());
        // Rows 99 and 199 are followed by an unusable one.
        run.assert_counts(250, 0, 0, 2, 0);
        assert_eq!(api.scored("b"), (0..250).map(f64::from).collect::<Vec<_>>(), "{form:?}");
        assert!(api.requests().iter().all(|request| request.path == path), "{form:?}");
        assert_eq!(api.requests().len(), requests, "{form:?}");
        assert_eq!(run.lines("[200]").len(), 250);
        assert_eq!(run.lines("[sender] skipped"), ["[sender] skipped rows by column: b: 1, a: 1"]);
        // 10 anomalies in each of the two full hundreds, all of 90 to 99 and so flagged (> 50). Flagged normals: 51 to 89
        // are 39 in each full hundred; the half hundred ends at 49. Precision 20/98, all anomalies above all normals.
        let detection = "[sender] injected=20 detected=20 missed=0 false_alarms=78 precision=0.2041 recall=1.0000 \
                         roc_auc=1.0000";
        assert_eq!(run.lines("[sender] injected"), [detection], "{form:?}");
        assert_eq!(run.lines("[sender] latency_ms p50=").len(), 1);
    }
}

#[test]
fn missed_anomalies_and_false_alarms_are_told_apart() {
    let (_directory, path) = csv("a,b,fault\n60,0,1\n40,0,1\n30,0,1\n70,0,0\n20,0,0\n10,0,false\n");
    let api = FakeApi::kind(ab_model());
    let run = Run::of(api.address, &["--replay", path.to_str().unwrap(), "--label", "fault", "--interval", "0"]);
    run.assert_counts(6, 0, 0, 0, 0);
    // Flagged: 60 (right), 70 (wrong). Pairs: 60, 40, 30 each above 20 and 10, below 70: 6 of 9.
    let detection =
        "[sender] injected=3 detected=1 missed=2 false_alarms=1 precision=0.5000 recall=0.3333 roc_auc=0.6667";
    assert_eq!(run.lines("[sender] injected"), [detection]);
}

#[test]
fn event_time_and_turbines_go_along() {
    let (_directory, path) =
        csv("when,a,b\n2026-01-01 10:00:00,1,2\n2026-01-01T10:10:00+01:00,3,4\n,5,6\n2026-01-02,7,8\n");
    let flags = [
        "--replay",
        path.to_str().unwrap(),
        "--timestamp",
        "when",
        "--turbines",
        "2",
        "--count",
        "3",
        "--interval",
        "0",
    ];
    let api = FakeApi::kind(ab_model());
    let run = Run::of(api.address, &flags);
    let sent = api.scored.lock().unwrap().clone();
    assert_eq!(
        sent[..2],
        [
            json!({"a": 1.0, "b": 2.0, "timestamp": "2026-01-01T10:00:00Z", "turbine_id": "WT-01"}),
            json!({"a": 3.0, "b": 4.0, "timestamp": "2026-01-01T09:10:00Z", "turbine_id": "WT-02"}),
        ]
    );
    assert_eq!(sent.last().unwrap()["turbine_id"], "WT-01");
    run.assert_counts(3, 0, 0, 1, 0);
    assert!(run.lines("[sender] injected").is_empty(), "nothing is labelled");
}

#[test]
fn variables_count_like_flags() {
    let api = FakeApi::kind(turbine_model());
    let mut command = support::sender(api.address, &[]);
    command.env("SENDER_COUNT", "4").env("SENDER_INTERVAL_SEC", "0").env("SENDER_ANOM_RATE", "1");
    command
        .env("SENDER_TIMEOUT_SEC", "5")
        .env("SENDER_BATCH", "2")
        .env("API_KEY", "s3cret")
        .env("SENDER_QUIET", "true");
    let run = Run::from(command.output().unwrap());
    run.assert_counts(4, 0, 0, 0, 0);
    assert_eq!(api.requests().len(), 2);
    assert!(api.requests().iter().all(|request| request.headers["authorization"] == "Bearer s3cret"));
    assert!(run.lines("[200]").is_empty(), "quiet");
    assert!(run.lines("[sender] injected=4 detected=0 missed=4 false_alarms=0").len() == 1, "{}", run.stdout);
    assert!(!(run.stdout + &run.stderr).contains("s3cret"));
}

#[test]
fn a_normal_that_is_not_the_trainings_is_noticed() {
    let mut model = turbine_model();
    // The stream's sound volume is N(0.6, 0.12), its temperature N(25, 3).
    model["features"][2] = json!({"name": "sound_volume", "mean": 0.5, "std": 0.1});
    model["features"][0] = json!({"name": "temperature", "mean": 25.0, "std": 5.0});
    let api = FakeApi::kind(model);
    let run = Run::of(api.address, &["--count", "400", "--interval", "0", "--quiet", "--ndjson"]);
    run.assert_counts(400, 0, 0, 0, 0);
    let notes = run.lines("[sender] note");
    assert_eq!(notes.len(), 1, "{notes:?}");
    let start = "[sender] note: sound_volume averages 0.60, 1.0 standard deviations above the training mean 0.50";
    assert!(notes[0].starts_with(start), "{notes:?}");
}

#[test]
fn the_training_profile_is_what_the_model_was_trained_on() {
    let api = FakeApi::kind(turbine_model());
    Run::of(api.address, &["--count", "3", "--interval", "0", "--profile", "training", "--seed", "7"]);
    let expected: Vec<_> = Simulator::new(Profile::Training, 0.05, 7).unwrap().take(3).map(|r| r.values[0]).collect();
    let sent: Vec<_> = api.scored.lock().unwrap().iter().map(|r| r["temperature"].as_f64().unwrap()).collect();
    assert_eq!(sent, expected);
}
