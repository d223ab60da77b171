//! Shadows, promotions and rollbacks by request.

use crate::{
    PREVIOUS, ROLLED_BACK, done, folder_with_candidate, models, refused, state_of, states, version, version_of,
};
use e2e::{Api, Ledger, MODEL_PATH, NORMAL, Told, eventually, load, train_other_features};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

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

    // What cannot be kept is not replaced.
    std::fs::create_dir(folder.path().join(PREVIOUS)).unwrap();
    let error = refused(&api, "/model/promote", r#"{"file": "candidate.json"}"#, 503);
    assert!(error.contains(&format!("cannot write {PREVIOUS}")), "{error}");
    assert_eq!((version(&api), version_of(folder.path(), MODEL_PATH)), (first.clone(), first.clone()));
    std::fs::remove_dir(folder.path().join(PREVIOUS)).unwrap();

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
