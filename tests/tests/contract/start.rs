//! How the service starts: its model, its addresses, its log.

use e2e::{ANOMALY, Api, LogFile, NORMAL, folder_with_model, run};
use std::net::TcpListener;
use std::path::Path;

const MODEL: &str = "models/turbine_iforest.json";

#[test]
fn the_first_start_trains_and_the_second_loads_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(folder.path(), &[]);
    let first = api.get("/model/info").json();
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    assert!(api.terminate().success());
    let saved = std::fs::read(folder.path().join(MODEL)).unwrap();

    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.get("/model/info").json(), first);
    assert!(api.terminate().success());
    assert_eq!(std::fs::read(folder.path().join(MODEL)).unwrap(), saved);

    // `train` makes the same model.
    let trained = run("train", folder.path(), &["--model", "trained.json", "--outputs", "pictures"], &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    assert!(std::fs::read(folder.path().join("trained.json")).unwrap() == saved, "train makes another model");
}

#[test]
fn variables_and_flags_set_the_paths_of_model_and_outputs() {
    let folder = folder_with_model();
    std::fs::rename(folder.path().join(MODEL), folder.path().join("other.json")).unwrap();
    let env = [("MODEL_PATH", "other.json"), ("OUTPUTS_DIR", "a/b"), ("API_HOST", "127.0.0.2")];
    let api = Api::start_with(folder.path(), &[], &env);
    assert!(api.address().starts_with("127.0.0.2:"), "{}", api.address());
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    assert_eq!(LogFile::read(&folder.path().join("a/b/predictions_log.csv")).rows.len(), 1);
    assert!(!folder.path().join(MODEL).exists() && !folder.path().join("outputs").exists());
    drop(api);

    // A flag overrides its variable.
    let args = ["--model", "other.json", "--outputs", "c", "--host", "127.0.0.1"];
    let api = Api::start_with(folder.path(), &args, &[("MODEL_PATH", "none"), ("OUTPUTS_DIR", "d"), ("API_HOST", "x")]);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    assert!(folder.path().join("c/predictions_log.csv").exists());
    assert!(!folder.path().join("none").exists() && !folder.path().join("d").exists());
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let folder = folder_with_model();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let ended = run("api", folder.path(), &[], &[("API_PORT", &port)]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[test]
fn a_second_service_on_the_same_log_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let second = run("api", folder.path(), &["--port", "0"], &[]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""));
    assert!(second.stderr.contains("in use by process"), "{}", second.stderr);
    assert!(second.stderr.contains(&api.id().to_string()), "{}", second.stderr);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    assert_eq!(LogFile::read(&api.log()).rows.len(), 1);

    // A killed service leaves no lock.
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    assert_eq!(LogFile::read(&api.log()).rows.len(), 2);
}

/// Files that are not usable models, by name.
fn unusable_models(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = std::str::from_utf8(good).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    vec![
        ("empty", Vec::new()),
        ("garbage", b"\x80\x04\x95pickle".to_vec()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("foreign", br#"{"model_type":"IsolationForest","trees":[]}"#.to_vec()),
        ("newer", edited("\"format_version\":2", "\"format_version\":3")),
        ("edited threshold", edited("\"threshold\":0.", "\"threshold\":1.")),
        ("edited mean", edited("\"scaler\":{\"mean\":[2", "\"scaler\":{\"mean\":[3")),
    ]
}

#[test]
fn an_unusable_model_degrades_the_service_and_its_file_is_not_changed() {
    let folder = folder_with_model();
    let path = folder.path().join(MODEL);
    let good = std::fs::read(&path).unwrap();
    for (name, bytes) in unusable_models(&good) {
        std::fs::write(&path, &bytes).unwrap();
        let api = Api::start(folder.path(), &[]);
        let health = api.get("/health");
        assert_eq!(health.status, 200, "{name}");
        let health = health.json();
        assert_eq!((&health["status"], &health["model_loaded"]), (&"degraded".into(), &false.into()), "{name}");
        let reason = health["reasons"][0].as_str().unwrap();
        assert!(reason.contains(MODEL), "{name}: {reason}");
        assert_eq!(api.get("/health/ready").status, 503, "{name}");
        assert_eq!(api.get("/health/live").status, 200, "{name}");
        for (path, body) in [("/predict", NORMAL), ("/predict", "nonsense"), ("/predict/batch", "{\"readings\":[]}")] {
            let answer = api.post(path, body);
            assert_eq!((answer.status, &answer.json()["error"]), (503, &"model not loaded".into()), "{name}");
            assert!(answer.header("retry-after").is_some(), "{name}");
        }
        let ndjson = api.request("POST", "/predict/batch", &[("content-type", "application/x-ndjson")], NORMAL);
        assert_eq!((ndjson.status, &ndjson.json()["error"]), (503, &"model not loaded".into()), "{name}");
        assert_eq!(api.get("/model/info").status, 503, "{name}");
        assert_eq!(api.counters()["predictions_total"], 0, "{name}");
        assert_eq!(api.counters()["requests_5xx"], 4, "{name}");
        assert_eq!(run("api", folder.path(), &["health", "--port", &port(&api)], &[]).code, Some(1), "{name}");
        assert!(api.terminate().success(), "{name}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}: the file was changed");
    }
}

#[test]
fn a_log_with_other_columns_is_set_aside() {
    let old_logs = [
        "timestamp,a,b,is_anomaly,anomaly_score,turbine_id,model_version\n2026-01-01T00:00:00Z,1,2,0,0.4,,x\n",
        "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score\n2026-01-01T00:00:00Z,1,2,3,0,0.4\n",
        "something else\n",
    ];
    let folder = folder_with_model();
    let outputs = folder.path().join("outputs");
    std::fs::create_dir(&outputs).unwrap();
    for (i, old) in old_logs.iter().enumerate() {
        std::fs::write(outputs.join("predictions_log.csv"), old).unwrap();
        let api = Api::start(folder.path(), &[]);
        assert_eq!(api.post("/predict", ANOMALY).status, 200);
        assert_eq!(LogFile::read(&api.log()).rows.len(), 1);
        assert!(api.terminate().success());
        assert_eq!(files_like(&outputs, old), 1, "log {i} is not set aside unchanged");
    }
}

/// Number of files of the folder with exactly this content.
fn files_like(folder: &Path, text: &str) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.filter(|bytes| bytes == text.as_bytes()).count()
}

#[test]
fn an_existing_log_is_continued_without_a_second_header() {
    let folder = folder_with_model();
    for rows in 1..=3 {
        let api = Api::start(folder.path(), &[]);
        assert_eq!(api.post("/predict", NORMAL).status, 200);
        assert!(api.terminate().success());
        let log = LogFile::read(&folder.path().join("outputs/predictions_log.csv"));
        assert_eq!(log.rows.len(), rows);
    }
}

#[test]
fn the_health_command_reports_by_its_exit_code() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let health = |port: &str| run("api", folder.path(), &["health"], &[("API_PORT", port)]);
    let asked = health(&port(&api));
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    assert!(asked.stdout.contains("healthy"), "{}", asked.stdout);
    let free = port(&api);
    assert!(api.terminate().success());
    let asked = health(&free);
    assert_eq!(asked.code, Some(1));
    assert!(asked.stderr.contains(&free), "{}", asked.stderr);
}

fn port(api: &Api) -> String {
    api.address().rsplit(':').next().unwrap().to_owned()
}

#[test]
fn a_model_that_is_named_must_exist() {
    let folder = folder_with_model();
    std::fs::copy(folder.path().join(MODEL), folder.path().join("models/mine.json")).unwrap();
    for (args, env) in [(&["--model", "models/mnie.json"][..], &[][..]), (&[], &[("MODEL_PATH", "models/mnie.json")])] {
        let ended = run("api", folder.path(), args, env);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
        let expected = "there is no model file models/mnie.json (--model/MODEL_PATH) in models, which holds mine.json, \
                        turbine_iforest.json; correct the path, train the model with `train --data FILE --model \
                        models/mnie.json`, or leave --model out";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    assert!(!folder.path().join("models/mnie.json").exists());
}

#[test]
fn a_service_that_others_can_reach_without_a_key_says_so() {
    let folder = folder_with_model();
    let warns = |args: &[&str]| {
        let api = Api::start(folder.path(), args);
        assert_eq!(api.post("/predict", NORMAL).status, if args.contains(&"--api-key") { 401 } else { 200 });
        let warnings = api.stderr().matches("can send readings and reload the model: set --api-key").count();
        assert_eq!(api.terminate().code(), Some(0));
        warnings
    };
    assert_eq!(warns(&["--host", "0.0.0.0"]), 1);
    assert_eq!(warns(&["--host", "0.0.0.0", "--api-key", "k"]), 0);
    assert_eq!(warns(&["--host", "127.0.0.2"]), 0);
}
