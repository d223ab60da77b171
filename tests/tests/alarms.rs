//! Alarms, end to end: raised once, explained, still running after `kill -9`, cleared once, and in `alarms.csv`.

#![allow(clippy::unwrap_used)]

use e2e::{Api, folder_with_model};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::Path;

/// Readings of turbine WT-1, half a second apart; with a fault its temperature is 20 °C higher.
fn send(api: &Api, numbers: std::ops::Range<i64>, fault: bool) {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    for i in numbers {
        let wobble = (i * 7 % 5) as f64 / 10.0;
        let reading = json!({
            "turbine_id": "WT-1",
            "timestamp": (start + SignedDuration::from_millis(500 * i)).to_string(),
            "temperature": 24.8 + wobble + if fault { 20.0 } else { 0.0 },
            "humidity": 59.0 + wobble,
            "sound_volume": 0.5 + wobble / 100.0,
        });
        let answer = api.post("/predict", reading.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

fn alarms(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.get(&format!("/alarms{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()["alarms"].as_array().unwrap().clone()
}

/// Id, event and `why` of each row of `alarms.csv`.
fn rows(folder: &Path) -> Vec<(String, String, Value)> {
    let mut csv = csv::Reader::from_path(folder.join("outputs/alarms.csv")).unwrap();
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header.join(","),
        "id,event,turbine_id,raised,cleared,peak,peaked,model_version,why,at,by,until,comment"
    );
    let row = |row: csv::StringRecord| (row[0].to_owned(), row[1].to_owned(), serde_json::from_str(&row[8]).unwrap());
    csv.records().map(|found| row(found.unwrap())).collect()
}

fn survives_kill(sync: &str) {
    let folder = folder_with_model();
    let args = ["--log-sync", sync];
    let api = Api::start(folder.path(), &args);
    assert_eq!(api.get("/alarms").json(), json!({"alarms": []}));
    send(&api, 0..40, false);
    assert_eq!(alarms(&api, ""), [] as [Value; 0]);
    send(&api, 40..60, true);
    let running = alarms(&api, "?active=true");
    let [alarm] = &running[..] else { panic!("{running:?}") };
    let id = alarm["id"].as_str().unwrap().to_owned();
    assert_eq!((&alarm["turbine_id"], &alarm["cleared"]), (&json!("WT-1"), &Value::Null), "{alarm}");
    assert_eq!(id, format!("WT-1@{}", alarm["raised"].as_str().unwrap()));
    assert_eq!(alarm["why"][0]["feature"], "temperature", "{alarm}");
    assert_eq!(api.figures()["turbine_alarms_active"], 1.0);
    assert_eq!(api.figures()["turbine_alarms_raised_total"], 1.0);
    let line = api.stderr().lines().filter(|line| line.contains("alarm raised")).collect::<String>();
    assert!(line.contains(&id) && line.contains("temperature"), "{line:?}");

    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &args);
    assert_eq!(alarms(&api, "?active=true"), running, "after kill -9");
    send(&api, 60..70, true);
    let [still] = &alarms(&api, "")[..] else { panic!("raised again") };
    assert_eq!(still["id"], id);
    send(&api, 70..110, false);
    let past = alarms(&api, "");
    assert!(past.len() == 1 && past[0]["id"] == id && past[0]["cleared"].is_string(), "{past:?}");
    assert_eq!(alarms(&api, "?active=true"), [] as [Value; 0]);
    assert_eq!(alarms(&api, "?active=false&turbine=WT-1&limit=1"), past);
    assert_eq!(alarms(&api, &format!("?since={}", past[0]["raised"].as_str().unwrap())), past);
    for none in ["?turbine=WT-2", "?turbine=-", "?since=2026-02-01T00:00:00Z"] {
        assert_eq!(alarms(&api, none), [] as [Value; 0], "{none}");
    }
    let before = rows(folder.path());
    let events: Vec<(&str, &str)> = before.iter().map(|(id, event, _)| (id.as_str(), event.as_str())).collect();
    assert_eq!(events, [(id.as_str(), "raised"), (id.as_str(), "cleared")]);
    assert_eq!(before[1].2, past[0]["why"]);

    // Stopped, and begun again without what it wrote.
    assert_eq!(api.terminate().code(), Some(0));
    std::fs::remove_file(folder.path().join("outputs/alarms.csv")).unwrap();
    let api = Api::start(folder.path(), &args);
    assert_eq!(alarms(&api, ""), past, "without alarms.csv");
    assert_eq!(rows(folder.path()), before);
}

#[test]
fn an_alarm_survives_kill_with_write() {
    survives_kill("write");
}

#[test]
fn an_alarm_survives_kill_with_fsync() {
    survives_kill("fsync");
}

#[test]
fn what_cannot_be_selected_is_refused_by_name() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--api-key", "secret-secret-secret"]);
    assert_eq!(api.get("/alarms").status, 401);
    let get = |query: &str| {
        api.request("GET", &format!("/alarms{query}"), &[("authorization", "Bearer secret-secret-secret")], "")
    };
    assert_eq!(get("").json(), json!({"alarms": []}));
    for (query, named) in [
        ("?active=yes", "active"),
        ("?turbine=no%20name", "turbine"),
        ("?turbine=", "turbine"),
        ("?since=yesterday", "since"),
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?limit=x", "limit"),
        ("?colour=red", "colour"),
    ] {
        let answer = get(query);
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.json()["error"].as_str().unwrap().contains(named), "{query}: {}", answer.body);
    }
    let posted = api.request("POST", "/alarms", &[("authorization", "Bearer secret-secret-secret")], "");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    let document = api.request("GET", "/openapi.json", &[("authorization", "Bearer secret-secret-secret")], "").json();
    let listed = &document["paths"]["/alarms"]["get"];
    let parameters = listed["parameters"].as_array().unwrap_or_else(|| panic!("{listed}"));
    let names: Vec<&str> = parameters.iter().filter_map(|parameter| parameter["name"].as_str()).collect();
    assert_eq!(names, ["active", "turbine", "since", "limit"]);
    assert!(["200", "400", "401"].iter().all(|status| listed["responses"].get(status).is_some()), "{listed}");
}
