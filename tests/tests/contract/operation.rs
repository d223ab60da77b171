//! For operators: counters, log lines, the OpenAPI description.

use e2e::{ANOMALY, Api, NORMAL, folder_with_model};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

#[test]
fn counters_count_scoring_requests_only() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let zero = json!({"requests_total":0,"requests_4xx":0,"requests_5xx":0,"predictions_total":0,"avg_latency_ms":0.0});
    assert_eq!(api.counters(), zero);
    for path in ["/health", "/health/ready", "/model/info", "/metrics", "/openapi.json", "/docs/", "/nowhere"] {
        api.get(path);
    }
    assert_eq!(api.counters(), zero);

    // Accepted: 3 + 1 + 1 requests with 3 + 4 + 2 predictions. Refused: 3 requests.
    (0..3).for_each(|_| assert_eq!(api.post("/predict", NORMAL).status, 200));
    let batch = format!("{{\"readings\":[{}]}}", [NORMAL; 4].join(","));
    assert_eq!(api.post("/predict/batch", batch).status, 200);
    let ndjson = format!("{NORMAL}\nnonsense\n{ANOMALY}\n");
    assert_eq!(api.request("POST", "/predict/batch", NDJSON, ndjson).status, 200);
    assert_eq!(api.post("/predict", "nonsense").status, 400);
    assert_eq!(api.post("/predict/batch", format!("{{\"readings\":[{NORMAL},7]}}")).status, 400);
    assert_eq!(api.request("POST", "/predict", &[("content-type", "text/csv")], NORMAL).status, 415);
    let counters = api.counters();
    let latency = counters["avg_latency_ms"].as_f64().unwrap();
    assert!(latency > 0.0 && latency.is_finite());
    let expected = json!({
        "requests_total": 8, "requests_4xx": 3, "requests_5xx": 0, "predictions_total": 9, "avg_latency_ms": latency,
    });
    assert_eq!(counters, expected);

    let figures = api.figures();
    let requests = |route: &str, status: u16| {
        figures[&format!("turbine_http_requests_total{{route=\"{route}\",status=\"{status}\"}}")]
    };
    assert_eq!([requests("/predict", 200), requests("/predict", 400), requests("/predict", 415)], [3.0, 1.0, 1.0]);
    assert_eq!([requests("/predict/batch", 200), requests("/predict/batch", 400)], [2.0, 1.0]);
    assert_eq!(figures["turbine_http_request_duration_seconds_count{route=\"/predict\"}"], 5.0);
    assert_eq!((figures["turbine_anomaly_score_count"], figures["turbine_log_rows_total"]), (9.0, 9.0));
    assert_eq!(figures["turbine_log_bytes_total"], rows_bytes(&api));
    assert_eq!(figures["turbine_anomalies_total{turbine=\"\"}"], 1.0);
    assert_eq!((figures["turbine_model_loaded"], figures["turbine_log_failures_total"]), (1.0, 0.0));
}

/// The bytes of the prediction log without its header.
fn rows_bytes(api: &Api) -> f64 {
    let text = std::fs::read_to_string(api.log()).unwrap();
    (text.len() - text.find('\n').unwrap() - 1) as f64
}

#[test]
fn prometheus_gets_text_and_other_clients_json() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    api.post("/predict", NORMAL);
    let asked = |accept: &str| api.request("GET", "/metrics", &[("accept", accept)], "");
    for json in ["*/*", "application/json", "application/json, text/plain, */*"] {
        assert_eq!(asked(json).header("content-type"), Some("application/json"), "{json}");
    }
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for text in [prometheus, "text/plain", "text/plain;version=0.0.4"] {
        let answer = asked(text);
        assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{text}");
        // Every sample belongs to a family with HELP and TYPE.
        let types: BTreeSet<&str> =
            answer.body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(types.contains(family) || types.contains(name), "{line}");
            assert!(answer.body.contains(&format!("# HELP {family} ")) || types.contains(name), "{line}");
        }
        for family in [
            "turbine_http_requests_total",
            "turbine_http_request_duration_seconds",
            "turbine_predictions_total",
            "turbine_anomalies_total",
            "turbine_anomaly_score",
            "turbine_model_info",
            "turbine_log_rows_total",
            "turbine_log_bytes_total",
            "turbine_log_queue_rows",
            "turbine_log_failures_total",
            "turbine_log_sync_duration_seconds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
        ] {
            assert!(types.contains(family), "there is no {family}");
        }
    }
}

#[test]
fn the_number_of_turbines_with_a_label_is_bounded() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let body: String = (0..20_000)
        .map(|i| format!("{{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"turbine_id\":\"T{i}\"}}\n"))
        .collect();
    assert_eq!(api.request("POST", "/predict/batch", NDJSON, body).status, 200);
    let figures = api.figures();
    let turbines: Vec<f64> = figures
        .iter()
        .filter(|(name, _)| name.starts_with("turbine_predictions_total{"))
        .map(|(_, &predictions)| predictions)
        .collect();
    // 100 turbines with a label of their own, one label for all others, one for readings without a turbine.
    assert_eq!(turbines.len(), 102);
    assert_eq!(turbines.iter().sum::<f64>(), 20_000.0, "turbines without a label are counted together");
}

#[test]
fn log_format_selects_json_or_text() {
    let folder = folder_with_model();
    for (format, is_json) in [("json", true), ("auto", true), ("text", false)] {
        let api = Api::start_with(folder.path(), &[], &[("LOG_FORMAT", format)]);
        let version = api.get("/model/info").json()["model_version"].as_str().unwrap().to_owned();
        let stderr = api.stderr();
        assert!(stderr.contains("loaded the model") && stderr.contains(&version), "{stderr}");
        for line in stderr.lines() {
            let parsed = serde_json::from_str::<Value>(line);
            assert_eq!(parsed.is_ok(), is_json, "{format}: {line}");
            assert!(!line.contains('\u{1b}'), "{format}: colours in a file: {line}");
        }
        assert!(api.terminate().success());
    }
}

#[test]
fn best_effort_answers_without_the_log_and_counts_unlogged_readings() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--log-policy", "best-effort"]);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    // The log's folder becomes a file, so that the log cannot be created again.
    let outputs = folder.path().join("outputs");
    std::fs::remove_dir_all(&outputs).unwrap();
    std::fs::write(&outputs, "").unwrap();
    for _ in 0..5 {
        let answer = api.post("/predict", NORMAL);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let figures = api.figures();
    assert_eq!((figures["turbine_log_unlogged_total"], figures["turbine_log_rows_total"]), (5.0, 1.0));
    assert_eq!(api.counters()["predictions_total"], 6);
    let health = api.get("/health").json();
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(health["reasons"][0].as_str().unwrap().contains("outputs"), "{health}");
    assert_eq!(api.get("/health/ready").status, 503);

    std::fs::remove_file(&outputs).unwrap();
    e2e::eventually("the log is whole again", || api.get("/health").json()["status"] == "healthy");
    assert_eq!(api.post("/predict", ANOMALY).status, 200);
    assert_eq!(api.rows().len(), 1);
}

#[test]
fn openapi_describes_the_interface_and_the_page_works_offline() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let description = api.get("/openapi.json").json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = description["paths"].as_object().unwrap();
    let named: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let expected =
        ["/predict", "/predict/batch", "/health", "/health/live", "/health/ready", "/model/info", "/metrics"];
    let missing: Vec<&&str> = expected.iter().filter(|path| !named.contains(**path)).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    for status in ["200", "400", "408", "413", "415", "500", "503"] {
        assert!(paths["/predict"]["post"]["responses"].get(status).is_some(), "{status}");
    }
    let temperature = &description["components"]["schemas"]["Reading"]["properties"]["temperature"];
    let ends = ["minimum", "maximum"].map(|end| temperature[end].as_f64());
    assert_eq!(ends, [Some(-50.0), Some(120.0)], "{temperature}");

    // Clients can be generated: every reference resolves, and open endpoints ask for no key.
    let text = description.to_string();
    let references = text.split("\"$ref\":\"#/components/schemas/").skip(1);
    let named: BTreeSet<&str> = references.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(named.contains("Refusal"), "{named:?}");
    for name in named {
        assert!(description["components"]["schemas"].get(name).is_some(), "there is no schema {name}");
    }
    assert!(paths["/health"]["get"]["responses"].get("401").is_none());

    // The page loads files of this service only.
    let page = api.get("/docs/");
    assert_eq!(page.status, 200);
    let links: Vec<&str> =
        page.body.split(['"', '\'']).filter(|text| text.starts_with("./") || text.contains(".css")).collect();
    assert!(links.len() >= 4, "{links:?}");
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "{}", page.body);
    for link in links {
        let file = api.get(&format!("/docs/{}", link.trim_start_matches("./")));
        assert_eq!((file.status, file.body.is_empty()), (200, false), "{link}");
    }
    assert!(api.get("/docs/swagger-initializer.js").body.contains("\"/openapi.json\""));
}
