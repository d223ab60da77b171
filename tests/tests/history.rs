//! What a turbine read over time, as a page shows it, is what stands in the log; and what one turbine is like.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, folder_with_model};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const START: &str = "2026-01-01T00:00:00Z";

/// Readings of a turbine, so many seconds apart; from number 900 on the temperature is 20 °C higher.
fn send(api: &Api, turbine: Option<&str>, numbers: std::ops::Range<i64>, apart: i64) {
    let start: Timestamp = START.parse().unwrap();
    let readings: Vec<Value> = numbers
        .map(|i| {
            json!({
                "turbine_id": turbine,
                "timestamp": (start + SignedDuration::from_secs(apart * i)).to_string(),
                "temperature": 24.8 + (i * 7 % 5) as f64 / 10.0 + if i >= 900 { 20.0 } else { 0.0 },
                "humidity": 59.0 + (i % 13) as f64 / 10.0,
                "sound_volume": 0.5 + (i % 7) as f64 / 100.0,
            })
        })
        .collect();
    let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Asks for a history and recomputes it from the log.
fn check(api: &Api, id: &str, query: &str) -> Value {
    let answer = api.get(&format!("/turbines/{id}/history{query}"));
    assert_eq!(answer.status, 200, "{id} {query}: {}", answer.body);
    let history = answer.json();
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let (from, to) = (time(&history["from"]), time(&history["to"]));
    let width = history["bucket_seconds"].as_i64().unwrap();
    assert_eq!(history["features"], json!(["temperature", "humidity", "sound_volume"]));
    assert_eq!(history["turbine_id"], if id == "-" { Value::Null } else { json!(id) });
    let mut expected: BTreeMap<i64, Vec<Vec<f64>>> = BTreeMap::new();
    let mut anomalies: BTreeMap<i64, u64> = BTreeMap::new();
    for row in LogFile::rows_of_set(&api.log()) {
        let when: Timestamp = row.timestamp.parse().unwrap();
        if row.turbine_id == id.trim_start_matches('-') && when >= from && when < to {
            let bucket = when.as_second() / width * width;
            expected.entry(bucket).or_default().push(row.values.clone());
            *anomalies.entry(bucket).or_default() += u64::from(row.is_anomaly);
        }
    }
    let buckets = history["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), expected.len(), "{id} {query}: buckets without a reading are left out");
    for (bucket, (start, rows)) in buckets.iter().zip(&expected) {
        assert_eq!((time(&bucket["t"]).as_second(), &bucket["n"]), (*start, &json!(rows.len())), "{id} {query}");
        assert_eq!(bucket["anomalies"], anomalies[start]);
        for sensor in 0..3 {
            let values: Vec<f64> = rows.iter().map(|row| row[sensor]).collect();
            let least = values.iter().copied().fold(f64::MAX, f64::min);
            let greatest = values.iter().copied().fold(f64::MIN, f64::max);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert_eq!((&bucket["min"][sensor], &bucket["max"][sensor]), (&json!(least), &json!(greatest)));
            assert!((bucket["mean"][sensor].as_f64().unwrap() - mean).abs() < 1e-9, "{bucket}");
        }
        let smoothed = &bucket["smoothed_surprisal"];
        assert!(
            smoothed["min"].as_f64() <= smoothed["mean"].as_f64()
                && smoothed["mean"].as_f64() <= smoothed["max"].as_f64()
        );
        assert!(bucket["in_alarm"].is_boolean());
    }
    history
}

#[test]
fn a_history_equals_the_log_over_restarts_and_rotations() {
    let folder = folder_with_model();
    let args = ["--log-max-bytes", "50KiB"];
    let mut api = Api::start(folder.path(), &args);
    for part in 0..3 {
        send(&api, Some("WT-1"), part * 500..(part + 1) * 500, 60);
        send(&api, None, part * 400..(part + 1) * 400, 1);
        for id in ["WT-1", "-"] {
            check(&api, id, "");
            check(&api, id, "?points=10");
            check(&api, id, "?from=2026-01-01T00:05:00Z&to=2026-01-01T00:09:59.5Z&points=2000");
            check(&api, id, "?from=2025-12-01T00:00:00Z&to=2026-02-01T00:00:00Z");
            check(&api, id, "?from=2026-01-01T00:10:00%2B00:00");
        }
        api.signal("KILL");
        api.wait();
        api = Api::start(folder.path(), &args);
    }
    assert!(parts(&api) > 3, "the log has several files");
    // 25 hours: of the default of 24 the first are left out.
    let day = check(&api, "WT-1", "");
    assert_eq!((day["bucket_seconds"].as_i64(), &day["to"]), (Some(300), &json!("2026-01-02T01:00:00Z")));
    let buckets = day["buckets"].as_array().unwrap();
    assert!(buckets.len() > 280 && buckets.last().unwrap()["in_alarm"] == json!(true), "{}", buckets.len());
}

fn parts(api: &Api) -> usize {
    let folder = api.log().parent().unwrap().to_owned();
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("predictions_log.") && name.ends_with(".csv")).count()
}

#[test]
fn one_turbine_is_told_with_its_newest_reading_and_its_sensors() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    send(&api, Some("WT-1"), 0..40, 1);
    send(&api, Some("WT-1"), 900..920, 1);
    send(&api, None, 0..3, 1);
    let detail = api.get("/turbines/WT-1").json();
    let mut status = api.get("/turbines?after=").json()["turbines"][0].clone();
    let last = LogFile::read(&api.log()).rows.into_iter().rfind(|row| row.turbine_id == "WT-1").unwrap();
    status["values"] = json!(last.values);
    status["why"] = detail["why"].clone();
    assert_eq!(detail, status);
    assert_eq!((&detail["in_alarm"], &detail["why"][0]["feature"]), (&json!(true), &json!("temperature")));
    let shares: f64 = detail["why"].as_array().unwrap().iter().map(|why| why["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{detail}");
    assert_eq!((&api.get("/turbines/-").json()["turbine_id"], api.get("/turbines/-").status), (&Value::Null, 200));
}

#[test]
fn what_cannot_be_shown_is_refused_by_name() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    send(&api, Some("WT-1"), 0..3, 1);
    for (path, status, named) in [
        ("/turbines/WT-2", 404, "WT-2"),
        ("/turbines/WT-2/history", 404, "WT-2"),
        ("/turbines/-/history", 404, "-"),
        ("/turbines/no%20name", 400, "turbine"),
        ("/turbines/WT-1/history?points=9", 400, "points"),
        ("/turbines/WT-1/history?points=2001", 400, "points"),
        ("/turbines/WT-1/history?points=x", 400, "points"),
        ("/turbines/WT-1/history?from=yesterday", 400, "from"),
        ("/turbines/WT-1/history?to=now", 400, "to"),
        ("/turbines/WT-1/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "from"),
        ("/turbines/WT-1/history?colour=red", 400, "colour"),
        ("/turbines/WT-1/other", 404, "/turbines/WT-1/other"),
    ] {
        let answer = api.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.json()["error"].as_str().unwrap().contains(named), "{path}: {}", answer.body);
    }
    let posted = api.request("POST", "/turbines/WT-1/history", &[], "");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    let paths = api.get("/openapi.json").json()["paths"].clone();
    for path in ["/turbines/{id}", "/turbines/{id}/history"] {
        let listed = &paths[path]["get"]["responses"];
        assert!(["200", "400", "404"].iter().all(|status| listed.get(status).is_some()), "{path}: {listed}");
    }
}
