//! Answers to valid requests, and their rows in the log.

use e2e::{ANOMALY, Api, LogFile, NORMAL, folder_with_model};
use serde_json::{Value, json};

const FORM: &str = "temperature=25.1&humidity=60.2&sound_volume=0.51";

#[test]
fn a_reading_is_scored_answered_and_logged() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let before = jiff::Timestamp::now();
    let (normal, anomaly) = (api.post("/predict", NORMAL), api.post("/predict", ANOMALY));
    let after = jiff::Timestamp::now();
    for (answer, expected) in [(&normal, false), (&anomaly, true)] {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let answer = answer.json();
        assert_eq!(answer["is_anomaly"], expected, "{answer}");
        let (score, threshold) = (answer["anomaly_score"].as_f64().unwrap(), answer["threshold"].as_f64().unwrap());
        assert!(score > 0.0 && score <= 1.0);
        assert_eq!(score > threshold, expected, "{answer}");
        let timestamp = answer["timestamp"].as_str().unwrap();
        let time: jiff::Timestamp = timestamp.parse().unwrap();
        // The time is truncated to microseconds.
        assert!(timestamp.ends_with('Z') && time.as_microsecond() >= before.as_microsecond() && time <= after);
        assert_eq!(answer.get("turbine_id"), None, "the reading names no turbine");
    }

    let text = std::fs::read_to_string(api.log()).unwrap();
    let header = text.lines().next().unwrap();
    assert!(header.starts_with("timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score"), "{header}");
    let log = LogFile::read(&api.log());
    let further = ["turbine_id", "model_version", "surprisal", "smoothed_surprisal", "in_alarm", "carried", "missing"];
    assert_eq!(log.header[6..], further);
    for (row, (answer, values)) in
        log.rows.iter().zip([(normal.json(), [25.1, 60.2, 0.51]), (anomaly.json(), [45.1, 90.2, 1.51])])
    {
        assert_eq!(row.values, values);
        assert_eq!(answer["timestamp"], row.timestamp);
        assert_eq!(answer["is_anomaly"], row.is_anomaly);
        assert_eq!(answer["anomaly_score"], row.anomaly_score);
        assert_eq!(answer["model_version"], row.model_version);
        assert_eq!(row.turbine_id, "");
    }
    assert_eq!(log.rows.len(), 2);
}

#[test]
fn event_time_and_turbine_are_in_the_answer_and_in_the_log() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let cases = [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", "WT-01"),
        ("2026-01-31T13:30:00.25+01:30", "2026-01-31T12:00:00.25Z", "a"),
        ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z", "0._-"),
    ];
    for (i, (sent, utc, turbine)) in cases.into_iter().enumerate() {
        let body = json!({"temperature": 25.1, "humidity": 60.2, "sound_volume": 0.51, "timestamp": sent, "turbine_id": turbine});
        let answer = api.post("/predict", body.to_string()).json();
        assert_eq!((&answer["timestamp"], &answer["turbine_id"]), (&utc.into(), &turbine.into()));
        let row = LogFile::read(&api.log()).rows.remove(i);
        assert_eq!((row.timestamp.as_str(), row.turbine_id.as_str()), (utc, turbine));
    }
}

#[test]
fn a_body_is_read_as_json_without_a_content_type_or_as_a_form() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let expected = api.post("/predict", NORMAL).json()["anomaly_score"].clone();
    let form = "application/x-www-form-urlencoded";
    let requests: [(&str, &str); 9] = [
        ("", NORMAL),
        ("application/json; charset=utf-8", NORMAL),
        ("APPLICATION/JSON", NORMAL),
        ("text/plain", NORMAL),
        // `curl -d` labels JSON as a form.
        (form, NORMAL),
        (form, FORM),
        (form, "sound_volume=0.51&more=x%20y&temperature=25.1&humidity=60.2"),
        (
            "application/json",
            "\r\n\t {\"sound_volume\":5.1e-1,\"unknown\":{\"a\":[null]},\"humidity\":60.20,\"temperature\":25.1} \n",
        ),
        ("application/json", r#"{"temperature":1,"humidity":60.2,"sound_volume":0.51,"temper\u0061ture":25.1}"#),
    ];
    for (content_type, body) in requests {
        let headers: &[(&str, &str)] = if content_type.is_empty() { &[] } else { &[("content-type", content_type)] };
        let answer = api.request("POST", "/predict", headers, body);
        assert_eq!(answer.status, 200, "{content_type}: {body}: {}", answer.body);
        assert_eq!(answer.json()["anomaly_score"], expected, "{content_type}: {body}");
    }
    assert_eq!(LogFile::read(&api.log()).rows.len(), 1 + requests.len());
}

#[test]
fn ranges_include_their_ends() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    for body in [
        r#"{"temperature":-50,"humidity":0,"sound_volume":0}"#,
        r#"{"temperature":120,"humidity":100,"sound_volume":200}"#,
        r#"{"temperature":-0.0,"humidity":1e-320,"sound_volume":2e2}"#,
    ] {
        assert_eq!(api.post("/predict", body).status, 200, "{body}");
    }
}

#[test]
fn health_and_model_info_have_the_keys_of_the_contract() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let health = api.get("/health");
    assert_eq!((health.status, health.header("content-type")), (200, Some("application/json")));
    let health = health.json();
    assert_eq!((&health["status"], &health["model_loaded"]), (&"healthy".into(), &true.into()));
    assert!(health["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }

    let info = api.get("/model/info").json();
    let expected = json!({
        "model_type": "IsolationForest",
        "feature_names": ["temperature", "humidity", "sound_volume"],
        "contamination": 0.05,
        "n_estimators": 100,
        "random_state": 42,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&info[key], value, "{key}");
    }
    let ranges: Vec<&Value> = info["features"].as_array().unwrap().iter().map(|feature| &feature["range"]).collect();
    assert_eq!(json!(ranges), json!([{"min":-50.0,"max":120.0}, {"min":0.0,"max":100.0}, {"min":0.0,"max":200.0}]));
    let answer = api.post("/predict", NORMAL).json();
    assert_eq!((&info["model_version"], &info["threshold"]), (&answer["model_version"], &answer["threshold"]));
}

#[test]
fn a_request_id_is_taken_over_or_generated() {
    let folder = folder_with_model();
    let api = Api::start_with(folder.path(), &[], &[("RUST_LOG", "debug")]);
    let given = api.request("POST", "/predict", &[("x-request-id", "turbine-7:42")], "nonsense");
    assert_eq!((given.status, given.header("x-request-id")), (400, Some("turbine-7:42")));
    let ours: Vec<String> = (0..3).map(|_| api.get("/nowhere").header("x-request-id").unwrap().to_owned()).collect();
    assert!(ours[0] != ours[1] && ours[1] != ours[2] && ours[0] != ours[2], "{ours:?}");
    // An id that would break a log line is replaced.
    let hostile = api.request("GET", "/health", &[("x-request-id", "a\"} {\"level\":\"ERROR")], "");
    assert!(!hostile.header("x-request-id").unwrap().contains('"'));
    let log = api.stderr();
    for id in ["turbine-7:42", &ours[0]] {
        assert!(log.lines().any(|line| line.contains(id)), "{id} is in no log line:\n{log}");
    }
}
