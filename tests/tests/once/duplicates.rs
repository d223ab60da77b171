//! Which readings are the same, and how a repeated one is answered.

use e2e::{Address, Api, Form, LogFile, NORMAL, Stamped, deliver, duplicates, folder_with_model};
use serde_json::{Value, json};

const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

/// The prediction of a reading that is accepted.
fn predict(api: &Api, reading: &str) -> Value {
    let answer = api.post("/predict", reading);
    assert_eq!(answer.status, 200, "{reading}: {}", answer.body);
    answer.json()
}

fn predict_batch(api: &Api, readings: &[String]) -> Vec<Value> {
    let answer = api.post("/predict/batch", format!("{{\"readings\":[{}]}}", readings.join(",")));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["predictions"].as_array().unwrap().clone()
}

fn predict_lines(api: &Api, readings: &[String]) -> Vec<Value> {
    let answer = api.request("POST", "/predict/batch", NDJSON, readings.join("\n"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_duplicate(prediction: &Value) -> bool {
    assert!(prediction["is_anomaly"].is_boolean(), "not a prediction: {prediction}");
    prediction.get("duplicate").is_some_and(|duplicate| duplicate.as_bool().unwrap())
}

fn assert_same_verdict(first: &Value, again: &Value) {
    for key in ["timestamp", "turbine_id", "is_anomaly", "anomaly_score", "model_version"] {
        assert_eq!(first[key], again[key], "{key}: {first} {again}");
    }
}

fn stamped(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| Stamped::nth(i, 3).json()).collect()
}

fn rows(api: &Api) -> usize {
    LogFile::rows_of_set(&api.log()).len()
}

#[test]
fn the_same_reading_is_answered_as_before_and_not_logged_again() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let first = predict(
        &api,
        r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51,"turbine_id":"A","timestamp":"2026-01-31T12:00:00Z"}"#,
    );
    assert!(!is_duplicate(&first), "{first}");
    // Values and times are compared, not their spelling.
    let spellings = [
        r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51,"turbine_id":"A","timestamp":"2026-01-31T12:00:00Z"}"#,
        r#"{"timestamp":"2026-01-31T12:00:00Z","turbine_id":"A","sound_volume":5.1e-1,"humidity":60.20,"temperature":25.10}"#,
        r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51,"turbine_id":"A","timestamp":"2026-01-31T13:30:00+01:30","more":1}"#,
    ];
    for spelling in spellings {
        let again = predict(&api, spelling);
        assert!(is_duplicate(&again), "{spelling}: {again}");
        assert_same_verdict(&first, &again);
    }
    let form = "temperature=25.1&humidity=60.2&sound_volume=0.51&turbine_id=A&timestamp=2026-01-31T12:00:00Z";
    let by_form =
        api.request("POST", "/predict", &[("content-type", "application/x-www-form-urlencoded")], form).json();
    assert!(is_duplicate(&by_form), "{by_form}");
    assert_eq!(rows(&api), 1);
}

#[test]
fn another_value_time_or_turbine_is_another_reading() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let reading = |temperature: f64, humidity: f64, sound: f64, turbine: &str, time: &str| {
        json!({"temperature": temperature, "humidity": humidity, "sound_volume": sound, "turbine_id": turbine, "timestamp": time})
            .to_string()
    };
    let readings = [
        reading(25.1, 60.2, 0.51, "A", "2026-01-31T12:00:00Z"),
        reading(25.1, 60.2, 0.510_000_000_000_000_1, "A", "2026-01-31T12:00:00Z"),
        reading(25.2, 60.2, 0.51, "A", "2026-01-31T12:00:00Z"),
        reading(25.1, 60.3, 0.51, "A", "2026-01-31T12:00:00Z"),
        // The same values, two of them exchanged.
        reading(60.2, 25.1, 0.51, "A", "2026-01-31T12:00:00Z"),
        reading(25.1, 60.2, 0.51, "a", "2026-01-31T12:00:00Z"),
        reading(25.1, 60.2, 0.51, "A", "2026-01-31T12:00:00.000000001Z"),
        reading(25.1, 60.2, 0.51, "A", "2026-01-31T12:00:01Z"),
    ];
    for reading in &readings {
        assert!(!is_duplicate(&predict(&api, reading)), "{reading}");
    }
    assert_eq!(rows(&api), readings.len());
    for reading in &readings {
        assert!(is_duplicate(&predict(&api, reading)), "{reading}");
    }
    assert_eq!(rows(&api), readings.len());
}

#[test]
fn readings_without_time_or_turbine_are_never_compared() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let with = |more: &str| format!("{},{more}}}", NORMAL.trim_end_matches('}'));
    let readings = [NORMAL.to_owned(), with(r#""turbine_id":"A""#), with(r#""timestamp":"2026-01-31T12:00:00Z""#)];
    for _ in 0..3 {
        for reading in &readings {
            assert!(!is_duplicate(&predict(&api, reading)), "{reading}");
        }
        assert!(!predict_batch(&api, &readings).iter().any(is_duplicate));
        assert!(!predict_lines(&api, &readings).iter().any(is_duplicate));
    }
    assert_eq!(rows(&api), 3 * 3 * 3);
}

#[test]
fn a_reading_may_come_again_within_one_request() {
    let [a, b, c] = [0, 1, 2].map(|i| Stamped::nth(i, 3).json());
    for send in [predict_batch, predict_lines] {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &[]);
        let predictions =
            send(&api, &[a.clone(), b.clone(), a.clone(), NORMAL.to_owned(), a.clone(), NORMAL.to_owned()]);
        let kinds: Vec<bool> = predictions.iter().map(is_duplicate).collect();
        assert_eq!(kinds, [false, false, true, false, true, false]);
        assert_same_verdict(&predictions[0], &predictions[4]);
        assert_eq!(rows(&api), 4);
        // And across requests of any form.
        let predictions = predict_batch(&api, &[b.clone(), c.clone()]);
        assert_eq!(predictions.iter().map(is_duplicate).collect::<Vec<_>>(), [true, false]);
        let predictions = predict_lines(&api, std::slice::from_ref(&c));
        assert_eq!(predictions.iter().map(is_duplicate).collect::<Vec<_>>(), [true]);
        assert!(is_duplicate(&predict(&api, &a)));
        assert_eq!(rows(&api), 5);
    }
}

#[test]
fn a_refused_batch_is_as_if_it_had_never_come() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let readings = stamped(0..3);
    let refused = api.post("/predict/batch", format!("{{\"readings\":[{},{{}}]}}", readings.join(",")));
    assert_eq!((refused.status, rows(&api)), (400, 0));
    assert!(!predict_batch(&api, &readings).iter().any(is_duplicate));
    assert_eq!(rows(&api), 3);
}

#[test]
fn readings_are_remembered_across_restarts_and_rotated_files() {
    let folder = folder_with_model();
    let args = ["--log-max-bytes", "8KiB"];
    let api = Api::start(folder.path(), &args);
    let readings = stamped(0..500);
    let first = predict_batch(&api, &readings[..300]);
    assert!(!first.iter().any(is_duplicate));
    readings[300..].chunks(20).for_each(|some| assert!(!predict_lines(&api, some).iter().any(is_duplicate)));
    let check = |api: &Api| {
        let again = predict_batch(api, &readings);
        assert!(again.iter().all(is_duplicate));
        first.iter().zip(&again).for_each(|(first, again)| assert_same_verdict(first, again));
        assert_eq!(rows(api), 500);
    };
    check(&api);
    assert_eq!(api.terminate().code(), Some(0));
    let api = Api::start(folder.path(), &args);
    check(&api);
    api.signal("KILL");
    api.wait();
    check(&Api::start(folder.path(), &args));
}

#[test]
fn the_window_holds_the_last_readings() {
    let folder = folder_with_model();
    let args = ["--dedupe-window", "10"];
    let api = Api::start(folder.path(), &args);
    predict_batch(&api, &stamped(0..11));
    // The window holds 1 to 10; a duplicate does not enter it again.
    let check = |api: &Api| assert!(predict_batch(api, &stamped(1..11)).iter().all(is_duplicate));
    check(&api);
    assert_eq!(api.terminate().code(), Some(0));
    let api = Api::start(folder.path(), &args);
    check(&api);
    // 0 was forgotten and is logged again, and 1 is forgotten for it.
    assert!(!is_duplicate(&predict(&api, &stamped(0..1)[0])));
    assert!(!is_duplicate(&predict(&api, &stamped(1..2)[0])));
    assert_eq!(rows(&api), 13);
}

#[test]
fn one_of_many_simultaneous_requests_is_logged() {
    for sync in ["write", "fsync"] {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        let address = Address::of(&api);
        let readings: Vec<Stamped> = (0..200).map(|i| Stamped::nth(i, 3)).collect();
        let sent: Vec<_> = std::thread::scope(|scope| {
            let forms =
                [Form::Single, Form::Single, Form::Batch(10), Form::Batch(200), Form::Lines(50), Form::Lines(200)];
            let clients = forms.map(|form| {
                scope.spawn({
                    let (address, readings) = (&address, &readings);
                    move || deliver(address, form, readings, 1, false)
                })
            });
            clients.map(|client| client.join().unwrap()).into_iter().collect()
        });
        sent.iter().for_each(|delivered| delivered.assert_logged_once(folder.path()));
        let duplicates: usize = sent.iter().map(|delivered| delivered.duplicates).sum();
        assert_eq!(duplicates, 5 * 200, "each of 200 readings was sent six times");
    }
}

#[test]
fn a_repeated_batch_is_answered_as_duplicates_whole() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--max-body-bytes", "4MiB"]);
    let readings: Vec<Stamped> = (0..10_000).map(|i| Stamped::nth(i, 100)).collect();
    let request = Form::Batch(10_000).request(&readings);
    for expected in [0, 10_000] {
        let answer = e2e::Raw::with(&api, &request).answer();
        assert_eq!((answer.status, duplicates(&answer)), (200, expected));
    }
    assert_eq!(rows(&api), 10_000);
}
