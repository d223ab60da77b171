//! Rollbacks by rule.

use crate::{ROLLED_BACK, done, folder_with_candidate, models, refused, send_normal, state_of, version, version_of};
use e2e::{Api, MODEL_PATH, eventually, train_worse_model};
use serde_json::{Value, json};

#[test]
fn a_worse_model_is_taken_back_by_the_rule_and_a_good_one_is_not() {
    let folder = folder_with_candidate();
    train_worse_model(folder.path());
    let first = version_of(folder.path(), MODEL_PATH);
    let [good, worse] = ["candidate", "worse"].map(|name| version_of(folder.path(), &format!("models/{name}.json")));
    for rule in ["alarm_rate > 5x", "anomaly_rate > 5x"] {
        let api = Api::start(folder.path(), &["--rollback-if", rule, "--rollback-within", "10m"]);
        send_normal(&api, 5, 100, 0);
        done(&api, "/model/promote", r#"{"file": "worse.json"}"#);
        let trial = models(&api);
        assert_eq!((&trial["trial"]["rule"], &trial["shadow"]["role"]), (&json!(rule), &json!("previous")));
        assert_eq!(state_of(&api, "turbine_iforest.previous.json"), "previous");
        assert!(refused(&api, "/model/shadow", r#"{"file": "candidate.json"}"#, 409).contains("--rollback-if"));
        assert!(refused(&api, "/model/promote", "", 409).contains("no shadow"));
        send_normal(&api, 5, 60, 100);
        eventually("the model before is back", || version(&api) == first);
        let health = api.get("/health").json();
        let reasons = health["reasons"].to_string();
        assert!(reasons.contains(rule) && reasons.contains(&worse) && reasons.contains(ROLLED_BACK), "{health}");
        assert!(models(&api)["taken_back"].as_str().unwrap().contains(rule));
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
fn a_trial_ends_with_its_time() {
    let folder = folder_with_candidate();
    let api = Api::start(folder.path(), &["--rollback-if", "alarm_rate > 5x", "--rollback-within", "1s"]);
    done(&api, "/model/promote", r#"{"file": "candidate.json"}"#);
    eventually("the trial has passed", || models(&api)["trial"] == Value::Null);
    assert_eq!(models(&api)["shadow"], Value::Null);
    assert_eq!(version(&api), version_of(folder.path(), "models/candidate.json"));
    assert_eq!(api.get("/health").json()["status"], "healthy");
}
