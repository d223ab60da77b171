//! The stream of events, end to end: what a page is told adds up to what the service says when it is asked.

#![allow(clippy::unwrap_used)]

use e2e::{Api, EventReader, LogFile, NORMAL, Raw, StreamEvent, eventually, folder_with_model, raise_file_limit};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const READERS: &str = "turbine_event_readers";

/// Readings of a turbine, half a second apart; with a fault the temperature is 20 °C higher.
fn send(api: &Api, turbine: Option<&str>, numbers: std::ops::Range<i64>, fault: bool) {
    let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let readings: Vec<Value> = numbers
        .map(|i| {
            let wobble = (i * 7 % 5) as f64 / 10.0;
            json!({
                "turbine_id": turbine,
                "timestamp": (start + SignedDuration::from_millis(500 * i)).to_string(),
                "temperature": 24.8 + wobble + if fault { 20.0 } else { 0.0 },
                "humidity": 59.0 + wobble,
                "sound_volume": 0.5 + wobble / 100.0,
            })
        })
        .collect();
    let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The fleet as a page keeps it in mind.
#[derive(Debug, PartialEq, Default)]
struct Page {
    turbines: BTreeMap<String, Value>,
    alarms: BTreeMap<String, Value>,
}

impl Page {
    /// What the service says when it is asked.
    fn asked(api: &Api) -> Self {
        let mut page = Page::default();
        page.take_turbines(&api.get("/turbines").json()["turbines"]);
        page.take_alarms(&api.get("/alarms?active=true").json()["alarms"]);
        page
    }

    fn take(&mut self, event: &StreamEvent) {
        match event.name.as_str() {
            "snapshot" => *self = Page::default(),
            "tick" => {}
            _ => return,
        }
        self.take_turbines(&event.data["turbines"]);
        self.take_alarms(&event.data["alarms"]);
    }

    fn take_turbines(&mut self, turbines: &Value) {
        for turbine in turbines.as_array().unwrap() {
            let mut turbine = turbine.clone();
            turbine.as_object_mut().unwrap().remove("alarms_today");
            self.turbines.insert(turbine["turbine_id"].to_string(), turbine);
        }
    }

    fn take_alarms(&mut self, alarms: &Value) {
        for alarm in alarms.as_array().unwrap() {
            let id = alarm["id"].as_str().unwrap().to_owned();
            match alarm["cleared"].is_null() {
                true => self.alarms.insert(id, alarm.clone()),
                false => self.alarms.remove(&id),
            };
        }
    }
}

#[test]
fn what_a_page_is_told_adds_up_to_what_the_service_says() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    send(&api, Some("WT-1"), 0..40, false);
    let mut events = EventReader::open(&api, "", "");
    let snapshot = events.next_event();
    assert_eq!(snapshot.name, "snapshot");
    let info = api.get("/model/info").json();
    assert_eq!(snapshot.data["features"], info["feature_names"]);
    assert_eq!(snapshot.data["model_version"], info["model_version"]);
    assert!(snapshot.data["alarm_threshold"].as_f64().unwrap() > 0.0, "{}", snapshot.data);
    assert!(snapshot.data["now"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{}", snapshot.data);
    assert_eq!(snapshot.data["turbines"][0]["alarms_today"], 0);
    let mut page = Page::default();
    page.take(&snapshot);
    assert_eq!(page, Page::asked(&api));

    // Raised, risen, cleared; another turbine, and readings of none. A tick may come between a reading and its alarm.
    let steps = [
        (Some("WT-1"), 40..60, true),
        (None, 0..3, false),
        (Some("WT-2"), 0..20, false),
        (Some("WT-1"), 60..120, false),
    ];
    let mut alarms = Vec::new();
    for (turbine, numbers, fault) in steps {
        send(&api, turbine, numbers, fault);
        let asked = Page::asked(&api);
        while page != asked {
            let tick = events.next_event();
            assert_eq!(tick.name, "tick");
            // The times of the readings are past: their turbines are silent as soon as it is looked for.
            for event in tick.data["events"].as_array().unwrap() {
                assert_eq!(event["kind"], "silent", "{event}");
            }
            alarms.extend(tick.data["alarms"].as_array().unwrap().iter().cloned());
            page.take(&tick);
        }
    }
    let ids: Vec<&Value> = alarms.iter().map(|alarm| &alarm["id"]).collect();
    assert!(ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]), "one alarm, raised and cleared: {ids:?}");
    assert_eq!(alarms[0]["why"][0]["feature"], "temperature");

    // Nothing happens: the heartbeat goes on, each a second later by the service's clock.
    let quiet = events.find(|tick| tick.data["turbines"] == json!([]) && tick.data["events"] == json!([]));
    let next = events.next_event();
    for tick in [&quiet, &next] {
        assert_eq!(
            (&tick.data["turbines"], &tick.data["alarms"], &tick.data["events"]),
            (&json!([]), &json!([]), &json!([]))
        );
    }
    let number = |event: &StreamEvent| event.id.split_once('-').unwrap().1.parse::<u64>().unwrap();
    assert_eq!(number(&next), number(&quiet) + 1);
}

#[test]
fn a_page_that_comes_back_gets_what_it_missed() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut events = EventReader::open(&api, "", "");
    let last = events.next_event();
    send(&api, Some("WT-1"), 0..3, false);
    let tick = events.find(|tick| tick.data["turbines"] != json!([]));
    for (query, header) in [
        (String::new(), format!("last-event-id: {}\r\n", last.id)),
        (format!("?last_event_id={}", last.id), String::new()),
    ] {
        let mut back = EventReader::open(&api, &query, &header);
        let missed = back.find(|event| event.name == "snapshot" || event.data["turbines"] != json!([]));
        assert_eq!(missed, tick, "{query}{header}");
    }
    for unknown in ["1-1", "nonsense", ""] {
        assert_eq!(
            EventReader::open(&api, &format!("?last_event_id={unknown}"), "").next_event().name,
            "snapshot",
            "{unknown}"
        );
    }
}

#[test]
fn the_readings_of_one_turbine_are_those_of_the_log() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    for (turbine, query) in [(Some("WT-1"), "?turbine=WT-1"), (None, "?turbine=-")] {
        let mut events = EventReader::open(&api, query, "");
        assert_eq!(events.next_event().name, "snapshot");
        send(&api, Some("WT-2"), 0..5, false);
        let rows_before = LogFile::read(&api.log()).rows.len();
        send(&api, turbine, 0..700, true);
        let told = events.find(|event| event.name == "readings");
        assert_eq!((&told.data["turbine_id"], told.data.get("of")), (&json!(turbine), None));
        assert_eq!(events.next_event().name, "tick", "readings come before their tick");
        let rows = &LogFile::read(&api.log()).rows[rows_before..];
        let readings = told.data["readings"].as_array().unwrap();
        assert_eq!(readings.len(), rows.len());
        for (reading, row) in readings.iter().zip(rows) {
            assert_eq!(reading["timestamp"], json!(row.timestamp));
            assert_eq!(reading["values"], json!(row.values));
            assert_eq!(
                (&reading["is_anomaly"], &reading["anomaly_score"]),
                (&json!(row.is_anomaly), &json!(row.anomaly_score))
            );
            assert!(reading["surprisal"].is_number() && reading["smoothed_surprisal"].is_number(), "{reading}");
        }
        assert!(readings.last().unwrap()["in_alarm"].as_bool().unwrap());
    }
    // Of more than 1,000 every second one.
    let mut events = EventReader::open(&api, "?turbine=WT-3", "");
    events.next_event();
    send(&api, Some("WT-3"), 0..1_500, false);
    let told = events.find(|event| event.name == "readings");
    assert_eq!((told.data["readings"].as_array().unwrap().len(), &told.data["of"]), (750, &json!(1_500)));
}

#[test]
fn streams_are_bounded_need_the_key_and_are_no_requests_in_flight() {
    let folder = folder_with_model();
    let args = ["--max-event-readers", "2", "--max-in-flight", "1", "--api-key", "secret-secret-secret"];
    let api = Api::start(folder.path(), &args);
    let key = "x-api-key: secret-secret-secret\r\n";
    let get = |path: &str| api.request("GET", path, &[("x-api-key", "secret-secret-secret")], "");
    assert_eq!(api.get("/events").status, 401);
    let mut open: Vec<EventReader> = (0..2).map(|_| EventReader::open(&api, "", key)).collect();
    let refused = get("/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json(), json!({"error": "too many event streams are open (limit 2); close one or retry later"}));
    let scored = api.request("POST", "/predict", &[("x-api-key", "secret-secret-secret")], NORMAL);
    assert_eq!(scored.status, 200, "{}", scored.body);
    open.iter_mut().for_each(|events| assert_eq!(events.next_event().name, "snapshot"));
    let figures =
        || api.request("GET", "/metrics", &[("x-api-key", "secret-secret-secret"), ("accept", "text/plain")], "").body;
    assert!(figures().contains(&format!("\n{READERS} 2\n")));
    open.pop();
    eventually("the service notices that a reader has gone", || figures().contains(&format!("\n{READERS} 1\n")));
    assert_eq!(EventReader::open(&api, "", key).next_event().name, "snapshot");
    for (query, named) in [("?turbine=no%20name", "turbine"), ("?turbine=", "turbine"), ("?colour=red", "colour")] {
        let answer = get(&format!("/events{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.json()["error"].as_str().unwrap().contains(named), "{query}: {}", answer.body);
    }
    let listed = &get("/openapi.json").json()["paths"]["/events"]["get"];
    assert!(["200", "400", "401", "503"].iter().all(|status| listed["responses"].get(status).is_some()), "{listed}");
}

#[test]
fn another_model_is_told_and_everything_with_it() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut events = EventReader::open(&api, "", "");
    let before = events.next_event().data["model_version"].clone();
    e2e::train_other_features(folder.path(), 2);
    let reloaded = api.post("/model/reload", "");
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    let version = reloaded.json()["model_version"].clone();
    assert_ne!(version, before);
    let tick = events.find(|tick| tick.data["events"] != json!([]));
    assert_eq!(tick.data["events"], json!([{"kind": "model", "model_version": version}]));
    let snapshot = events.next_event();
    assert_eq!((snapshot.name.as_str(), &snapshot.data["features"]), ("snapshot", &json!(["s0", "s1"])));
    assert_eq!(snapshot.data["model_version"], version);
}

#[test]
fn a_stream_outlives_the_timeouts_of_requests() {
    let folder = folder_with_model();
    let args = ["--header-timeout", "500ms", "--body-timeout", "500ms", "--request-timeout", "500ms"];
    let api = Api::start(folder.path(), &args);
    let mut events = EventReader::open(&api, "", "");
    assert_eq!(events.next_event().name, "snapshot");
    for _ in 0..4 {
        assert_eq!(events.next_event().name, "tick");
    }
}

#[test]
fn two_hundred_streams_end_with_the_service() {
    raise_file_limit();
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--drain-timeout", "1h"]);
    send(&api, Some("WT-1"), 0..10, false);
    let mut open: Vec<EventReader> = (0..200).map(|_| EventReader::open(&api, "?turbine=WT-1", "")).collect();
    open.iter_mut().for_each(|events| assert_eq!(events.next_event().name, "snapshot"));
    // One that reads nothing any more, and whose buffers are small.
    let mut stalled = EventReader::on(Raw::connect_from_afar(&api), "", "");
    assert_eq!(stalled.next_event().name, "snapshot");
    api.signal("TERM");
    for events in &mut open {
        while events.try_next().is_some() {}
    }
    assert_eq!(api.wait().code(), Some(0));
    drop(stalled);
}
