//! The life of a model: listed, compared as a shadow, promoted, rolled back by request and by rule, and trained anew from
//! the log.
//!
//! `LIFECYCLE_KILLS` sets how often the service is killed while models are promoted and rolled back, 20 if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{
    Api, Ledger, LogFile, MODEL_PATH, NORMAL, Told, eventually, folder_with_model, load, model_file, run,
    train_other_features,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use turbine_core::model::Model;

const PREVIOUS: &str = "models/turbine_iforest.previous.json";
const ROLLED_BACK: &str = "models/turbine_iforest.rolled-back.json";

fn version(api: &Api) -> String {
    api.get("/model/info").json()["model_version"].as_str().unwrap().to_owned()
}

fn version_of(folder: &Path, file: &str) -> String {
    Model::load(&folder.join(file)).unwrap().version().to_string()
}

/// A folder with the default model and `models/candidate.json`, another one.
fn folder_with_candidate() -> tempfile::TempDir {
    let folder = folder_with_model();
    std::fs::write(folder.path().join("models/candidate.json"), model_file(43)).unwrap();
    folder
}

/// A model of the default features to which normal readings are strange and which raises alarms, since it was trained on a
/// fault.
fn worse_model(folder: &Path) {
    let mut csv = "time,temperature,humidity,sound_volume\n".to_owned();
    for i in 0..600 {
        let noise = f64::from(i * 7919 % 1000) / 1000.0;
        let (hour, minute) = (i / 60, i % 60);
        csv += &format!(
            "2026-01-01T{hour:02}:{minute:02}:00Z,{:.3},{:.3},{:.3}\n",
            44.0 + 3.0 * noise,
            88.0 + 4.0 * noise,
            1.4 + 0.3 * noise
        );
    }
    std::fs::write(folder.join("fault.csv"), csv).unwrap();
    let args = ["--data", "fault.csv", "--model", "models/worse.json", "--outputs", "pictures", "--detector", "forest"];
    let trained = run("train", folder, &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
}

fn models(api: &Api) -> Value {
    let answer = api.get("/models");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn states(api: &Api) -> Vec<(String, String)> {
    let models = models(api);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    models["models"].as_array().unwrap().iter().map(|model| (text(&model["file"]), text(&model["state"]))).collect()
}

fn state_of(api: &Api, file: &str) -> String {
    states(api).into_iter().find(|(name, _)| name == file).map_or_else(String::new, |(_, state)| state)
}

/// Asserts the status, and returns the error.
fn refused(api: &Api, path: &str, body: &str, status: u16) -> String {
    let answer = api.post(path, body);
    assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    answer.json()["error"].as_str().unwrap().to_owned()
}

fn done(api: &Api, path: &str, body: &str) -> Value {
    let answer = api.post(path, body);
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    answer.json()
}

#[test]
fn models_are_listed_compared_promoted_and_rolled_back() {
    let folder = folder_with_candidate();
    std::fs::write(folder.path().join("models/damaged.json"), "garbage").unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("models")).unwrap();
    train_other_features(other.path(), 2);
    std::fs::copy(other.path().join(MODEL_PATH), folder.path().join("models/other.json")).unwrap();
    let [first, second] = [MODEL_PATH, "models/candidate.json"].map(|file| version_of(folder.path(), file));

    let api = Api::start(folder.path(), &[]);
    let pair = |file: &str, state: &str| (file.to_owned(), state.to_owned());
    assert_eq!(
        states(&api),
        [
            pair("candidate.json", "available"),
            pair("damaged.json", "unusable"),
            pair("other.json", "other_features"),
            pair("turbine_iforest.json", "in_service")
        ]
    );
    let listed = models(&api);
    assert_eq!(
        (&listed["in_service"], &listed["shadow"], &listed["trial"]),
        (&json!(first), &Value::Null, &Value::Null)
    );
    assert!(listed["models"][1]["problem"].as_str().unwrap().contains("not whole JSON"), "{listed}");
    assert_eq!(listed["models"][0]["model_version"], json!(second));
    assert_eq!(listed["models"][0]["feature_names"], json!(["temperature", "humidity", "sound_volume"]));
    assert_eq!(listed["golden"]["proved"], json!(true));

    // What cannot be done is refused in words, and nothing changes.
    assert!(refused(&api, "/model/promote", "", 409).contains("no shadow to promote"));
    assert!(refused(&api, "/model/rollback", "", 409).contains(PREVIOUS));
    for bad in ["../candidate.json", "/etc/passwd", "models/candidate.json", "candidate"] {
        let body = json!({ "file": bad }).to_string();
        for path in ["/model/promote", "/model/shadow"] {
            assert!(refused(&api, path, &body, 400).contains(&format!("{bad:?}")));
        }
    }
    for bad in ["[]", "{\"file\": 1}", "{\"file\": \"candidate.json\", \"x\": 1}", "{"] {
        assert!(refused(&api, "/model/promote", bad, 400).contains("NAME.json"));
    }
    assert!(refused(&api, "/model/shadow", "", 400).contains("NAME.json"));
    assert!(refused(&api, "/model/promote", r#"{"file": "damaged.json"}"#, 422).contains("models/damaged.json"));
    assert!(refused(&api, "/model/promote", r#"{"file": "missing.json"}"#, 422).contains("no such file"));
    let error = refused(&api, "/model/shadow", r#"{"file": "other.json"}"#, 422);
    assert!(error.contains("reads s0, s1") && error.contains("temperature, humidity"), "{error}");
    assert!(refused(&api, "/model/shadow", r#"{"file": "turbine_iforest.json"}"#, 409).contains("in service already"));
    assert_eq!((version(&api), version_of(folder.path(), MODEL_PATH)), (first.clone(), first.clone()));
    assert_eq!(api.get("/health").json()["status"], "healthy");

    // A shadow scores the same readings, and answers none.
    let shadow = done(&api, "/model/shadow", r#"{"file": "candidate.json"}"#);
    assert_eq!(
        (&shadow["model_version"], &shadow["against"], &shadow["role"]),
        (&json!(second), &json!(first), &json!("candidate"))
    );
    for _ in 0..50 {
        assert_eq!(api.post("/predict", NORMAL).json()["model_version"], json!(first));
    }
    eventually("the shadow has scored them", || models(&api)["shadow"]["readings"] == 50);
    assert_eq!(state_of(&api, "candidate.json"), "shadow");
    let figures = api.figures();
    assert_eq!(figures["turbine_shadow_readings_total"], 50.0);
    assert_eq!(figures[&format!("turbine_shadow_info{{model_version=\"{second}\"}}")], 1.0);
    assert!(models(&api)["shadow"]["mean_score_difference"].is_number());

    // Without a file, the shadow is promoted; the model before is kept.
    let promoted = done(&api, "/model/promote", "");
    assert_eq!(promoted, json!({"model_version": second, "previous_version": first, "changed": true}));
    assert_eq!((version(&api), &models(&api)["shadow"]), (second.clone(), &Value::Null));
    assert_eq!([MODEL_PATH, PREVIOUS].map(|file| version_of(folder.path(), file)), [second.clone(), first.clone()]);
    assert_eq!(state_of(&api, "turbine_iforest.previous.json"), "previous");
    assert_eq!(done(&api, "/model/promote", r#"{"file": "candidate.json"}"#)["changed"], json!(false));
    assert_eq!(version_of(folder.path(), PREVIOUS), first, "promoting the same model again loses nothing");

    // A restart loads the promoted model; then back to the one before.
    api.terminate();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(version(&api), second);
    let restored = done(&api, "/model/rollback", "");
    assert_eq!(restored, json!({"model_version": first, "previous_version": second, "changed": true}));
    assert_eq!([MODEL_PATH, ROLLED_BACK].map(|file| version_of(folder.path(), file)), [first.clone(), second.clone()]);
    assert_eq!(state_of(&api, "turbine_iforest.rolled-back.json"), "rolled_back");
    assert!(refused(&api, "/model/rollback", "", 409).contains("in service already"));
    let figures = api.figures();
    assert_eq!(figures["turbine_model_rollbacks_total{by=\"request\"}"], 1.0);
    assert_eq!(
        done(&api, "/model/promote", r#"{"file": "turbine_iforest.rolled-back.json"}"#)["model_version"],
        json!(second)
    );

    // Other features begin a new log, as with a reload.
    assert_eq!(done(&api, "/model/promote", r#"{"file": "other.json"}"#)["changed"], json!(true));
    assert_eq!(api.post("/predict", r#"{"s0": 1, "s1": 2}"#).status, 200);
    assert_eq!(done(&api, "/model/rollback", "")["model_version"], json!(second));
    assert_eq!(api.post("/predict", NORMAL).status, 200);
}

#[test]
fn promotion_needs_the_key() {
    let folder = folder_with_candidate();
    let api = Api::start(folder.path(), &["--api-key", "secret"]);
    for (method, path) in [
        ("GET", "/models"),
        ("POST", "/model/promote"),
        ("POST", "/model/rollback"),
        ("POST", "/model/shadow"),
        ("DELETE", "/model/shadow"),
    ] {
        assert_eq!(api.request(method, path, &[], "").status, 401, "{method} {path}");
    }
    let key = [("x-api-key", "secret")];
    assert_eq!(api.request("POST", "/model/promote", &key, r#"{"file": "candidate.json"}"#).status, 200);
    assert_eq!(api.request("DELETE", "/model/shadow", &key, "").json(), json!({"model_version": null}));
    assert_eq!(api.request("GET", "/model/shadow", &key, "").header("allow"), Some("DELETE, POST"));
}

#[test]
fn a_service_whose_shadow_cannot_be_used_serves_and_says_so() {
    let folder = folder_with_candidate();
    let api = Api::start(folder.path(), &["--shadow", "models/candidate.json"]);
    assert_eq!(models(&api)["shadow"]["file"], "candidate.json");
    api.terminate();
    let api = Api::start(folder.path(), &["--shadow", "models/missing.json"]);
    let health = api.get("/health").json();
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"].to_string().contains("models/missing.json"), "{health}");
    assert_eq!((api.get("/health/ready").status, api.post("/predict", NORMAL).status), (200, 200));
    done(&api, "/model/shadow", r#"{"file": "candidate.json"}"#);
    assert_eq!(api.get("/health").json()["status"], "healthy");
}

/// Loads the service while `act` happens.
fn under_load(api: &Api, mark: &str, act: impl FnOnce()) -> Vec<Told> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| load(api, mark, &stop));
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        stop.store(true, Ordering::Relaxed);
        let told = clients.join().unwrap();
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        told
    })
}

#[test]
fn promotions_under_load_fail_no_request() {
    let folder = folder_with_candidate();
    let [first, second] = [MODEL_PATH, "models/candidate.json"].map(|file| version_of(folder.path(), file));
    let api = Api::start(folder.path(), &["--shadow", "models/candidate.json"]);
    let told = under_load(&api, "t", || {
        eventually("the shadow scores", || models(&api)["shadow"]["readings"].as_u64() > Some(1_000));
        for _ in 0..10 {
            done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
            assert_eq!(version(&api), second);
            done(&api, "/model/shadow", r#"{"file": "turbine_iforest.previous.json"}"#);
            let readings = || models(&api)["shadow"]["readings"].as_u64();
            eventually("the model before scores along", || readings() > Some(100));
            done(&api, "/model/rollback", "");
            assert_eq!((version(&api), models(&api)["shadow"].clone()), (first.clone(), Value::Null));
        }
    });
    for told in &told {
        assert!(told.outcome.is_ok(), "{told:?}");
    }
    Ledger::of_set(&api.log()).holds(&told);
    let answered: BTreeSet<&String> = told.iter().flat_map(|told| &told.outcome).map(|it| &it.model_version).collect();
    assert_eq!(answered, BTreeSet::from([&first, &second]));
}

/// Sends `count` normal readings of each of some turbines, one reading of each at a time.
fn send_normal(api: &Api, turbines: usize, count: usize, from: usize) {
    for i in from..from + count {
        let reading = |turbine: usize| {
            let noise = (i * 7919 + turbine * 104_729) % 1000;
            json!({
                "turbine_id": format!("T{turbine}"),
                "timestamp": format!("2026-02-01T{:02}:{:02}:{:02}Z", i / 3600, i / 60 % 60, i % 60),
                "temperature": 23.0 + 4.0 * noise as f64 / 1000.0,
                "humidity": 60.0,
                "sound_volume": 0.5,
            })
        };
        let readings: Vec<Value> = (0..turbines).map(reading).collect();
        let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[test]
fn a_worse_model_is_taken_back_by_the_rule_and_a_good_one_is_not() {
    let folder = folder_with_candidate();
    worse_model(folder.path());
    let first = version_of(folder.path(), MODEL_PATH);
    let [good, worse] = ["candidate", "worse"].map(|name| version_of(folder.path(), &format!("models/{name}.json")));
    for rule in ["alarm_rate > 5x", "anomaly_rate > 5x"] {
        let api = Api::start(folder.path(), &["--rollback-if", rule, "--rollback-within", "10m"]);
        send_normal(&api, 5, 100, 0);
        done(&api, "/model/promote", r#"{"file": "worse.json"}"#);
        let trial = models(&api);
        assert_eq!((&trial["trial"]["rule"], &trial["shadow"]["role"]), (&json!(rule), &json!("previous")));
        assert!(refused(&api, "/model/shadow", r#"{"file": "candidate.json"}"#, 409).contains("--rollback-if"));
        assert!(refused(&api, "/model/promote", "", 409).contains("no shadow"));
        send_normal(&api, 5, 60, 100);
        eventually("the model before is back", || version(&api) == first);
        let health = api.get("/health").json();
        let reasons = health["reasons"].to_string();
        assert!(reasons.contains(rule) && reasons.contains(&worse) && reasons.contains(ROLLED_BACK), "{health}");
        assert_eq!((health["status"].as_str(), api.get("/health/ready").status), (Some("degraded"), 200));
        assert_eq!(
            [MODEL_PATH, ROLLED_BACK].map(|file| version_of(folder.path(), file)),
            [first.clone(), worse.clone()]
        );
        assert_eq!((&models(&api)["trial"], &models(&api)["shadow"]), (&Value::Null, &Value::Null));
        assert_eq!(api.figures()["turbine_model_rollbacks_total{by=\"rule\"}"], 1.0);
        assert!(api.stderr().contains("took the promoted model back"), "{}", api.stderr());
        // Confirmed, and a good model stays: also while one turbine has a fault that both models see.
        done(&api, "/model/reload", "");
        assert_eq!(api.get("/health").json()["status"], "healthy");
        done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
        send_normal(&api, 5, 100, 160);
        for i in 0..60 {
            let fault = json!({
                "turbine_id": "T0", "timestamp": format!("2026-02-01T01:00:{i:02}Z"),
                "temperature": 45.0, "humidity": 90.0, "sound_volume": 1.5,
            });
            assert_eq!(api.post("/predict", fault.to_string()).status, 200);
        }
        eventually("all is compared", || models(&api)["shadow"]["readings"] == 560);
        let compared = models(&api);
        assert_eq!(compared["shadow"]["alarms"], json!({"service": 1, "shadow": 1}), "{compared}");
        assert_eq!(version(&api), good);
        done(&api, "/model/rollback", "");
        assert_eq!(models(&api)["trial"], Value::Null, "the trial is over");
        api.terminate();
        std::fs::remove_dir_all(folder.path().join("outputs")).unwrap();
    }
}

#[test]
fn a_model_trained_on_the_log_takes_over() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    send_normal(&api, 3, 100, 0);
    for i in 0..60 {
        let fault = json!({
            "turbine_id": "T0", "timestamp": format!("2026-02-01T01:00:{i:02}Z"),
            "temperature": 45.0 + f64::from(i) / 10.0, "humidity": 90.0, "sound_volume": 1.5,
        });
        assert_eq!(api.post("/predict", fault.to_string()).status, 200);
    }
    let in_alarm = LogFile::rows_of_set(&api.log()).iter().filter(|row| row.in_alarm).count();
    assert!(in_alarm > 30, "{in_alarm}");
    let args =
        ["--from-log", "outputs", "--exclude-alarms", "--range", "humidity=0..100", "--model", "models/candidate.json"];
    let trained = run("train", folder.path(), &[&args[..], &["--outputs", "pictures"]].concat(), &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let expected = format!("data: {} readings of the prediction log", 360 - in_alarm);
    assert!(trained.stdout.contains(&expected), "{}", trained.stdout);
    let promoted = done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
    assert_eq!(promoted["model_version"], json!(version_of(folder.path(), "models/candidate.json")));
    let answer = api.post("/predict", NORMAL).json();
    assert_eq!((&answer["model_version"], answer["surprisal"].is_number()), (&promoted["model_version"], true));
    let info = api.get("/model/info").json();
    assert_eq!((&info["features"][0]["unit"], &info["training_rows"]), (&json!("°C"), &json!(360 - in_alarm)));
}

#[test]
fn a_trial_ends_with_its_time() {
    let folder = folder_with_candidate();
    let api = Api::start(folder.path(), &["--rollback-if", "alarm_rate > 5x", "--rollback-within", "1s"]);
    done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
    eventually("the trial has passed", || models(&api)["trial"] == Value::Null);
    assert_eq!(models(&api)["shadow"], Value::Null);
    assert_eq!(version(&api), version_of(folder.path(), "models/candidate.json"));
    assert_eq!(api.get("/health").json()["status"], "healthy");
}

#[test]
fn a_service_killed_at_any_moment_of_a_promotion_has_a_whole_model() {
    let kills = std::env::var("LIFECYCLE_KILLS").unwrap_or_else(|_| "20".to_owned());
    let kills: u64 = kills.parse().unwrap_or_else(|_| panic!("LIFECYCLE_KILLS is a number, not {kills:?}"));
    let folder = folder_with_candidate();
    let known = [MODEL_PATH, "models/candidate.json"].map(|file| version_of(folder.path(), file));
    let mut changes = 0;
    for kill in 0..kills {
        let api = Api::start(folder.path(), &[]);
        let started = version(&api);
        assert!(known.contains(&started), "{started}");
        std::thread::scope(|scope| {
            let cycle = scope.spawn(|| {
                let mut changes = 0;
                loop {
                    for (path, body) in [("/model/promote", r#"{"file": "candidate.json"}"#), ("/model/rollback", "")] {
                        match ureq::post(api.url(path)).send(body) {
                            Ok(_) => changes += 1,
                            // There is nothing to go back to if it was killed between the two files.
                            Err(ureq::Error::StatusCode(409)) => {}
                            Err(ureq::Error::StatusCode(status)) => panic!("{path} answered {status}"),
                            Err(_) => return changes,
                        }
                    }
                }
            });
            // From the first promotion on, later by a few milliseconds each time.
            std::thread::sleep(Duration::from_millis(kill * 7 % 90));
            api.signal("KILL");
            changes += cycle.join().unwrap();
        });
        api.wait();
        for (file, is_needed) in [(MODEL_PATH, true), (PREVIOUS, false), (ROLLED_BACK, false)] {
            let path = folder.path().join(file);
            if is_needed || path.exists() {
                let version = Model::load(&path).unwrap_or_else(|error| panic!("{file} after kill {kill}: {error}"));
                assert!(known.contains(&version.version().to_string()), "{file}");
            }
        }
    }
    println!("{kills} kills, {changes} promotions and rollbacks");
    assert!(changes > 0, "no promotion was ever done");
    let api = Api::start(folder.path(), &[]);
    done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
    assert_eq!(version(&api), known[1]);
    assert_eq!(LogFile::rows_of_set(&api.log()).len(), 0);
}
