//! Live readings with gaps, `--missing carry`: answered and logged, over restarts, and without losing the fault.

#![allow(clippy::unwrap_used)]

use e2e::{Api, MODEL_PATH, assert_state_survives, folder_with_model, run};
use serde_json::{Value, json};

const CARRY: [&str; 2] = ["--missing", "carry"];

/// A machine of two sensors that move together, a reading a minute, no declared ranges.
fn folder_with_machine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..600)
        .map(|i| format!("2026-01-01T{:02}:{:02}:00Z,{},{}\n", i / 60, i % 60, i % 37, (i % 37) * 2 + i % 3))
        .collect();
    std::fs::write(folder.path().join("data.csv"), format!("time,load,heat\n{rows}")).unwrap();
    let features = ["--features", "load,heat"];
    let args = ["--data", "data.csv", "--timestamp", "time", "--model", MODEL_PATH, "--outputs", "pictures"];
    let trained = run("train", folder.path(), &[&args[..], &features].concat(), &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    folder
}

/// A reading of turbine T1 at that minute.
fn reading(minute: u32, load: Option<f64>, heat: Option<f64>) -> Value {
    let time = format!("2026-02-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
    json!({"turbine_id": "T1", "timestamp": time, "load": load, "heat": heat})
}

fn post(api: &Api, reading: &Value) -> Value {
    let answer = api.post("/predict", reading.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// The last two cells of each row, and the values.
fn logged(api: &Api) -> Vec<[String; 4]> {
    let cells = |row: &String| {
        let cells: Vec<&str> = row.split(',').collect();
        let n = cells.len();
        [cells[1], cells[2], cells[n - 2], cells[n - 1]].map(str::to_owned)
    };
    api.rows().iter().map(cells).collect()
}

fn turbine(api: &Api) -> Value {
    api.get("/turbines").json()["turbines"][0].clone()
}

#[test]
fn values_are_carried_for_ten_intervals_and_then_the_sensor_is_missing() {
    let folder = folder_with_machine();
    let api = Api::start(folder.path(), &CARRY);
    let complete = post(&api, &reading(0, Some(10.0), Some(21.0)));
    assert_eq!((complete.get("carried"), complete.get("missing")), (None, None));
    for minute in 1..=9 {
        let carried = post(&api, &reading(minute, Some(11.0), None));
        assert_eq!((&carried["carried"], carried.get("missing")), (&json!(["heat"]), None), "{minute}");
    }
    assert_eq!(turbine(&api)["missing"], json!([]));
    let missing = post(&api, &reading(10, Some(11.0), None));
    assert_eq!((missing.get("carried"), &missing["missing"]), (None, &json!(["heat"])));
    assert_eq!(turbine(&api)["missing"], json!(["heat"]));
    let figures = api.figures();
    let figure = |name: &str| figures[name];
    assert_eq!((figure("turbine_sensors_missing"), figure("turbine_sensors_missing_total")), (1.0, 1.0));
    assert_eq!(figure("turbine_values_carried_total"), 9.0);
    assert!(api.stderr().contains("sensor missing"), "{}", api.stderr());

    let rows = logged(&api);
    assert_eq!(rows[9], ["11.0", "21.0", "heat", ""]);
    let [_, heat, carried, absent] = &rows[10];
    assert_eq!((carried.as_str(), absent.as_str()), ("", "heat"));
    // Expected given a load of 11: twice as much and a little.
    assert!((heat.parse::<f64>().unwrap() - 23.0).abs() < 4.0, "{heat}");

    // The same reading again, gaps and all, is a duplicate; with a value it is another one.
    for minute in [5, 10] {
        let again = post(&api, &reading(minute, Some(11.0), None));
        assert_eq!(again["duplicate"], true, "{again}");
        let kind = if minute == 5 { "carried" } else { "missing" };
        assert_eq!(again[kind], json!(["heat"]));
    }
    assert_eq!(post(&api, &reading(5, Some(11.0), Some(21.0))).get("duplicate"), None);
    assert_eq!(logged(&api).len(), 12);

    // All of it is in the log: after a kill, and with a snapshot.
    let before = turbine(&api);
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &CARRY);
    assert_eq!(turbine(&api), before);
    assert_eq!(post(&api, &reading(10, Some(11.0), None))["duplicate"], true);
    let still = post(&api, &reading(11, Some(11.0), None));
    assert_eq!(still["missing"], json!(["heat"]));
    assert_eq!(api.figures()["turbine_sensors_missing_total"], 0.0, "it was missing before");
    let back = post(&api, &reading(12, Some(11.0), Some(23.0)));
    assert_eq!((back.get("missing"), &turbine(&api)["missing"]), (None, &json!([])));
    assert_state_survives(api, folder.path(), &CARRY);
}

#[test]
fn batches_and_lines_are_filled_in_their_order() {
    let folder = folder_with_machine();
    let api = Api::start(folder.path(), &CARRY);
    let readings = [
        reading(0, Some(10.0), Some(21.0)),
        reading(1, None, Some(22.0)),
        json!({"turbine_id": "T1", "timestamp": "2026-02-01T00:02:00Z", "load": 12.0}),
        json!({"turbine_id": "T1", "timestamp": "2026-02-01T00:03:00Z"}),
        reading(4, None, None),
    ];
    let refused = api.post("/predict/batch", json!({"readings": readings}).to_string());
    assert_eq!(refused.status, 400, "a reading that names no feature is none: {}", refused.body);
    assert_eq!(refused.json()["faults"][0]["index"], 3);
    let usable: Vec<&Value> = readings.iter().filter(|reading| reading.get("load").is_some()).collect();
    let batch = api.post("/predict/batch?explain=true", json!({"readings": usable}).to_string());
    let answers = batch.json()["predictions"].clone();
    let carried: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer["carried"]).collect();
    let expected = [json!(null), json!(["load"]), json!(["heat"]), json!(["load", "heat"])];
    assert_eq!(carried, expected.iter().collect::<Vec<_>>());
    let rows = logged(&api);
    assert_eq!((&rows[1][0], &rows[2][1], &rows[3][0]), (&"10.0".to_owned(), &"22.0".to_owned(), &"12.0".to_owned()));

    let lines: String = readings.iter().map(|reading| format!("{reading}\n")).collect();
    let answer = api.request("POST", "/predict/batch", &[("content-type", "application/x-ndjson")], lines);
    let answers: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(answers[3]["error"].as_str().unwrap().contains("load is missing"), "{}", answers[3]);
    for i in [0, 1, 2, 4] {
        assert_eq!(answers[i]["duplicate"], true, "{}", answers[i]);
    }
    // The interface says so too.
    let schema = api.get("/openapi.json").json()["components"]["schemas"]["Reading"].clone();
    assert_eq!((schema.get("required"), &schema["properties"]["load"]["type"]), (None, &json!(["number", "null"])));
}

#[test]
fn without_the_flag_a_gap_is_refused() {
    let folder = folder_with_machine();
    let api = Api::start(folder.path(), &[]);
    let answer = api.post("/predict", reading(0, Some(10.0), None).to_string());
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("heat is null")));
    assert!(api.rows().is_empty());
}

#[test]
fn an_implausible_value_is_scored_named_and_counted() {
    let folder = folder_with_machine();
    let api = Api::start(folder.path(), &[]);
    post(&api, &reading(0, Some(10.0), Some(21.0)));
    assert_eq!(turbine(&api)["implausible"], json!([]));
    // Training saw a load of 0 to 36.
    let answer = post(&api, &reading(1, Some(9_999.0), Some(21.0)));
    assert!(answer["anomaly_score"].is_number(), "{answer}");
    assert_eq!(turbine(&api)["implausible"], json!(["load"]));
    assert_eq!(api.figures()["turbine_values_implausible_total"], 1.0);
    post(&api, &reading(2, Some(390.0), Some(21.0)));
    assert_eq!(turbine(&api)["implausible"], json!([]), "10.8 ranges from 0, 9.8 outside");
    // The default turbine has declared ranges: far out is refused.
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.post("/predict", r#"{"temperature":9999,"humidity":60,"sound_volume":0.5}"#).status, 400);
}
