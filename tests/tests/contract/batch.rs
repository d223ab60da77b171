//! `POST /predict/batch` with a list of readings.

use e2e::{ANOMALY, Api, LogFile, NORMAL, folder_with_model};
use serde_json::{Value, json};

fn batch(readings: &[String]) -> String {
    format!("{{\"readings\":[{}]}}", readings.join(","))
}

#[test]
fn predictions_are_in_the_order_of_the_readings() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let readings: Vec<String> = (0..200)
        .map(|i| {
            let turbine = if i % 3 == 0 { Value::Null } else { json!(format!("WT-{i}")) };
            // From normal (25 °C, 60 %, 0.5) to anomalous (44.9 °C, 79.9 %, 2.49).
            let x = f64::from(i);
            let (temperature, humidity, sound) = (25.0 + 0.1 * x, 60.0 + 0.1 * x, 0.5 + 0.01 * x);
            json!({"temperature": temperature, "humidity": humidity, "sound_volume": sound, "turbine_id": turbine})
                .to_string()
        })
        .collect();
    let alone: Vec<Value> = readings.iter().map(|reading| api.post("/predict", reading).json()).collect();
    let answer = api.post("/predict/batch", batch(&readings));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let together = answer["predictions"].as_array().unwrap();
    assert_eq!(together.len(), alone.len());
    for (together, alone) in together.iter().zip(&alone) {
        for key in ["anomaly_score", "is_anomaly", "threshold", "model_version", "turbine_id"] {
            assert_eq!(together[key], alone[key], "{key}");
        }
    }
    assert!(alone[0]["is_anomaly"] == false && alone[199]["is_anomaly"] == true);

    let log = LogFile::read(&api.log());
    assert_eq!(log.rows.len(), 400);
    for (alone, together) in log.rows[..200].iter().zip(&log.rows[200..]) {
        assert_eq!((&alone.values, &alone.turbine_id), (&together.values, &together.turbine_id));
    }
}

#[test]
fn up_to_10_000_readings_are_accepted() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.post("/predict/batch", "{\"readings\":[]}").json(), json!({"predictions": []}));

    let readings = vec![NORMAL.to_owned(); 10_000];
    let answer = api.post("/predict/batch", batch(&readings));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["predictions"].as_array().unwrap().len(), 10_000);
    assert_eq!(LogFile::read(&api.log()).rows.len(), 10_000);

    let one_more = api.post("/predict/batch", batch(&vec![NORMAL.to_owned(); 10_001]));
    assert_eq!(one_more.status, 400);
    let error = one_more.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("10001") && error.contains("10000"), "{error}");
    assert_eq!(api.rows().len(), 10_000);
    assert_eq!(api.counters()["predictions_total"], 10_000);
}

#[test]
fn one_faulty_reading_refuses_the_whole_batch_and_every_fault_is_listed() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let readings = [
        NORMAL,
        r#"{"temperature":null,"humidity":60.2}"#,
        ANOMALY,
        r#"{"temperature":121.5,"humidity":"x","sound_volume":0.5,"turbine_id":"=1+1","timestamp":"now"}"#,
    ]
    .map(str::to_owned);
    let answer = api.post("/predict/batch", batch(&readings));
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    let faults: Vec<(u64, &str, &Value)> = answer["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["index"].as_u64().unwrap(), fault["field"].as_str().unwrap(), &fault["value"]))
        .collect();
    assert_eq!(
        faults,
        [
            (1, "temperature", &Value::Null),
            (1, "sound_volume", &Value::Null),
            (3, "temperature", &json!(121.5)),
            (3, "humidity", &json!("x")),
            (3, "timestamp", &json!("now")),
            (3, "turbine_id", &json!("=1+1")),
        ]
    );
    let error = answer["error"].as_str().unwrap();
    for named in ["reading 1: temperature is null", "reading 3: temperature is outside -50 to 120 °C"] {
        assert!(error.contains(named), "{error}");
    }
    assert_eq!(api.rows().len(), 0);
    let counters = api.counters();
    assert_eq!((&counters["predictions_total"], &counters["requests_4xx"]), (&json!(0), &json!(1)));
}

#[test]
fn concurrent_large_batches_are_logged_with_every_log_sync() {
    let folder = folder_with_model();
    let batch = format!("{{\"readings\":[{}]}}", vec![NORMAL; 500].join(","));
    for sync in ["none", "write", "fsync"] {
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        std::fs::remove_file(api.log()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    (0..3).for_each(|_| assert_eq!(api.post("/predict/batch", &batch).status, 200, "{sync}"))
                });
            }
        });
        let log = api.log();
        assert_eq!(api.terminate().code(), Some(0));
        assert_eq!(LogFile::read(&log).rows.len(), 8 * 3 * 500, "{sync}");
    }
}
