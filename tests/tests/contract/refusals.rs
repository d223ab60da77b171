//! Refusals: one JSON shape for every status.

use e2e::{Answered, Api, NORMAL, Raw, folder_with_model};
use serde_json::Value;

/// Checks status, content type and shape of a refusal; returns its message.
fn refused(answer: &Answered, status: u16, what: &str) -> String {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    assert!(answer.header("x-request-id").is_some(), "{what}");
    let body = answer.json();
    for key in body.as_object().unwrap().keys() {
        assert!(["error", "faults", "more_faults", "reason"].contains(&key.as_str()), "{what}: {body}");
    }
    assert_eq!(answer.header("retry-after").is_some(), status == 503, "{what}");
    let message = body["error"].as_str().unwrap();
    assert!(!message.is_empty(), "{what}");
    message.to_owned()
}

#[test]
fn a_fault_is_named_with_field_problem_and_value() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let answer = api.post("/predict", r#"{"temperature":"abc","sound_volume":0.5}"#);
    let message = refused(&answer, 400, "two faults");
    assert!(message.contains("temperature") && message.contains("humidity"), "{message}");
    let expected: Value = serde_json::from_str(
        r#"[{"field":"temperature","problem":"must be a number","value":"abc"},
            {"field":"humidity","problem":"is missing","value":null}]"#,
    )
    .unwrap();
    assert_eq!(answer.json()["faults"], expected);
}

#[test]
fn an_unknown_path_is_404() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    for path in [
        "/nowhere",
        "/page/nothing.js",
        "/predict/",
        "/predict/batch/more",
        "/Predict",
        "/docs/nothing.js",
        "/%00",
        "/health/",
    ] {
        let message = refused(&api.get(path), 404, path);
        assert!(message.contains(path), "{message}");
        refused(&api.post(path, NORMAL), if path.starts_with("/docs") { 405 } else { 404 }, path);
    }
}

#[test]
fn a_wrong_method_is_405_and_allow_names_the_right_ones() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let get = ["/health", "/health/live", "/health/ready", "/model/info", "/metrics", "/openapi.json", "/docs/"];
    for path in ["/predict", "/predict/batch"] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let answer = api.request(method, path, &[], "");
            refused(&answer, 405, path);
            assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
        }
    }
    for path in get {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = api.request(method, path, &[], "");
            refused(&answer, 405, path);
            let allow = answer.header("allow").unwrap_or_default();
            assert!(allow.split(", ").any(|method| method == "GET"), "{method} {path}: {allow}");
        }
        assert_eq!(api.request("HEAD", path, &[], "").status, 200, "HEAD {path}");
    }
    assert_eq!(api.request("HEAD", "/predict", &[], "").status, 405);
}

#[test]
fn an_unsupported_content_type_is_415() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    for path in ["/predict", "/predict/batch"] {
        for kind in ["application/xml", "multipart/form-data; boundary=x", "image/png", "nonsense", "text/csv"] {
            let message = refused(&api.request("POST", path, &[("content-type", kind)], NORMAL), 415, kind);
            assert!(message.contains(kind) && message.contains("application/json"), "{message}");
        }
    }
    assert_eq!(api.counters()["requests_4xx"], 10);
}

#[test]
fn a_body_is_accepted_up_to_the_limit_and_refused_above_it() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let padded = |bytes: usize| format!("{NORMAL}{}", " ".repeat(bytes - NORMAL.len()));
    assert_eq!(api.post("/predict", padded(1 << 20)).status, 200);
    for path in ["/predict", "/predict/batch"] {
        let message = refused(&api.post(path, padded((1 << 20) + 1)), 413, path);
        assert!(message.contains("1048576"), "{message}");
    }
    drop(api);

    let api = Api::start_with(folder.path(), &[], &[("MAX_BODY_BYTES", "2KiB")]);
    assert_eq!(api.post("/predict", padded(2_048)).status, 200);
    refused(&api.post("/predict", padded(2_049)), 413, "2 KiB");
}

#[test]
fn a_client_refused_before_its_body_is_sent_can_finish_sending_and_read_why() {
    let folder = folder_with_model();
    let api = Api::start_with(folder.path(), &[], &[("API_KEY", "a-key-long-enough-for-tests")]);
    let body = vec![b' '; 8 << 20];
    let head = |line: &str, length: &str| format!("{line} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n");
    let key = "x-api-key: a-key-long-enough-for-tests\r\n";
    let length = format!("content-length: {}\r\n", body.len());
    let cases = [
        (413, head("POST /predict", &format!("{key}{length}"))),
        (413, head("POST /predict/batch", &format!("{key}{length}"))),
        (415, head("POST /predict", &format!("{key}{length}content-type: image/png\r\n"))),
        (404, head("POST /nowhere", &format!("{key}{length}"))),
        (405, head("PUT /predict", &format!("{key}{length}"))),
        (401, head("POST /predict", &length)),
    ];
    for (status, head) in cases {
        let mut raw = Raw::with(&api, &head);
        refused(&raw.answer(), status, &head);
        raw.send(&body);
        raw.send(head_of_a_good_request(key));
        assert_eq!(raw.answer().status, 200, "after {head}");
    }
}

fn head_of_a_good_request(key: &str) -> String {
    let length = NORMAL.len();
    format!("POST /predict HTTP/1.1\r\nhost: localhost\r\n{key}content-length: {length}\r\n\r\n{NORMAL}")
}

#[test]
fn expect_continue_with_too_large_a_body_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let head = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\nexpect: 100-continue\r\n\r\n";
    let mut raw = Raw::with(&api, head);
    refused(&raw.answer(), 413, "instead of 100");
    raw.wait_for_end();
}

#[test]
fn expect_continue_is_answered_with_100() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    for (path, kind) in [("/predict", "application/json"), ("/predict/batch", "application/x-ndjson")] {
        let length = NORMAL.len();
        let head = format!("content-type: {kind}\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n");
        let mut raw = Raw::with(&api, format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{head}\r\n"));
        assert_eq!(raw.answer().status, 100, "{path}");
        raw.send(NORMAL);
        assert_eq!(raw.answer().status, 200, "{path}");
    }
}

#[test]
fn nothing_refused_is_logged_or_counted_as_a_prediction() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.post("/predict", "{}").status, 400);
    assert_eq!(api.post("/predict/batch", "{}").status, 400);
    assert_eq!(api.request("POST", "/predict", &[("content-type", "image/png")], NORMAL).status, 415);
    assert_eq!(api.post("/predict", " ".repeat(2 << 20)).status, 413);
    assert_eq!(api.rows().len(), 0);
    let counters = api.counters();
    assert_eq!((&counters["predictions_total"], &counters["requests_4xx"]), (&0.into(), &4.into()));
    assert_eq!(counters["requests_total"], 4);
    assert_eq!(api.figures()["turbine_anomaly_score_count"], 0.0);
}
