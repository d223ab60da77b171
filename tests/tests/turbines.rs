//! `GET /turbines`: the state of each turbine is a fold over the prediction log, however the service came to it.
//!
//! `LOG_READINGS` sets the length of the long log, 30,000 rows if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{
    ANOMALY, Api, Form, NORMAL, Raw, Stamped, TurbineState, assert_is_fold, assert_state_survives, folder_with_model,
    turbines,
};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

/// Sends readings as newline-delimited JSON.
fn send(api: &Api, readings: &[Stamped]) {
    for some in readings.chunks(10_000) {
        let answer = Raw::with(api, Form::Lines(some.len()).request(some)).answer();
        assert_eq!((answer.status, answer.body.lines().count()), (200, some.len()));
        assert!(!answer.body.contains("\"error\""), "{:.300}", answer.body);
    }
}

fn ids(turbines: &[TurbineState]) -> Vec<&str> {
    turbines.iter().filter_map(|turbine| turbine.turbine_id.as_deref()).collect()
}

fn stream(range: std::ops::Range<usize>, turbines: usize) -> Vec<Stamped> {
    range.map(|i| Stamped::nth(i, turbines)).collect()
}

#[test]
fn a_turbine_is_its_latest_reading_and_its_counts() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.get("/turbines").json(), json!({"turbines": []}));

    let with = |reading: &str, turbine: &str, time: &str| {
        format!("{},\"turbine_id\":\"{turbine}\",\"timestamp\":\"{time}\"}}", reading.trim_end_matches('}'))
    };
    let post = |reading: &str| {
        let answer = api.post("/predict", reading);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    post(&with(NORMAL, "B", "2026-01-31T12:00:00Z"));
    let latest = post(&with(ANOMALY, "B", "2026-01-31T14:00:00Z"));
    // A reading that comes late counts, and does not replace a later one.
    post(&with(NORMAL, "B", "2026-01-31T13:00:00Z"));
    // A duplicate does not count, a refused reading neither.
    post(&with(ANOMALY, "B", "2026-01-31T14:00:00Z"));
    assert_eq!(api.post("/predict", with("{}", "B", "2026-01-31T15:00:00Z")).status, 400);
    post(&with(NORMAL, "A", "2026-01-31T12:00:00Z"));
    let anonymous = [post(NORMAL), post(ANOMALY)];

    let expected = json!([
        {
            "turbine_id": null, "last_reading": anonymous[1]["timestamp"], "readings": 2, "anomalies": 1,
            "anomaly_score": anonymous[1]["anomaly_score"], "model_version": latest["model_version"],
        },
        {
            "turbine_id": "A", "last_reading": "2026-01-31T12:00:00Z", "readings": 1, "anomalies": 0,
            "anomaly_score": anonymous[0]["anomaly_score"], "model_version": latest["model_version"],
        },
        {
            "turbine_id": "B", "last_reading": "2026-01-31T14:00:00Z", "readings": 3, "anomalies": 1,
            "anomaly_score": latest["anomaly_score"], "model_version": latest["model_version"],
        },
    ]);
    let said = api.get("/turbines").json();
    for (said, expected) in said["turbines"].as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&said[key], value, "{key} of {said}");
        }
    }
    assert_eq!((said["turbines"].as_array().unwrap().len(), said.get("next")), (3, None));
    assert_state_survives(api, folder.path(), &[]);
}

#[test]
fn model_versions_are_m_and_twelve_hexadecimal_digits_everywhere() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let reading = Stamped::nth(0, 1);
    let answer = api.post("/predict", reading.json()).json();
    let version = answer["model_version"].as_str().unwrap();
    let digits = version.strip_prefix('m').unwrap_or_else(|| panic!("{version} has no m"));
    assert!(digits.len() == 12 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{version}");
    assert_eq!(api.get("/model/info").json()["model_version"], version);
    assert_eq!(turbines(&api, 10)[0].model_version, version);
    assert_eq!(api.rows()[0].split(',').nth(7), Some(version), "{}", api.rows()[0]);
    let figures = api.figures();
    assert!(figures.keys().any(|name| name.contains(&format!("\"{version}\""))), "no figure names {version}");
}

#[test]
fn ten_thousand_turbines_are_listed_in_pages() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    // 20,000 readings, sent in the reverse order of the turbines' names.
    let mut readings = stream(0..20_000, 10_000);
    readings.reverse();
    send(&api, &readings);
    let started = Instant::now();
    let page = api.get("/turbines?limit=10000");
    println!("10,000 turbines in {:?}", started.elapsed());
    assert_eq!((page.status, page.json()["turbines"].as_array().unwrap().len()), (200, 10_000));
    assert_eq!(page.json().get("next"), None);

    let first = api.get("/turbines").json();
    assert_eq!((first["turbines"].as_array().unwrap().len(), &first["next"]), (1_000, &json!("WT-00999")));
    let all = turbines(&api, 10_000);
    for limit in [1, 777, 1_000, 5_000] {
        // One by one only the beginning, to keep it short.
        let skipped = if limit == 1 { "&after=WT-09989" } else { "" };
        if limit == 1 {
            let one = api.get(&format!("/turbines?limit=1{skipped}")).json();
            assert_eq!((&one["turbines"][0]["turbine_id"], &one["next"]), (&json!("WT-09990"), &json!("WT-09990")));
        } else {
            assert_eq!(turbines(&api, limit), all, "pages of {limit}");
        }
    }
    // `after` names a place, not necessarily a turbine.
    let after = |id: &str| api.get(&format!("/turbines?after={id}")).json();
    assert_eq!(after("WT-09998x")["turbines"][0]["turbine_id"], "WT-09999");
    assert_eq!(after("WT-09999"), json!({"turbines": []}));
    for query in ["limit=x", "limit=-1", "limit=10001", "limit=0"] {
        let answer = api.get(&format!("/turbines?{query}"));
        assert_eq!(answer.status, 400, "{query}: {:.300}", answer.body);
        assert!(answer.json()["error"].as_str().unwrap().contains("limit"), "{query}: {}", answer.body);
    }
    assert_eq!(ids(&all).len(), 10_000);
    assert_is_fold(&all, folder.path());
}

#[test]
fn openapi_describes_turbines_and_reload() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let paths = api.get("/openapi.json").json()["paths"].clone();
    let listed = &paths["/turbines"]["get"];
    let parameters = listed["parameters"].as_array().unwrap_or_else(|| panic!("{listed}"));
    let names: Vec<&str> = parameters.iter().filter_map(|parameter| parameter["name"].as_str()).collect();
    assert!(names.contains(&"limit") && names.contains(&"after"), "{names:?}");
    for status in ["200", "400"] {
        assert!(listed["responses"].get(status).is_some(), "{status}");
    }
    for status in ["200", "422"] {
        assert!(paths["/model/reload"]["post"]["responses"].get(status).is_some(), "{status}");
    }
}

#[test]
fn beyond_the_limit_the_longest_silent_turbine_is_forgotten() {
    let folder = folder_with_model();
    let args = ["--max-turbines", "100"];
    let api = Api::start(folder.path(), &args);
    send(&api, &stream(0..100, 150));
    // The first 50 are heard again, then 50 new ones come: 50 to 99 are the longest silent.
    send(&api, &stream(150..200, 150));
    send(&api, &stream(100..150, 150));
    let check = |api: &Api, when: &str| {
        let known = turbines(api, 1_000);
        let expected: Vec<String> = (0..50).chain(100..150).map(|i| format!("WT-{i:05}")).collect();
        assert_eq!(ids(&known), expected, "{when}");
        assert!(known[..50].iter().all(|turbine| turbine.readings == 2), "{when}");
        known
    };
    let before = check(&api, "at once");
    assert_eq!(api.terminate().code(), Some(0));
    let api = Api::start(folder.path(), &args);
    assert_eq!(check(&api, "with the snapshot"), before);
    assert_eq!(api.terminate().code(), Some(0));
    std::fs::remove_file(folder.path().join("outputs/turbines.snapshot")).unwrap();
    let api = Api::start(folder.path(), &args);
    assert_eq!(check(&api, "without the snapshot"), before);
    // One that was forgotten begins anew.
    send(&api, &stream(200..201, 150));
    let again = turbines(&api, 1_000).into_iter().find(|turbine| turbine.turbine_id.as_deref() == Some("WT-00050"));
    assert_eq!(again.unwrap().readings, 1);
    assert_eq!(turbines(&api, 1_000).len(), 100);
}

#[test]
fn a_long_log_is_folded_at_start_with_and_without_a_snapshot() {
    let readings = std::env::var("LOG_READINGS").unwrap_or_else(|_| "30000".to_owned());
    let readings = readings.parse().unwrap_or_else(|_| panic!("LOG_READINGS is a number, not {readings:?}"));
    let folder = folder_with_model();
    // Several rotated parts.
    let args = ["--log-max-bytes", "1MiB"];
    let api = Api::start(folder.path(), &args);
    send(&api, &stream(0..readings, 1_000));
    // What no snapshot can hold yet.
    api.signal("KILL");
    api.wait();
    let timed = |what: &str| {
        let started = Instant::now();
        let api = Api::start(folder.path(), &args);
        println!("{readings} rows: started in {:?} {what}", started.elapsed());
        api
    };
    let api = timed("after kill -9");
    let expected = turbines(&api, 1_000);
    assert_is_fold(&expected, folder.path());
    assert_eq!(api.terminate().code(), Some(0));
    let api = timed("with the snapshot of a shutdown");
    assert_eq!(turbines(&api, 1_000), expected);
    assert_eq!(api.terminate().code(), Some(0));
    std::fs::remove_file(folder.path().join("outputs/turbines.snapshot")).unwrap();
    let api = timed("without a snapshot");
    assert_eq!(turbines(&api, 1_000), expected);
}

/// Starts the service, compares the state with the fold over the log as it is, and stops it.
fn start_and_check(folder: &Path, what: &str) {
    let api = Api::start(folder, &[]);
    println!("{what}");
    assert_is_fold(&turbines(&api, 1_000), folder);
    // The state goes on from there.
    send(&api, &stream(5_000..5_010, 7));
    assert_is_fold(&turbines(&api, 1_000), folder);
    assert_eq!(api.terminate().code(), Some(0));
}

#[test]
fn a_snapshot_that_is_damaged_or_does_not_fit_the_log_is_thrown_away() {
    let folder = folder_with_model();
    let outputs = folder.path().join("outputs");
    let (log, snapshot) = (outputs.join("predictions_log.csv"), outputs.join("turbines.snapshot"));
    let api = Api::start(folder.path(), &[]);
    send(&api, &stream(0..300, 7));
    assert_eq!(api.terminate().code(), Some(0));
    let (good_log, good_snapshot) = (std::fs::read_to_string(&log).unwrap(), std::fs::read(&snapshot).unwrap());

    let half = good_snapshot.len() / 2;
    let mut flipped = good_snapshot.clone();
    flipped[half] ^= 0x10;
    for (what, bytes) in [
        ("empty", &[][..]),
        ("garbage", b"\x00\xffgarbage\n"),
        ("cut off", &good_snapshot[..half]),
        ("one bit flipped", &flipped),
    ] {
        std::fs::write(&log, &good_log).unwrap();
        std::fs::write(&snapshot, bytes).unwrap();
        start_and_check(folder.path(), what);
    }
    let mut lines: Vec<&str> = good_log.lines().collect();
    let shorter = lines[..lines.len() - 10].join("\n") + "\n";
    // As long as before.
    let other = good_log.replace("WT-", "XX-");
    lines.remove(1);
    let without_first = lines.join("\n") + "\n";
    for (what, text) in [("ten rows less", shorter), ("other rows", other), ("without the first row", without_first)] {
        std::fs::write(&log, text).unwrap();
        std::fs::write(&snapshot, &good_snapshot).unwrap();
        start_and_check(folder.path(), what);
    }
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&snapshot, &good_snapshot).unwrap();
    start_and_check(folder.path(), "no log");
    // Behind a good snapshot further rows may stand.
    std::fs::write(&log, good_log.clone() + good_log.lines().last().unwrap() + "\n").unwrap();
    std::fs::write(&snapshot, &good_snapshot).unwrap();
    start_and_check(folder.path(), "one row more");
}
