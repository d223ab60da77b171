//! A model trained on the log of the service takes over.

use crate::{done, send_normal, version_of};
use e2e::{Api, LogFile, NORMAL, folder_with_model, run};
use serde_json::json;

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
