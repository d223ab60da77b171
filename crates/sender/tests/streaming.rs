//! Streaming to a healthy service.
#![allow(clippy::unwrap_used)]

mod support;

use jiff::Timestamp;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use support::{FakeApi, Reply, Run, ab_model, turbine_model};
use tempfile::TempDir;
use turbine_core::simulation::{Profile, Simulator};

fn csv(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// `rows` rows: `a` repeats 0 to 99, `b` counts up, and every row with a ≥ 90 is labelled an anomaly; after every hundredth
/// row follows an unusable one.
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
    let api = FakeApi::healthy(turbine_model());
    let run = Run::of(api.address, &["--count", "5", "--interval", "0.001", "--anom-rate", "0"]);
    run.assert_counts(5, 0, 0, 0, 0);
    let simulated: Vec<_> = Simulator::new(Profile::Stream, 0.0, 42).unwrap().take(5).collect();
    let scored = api.scored.lock().unwrap().clone();
    let expected: Vec<_> = simulated
        .iter()
        .zip(&scored)
        .map(|(reading, scored)| {
            let [t, h, s] = reading.values;
            let time = &scored["timestamp"];
            json!({"temperature": t, "humidity": h, "sound_volume": s, "timestamp": time, "turbine_id": "WT-01"})
        })
        .collect();
    assert_eq!(scored, expected);
    let lines: Vec<String> = expected
        .iter()
        .map(|reading| {
            let [t, h, s, time] =
                ["temperature", "humidity", "sound_volume", "timestamp"].map(|key| reading[key].to_string());
            let values = format!(r#""temperature":{t},"humidity":{h},"sound_volume":{s}"#);
            let inputs = format!(r#"{{{values},"timestamp":{time},"turbine_id":"WT-01"}}"#);
            format!("[200] anom=False score=0.4000 inputs={inputs}")
        })
        .collect();
    assert_eq!(run.lines("[200]"), lines);
    assert_eq!(run.lines("[sender] health"), [format!("[sender] health: healthy (http://{}/health)", api.address)]);
    let model = "[sender] model: version 0123456789ab, features temperature, humidity, sound_volume";
    assert_eq!(run.lines("[sender] model"), [model]);
    assert_eq!(run.stderr, "");
}

#[test]
fn every_row_of_a_file_arrives_once_in_every_format() {
    let (_directory, path) = csv(&labelled_rows(250));
    let replay = ["--replay", path.to_str().unwrap(), "--label", "fault", "--interval", "0"];
    let formats: [(&[&str], &str, usize); 6] = [
        (&[], "/predict", 250),
        (&["--concurrency", "8"], "/predict", 250),
        (&["--batch", "60"], "/predict/batch", 5),
        (&["--batch", "7", "--concurrency", "3"], "/predict/batch", 36),
        (&["--ndjson"], "/predict/batch", 1),
        (&["--ndjson", "--batch", "9", "--concurrency", "4"], "/predict/batch", 28),
    ];
    for (format, path, requests) in formats {
        let api = FakeApi::healthy(ab_model());
        let run = Run::of(api.address, &[&replay, format].concat());
        // Rows 99 and 199 are followed by an unusable one.
        run.assert_counts(250, 0, 0, 2, 0);
        assert_eq!(api.scored("b"), (0..250).map(f64::from).collect::<Vec<_>>(), "{format:?}");
        assert!(api.requests().iter().all(|request| request.path == path), "{format:?}");
        assert_eq!(api.requests().len(), requests, "{format:?}");
        assert_eq!(run.lines("[200]").len(), 250);
        assert_eq!(run.lines("[sender] skipped"), ["[sender] skipped rows by column: b: 1, a: 1"]);
        // 10 anomalies in each of the two full hundreds, all of 90 to 99 and so flagged (> 50). Flagged normals: 51 to 89
        // are 39 in each full hundred; the half hundred ends at 49. Precision 20/98, all anomalies above all normals.
        let detection = "[sender] labelled=20 detected=20 missed=0 false_alarms=78 precision=0.2041 recall=1.0000 \
                         roc_auc=1.0000";
        assert_eq!(run.lines("[sender] labelled"), [detection], "{format:?}");
        assert_eq!(run.lines("[sender] latency_ms p50=").len(), 1);
    }
}

#[test]
fn missed_anomalies_and_false_alarms_are_counted_apart() {
    let (_directory, path) = csv("a,b,fault\n60,0,1\n40,0,1\n30,0,1\n70,0,0\n20,0,0\n10,0,false\n");
    let api = FakeApi::healthy(ab_model());
    let run = Run::of(api.address, &["--replay", path.to_str().unwrap(), "--label", "fault", "--interval", "0"]);
    run.assert_counts(6, 0, 0, 0, 0);
    // Flagged: 60 (right), 70 (wrong). Pairs: 60, 40, 30 each above 20 and 10, below 70: 6 of 9.
    let detection =
        "[sender] labelled=3 detected=1 missed=2 false_alarms=1 precision=0.5000 recall=0.3333 roc_auc=0.6667";
    assert_eq!(run.lines("[sender] labelled"), [detection]);
}

#[test]
fn recorded_times_and_turbines_are_sent() {
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
    let api = FakeApi::healthy(ab_model());
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
    assert!(run.lines("[sender] labelled").is_empty() && run.lines("[sender] injected").is_empty(), "no labels");
}

#[test]
fn readings_without_a_recorded_time_carry_the_time_they_are_due() {
    let (_directory, path) = csv("a,b\n1,0\n1,0\n1,0\n");
    let replay = ["--replay", path.to_str().unwrap(), "--interval", "0.05"];
    for format in [&[][..], &["--batch", "3"], &["--ndjson"]] {
        let api = FakeApi::healthy(ab_model());
        let before = Timestamp::now();
        Run::of(api.address, &[&replay, format].concat()).assert_counts(3, 0, 0, 0, 0);
        let after = Timestamp::now();
        let sent = api.scored.lock().unwrap().clone();
        let times: Vec<Timestamp> =
            sent.iter().map(|sent| sent["timestamp"].as_str().unwrap().parse().unwrap()).collect();
        let [first, second, third] = times[..] else { panic!("{times:?}") };
        assert!(first.as_microsecond() >= before.as_microsecond() && third <= after, "{times:?}");
        // 50 ms apart but for two readings of the clock, which may be interrupted: later, never at the same time.
        assert!(first < second && second < third, "{times:?}");
        assert!(sent.iter().all(|sent| sent["turbine_id"] == "WT-01"), "{sent:?}");
    }
}

#[test]
fn a_replay_that_a_count_ended_goes_on_behind_it() {
    let rows: String = (0..250).map(|i| format!("0,{i}\n")).collect();
    for with_spool in [false, true] {
        let (folder, path) = csv(&format!("a,b\n{rows}"));
        let spool = folder.path().join("a.spool");
        let replay = ["--replay", path.to_str().unwrap(), "--count", "100", "--interval", "0", "--ndjson"];
        let spooled = ["--spool", spool.to_str().unwrap()];
        let flags = [&replay[..], if with_spool { &spooled[..] } else { &[] }].concat();
        let api = FakeApi::healthy(ab_model());
        // The fourth run begins anew: the third has come to the end of the file.
        for rows in [0..100, 100..200, 200..250, 0..100] {
            api.scored.lock().unwrap().clear();
            Run::of(api.address, &flags).assert_counts(rows.len() as u64, 0, 0, 0, 0);
            assert_eq!(api.scored("b"), rows.map(f64::from).collect::<Vec<_>>(), "with a spool: {with_spool}");
        }
    }
}

#[test]
fn duplicates_count_as_sent_and_are_reported() {
    let repeat = |request: &support::Request| match request.readings[0]["b"].as_f64() {
        Some(1.0) => {
            let answer = json!({"timestamp": "2026-01-01T00:00:00Z", "is_anomaly": true, "anomaly_score": 0.75, "duplicate": true});
            match request.path.as_str() {
                "/predict" => Reply::Status(200, "", answer),
                _ if request.is_ndjson() => Reply::Lines(vec![Some(answer)]),
                _ => Reply::Status(200, "", json!({"predictions": [answer]})),
            }
        }
        _ => Reply::Scores,
    };
    let (_directory, path) = csv("a,b\n1,0\n1,1\n1,2\n");
    let replay = ["--replay", path.to_str().unwrap(), "--interval", "0"];
    for format in [&[][..], &["--batch", "1"], &["--ndjson", "--batch", "1"]] {
        let api = FakeApi::start(ab_model(), repeat);
        let run = Run::of(api.address, &[&replay, format].concat());
        run.assert_counts(3, 0, 0, 0, 0);
        assert_eq!(
            run.lines("[sender] sent=3 failed=0 unsent=0 skipped=0 retries=0 duplicates=1 ").len(),
            1,
            "{}",
            run.stdout
        );
        assert_eq!(run.lines("[200] anom=True score=0.7500 inputs=").len(), 1, "{}", run.stdout);
    }
}

#[test]
fn variables_set_flags() {
    let api = FakeApi::healthy(turbine_model());
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
fn drift_that_the_service_finds_is_noted_and_a_service_that_finds_none_is_no_trouble() {
    let api = FakeApi::healthy(turbine_model());
    let run = || Run::of(api.address, &["--count", "4", "--interval", "0", "--quiet"]);
    let all_as_usual = json!({"features": [{"feature": "temperature", "psi": 0.1, "ks": 0.1, "drifting": false}]});
    // Without such a path, without a drift, and with an answer of another kind.
    for answer in [None, Some(all_as_usual), Some(json!({"features": "many"})), Some(json!([]))] {
        *api.drift.lock().unwrap() = answer;
        let run = run();
        run.assert_counts(4, 0, 0, 0, 0);
        assert_eq!((run.code, run.lines("[sender] note").len()), (Some(0), 0), "{}", run.stdout);
    }
    *api.drift.lock().unwrap() = Some(support::two_drift());
    let run = run();
    run.assert_counts(4, 0, 0, 0, 0);
    let note = "[sender] note: drift from the training data: sound_volume (PSI 0.91), humidity (PSI 0.36); expect more \
                false alarms";
    assert_eq!(run.lines("[sender] note"), [note], "{}", run.stdout);
}

#[test]
fn the_training_profile_simulates_the_training_data() {
    let api = FakeApi::healthy(turbine_model());
    Run::of(api.address, &["--count", "3", "--interval", "0", "--profile", "training", "--seed", "7"]);
    let expected: Vec<_> = Simulator::new(Profile::Training, 0.05, 7).unwrap().take(3).map(|r| r.values[0]).collect();
    let sent: Vec<_> = api.scored.lock().unwrap().iter().map(|r| r["temperature"].as_f64().unwrap()).collect();
    assert_eq!(sent, expected);
}
