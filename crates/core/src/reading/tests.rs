#![allow(clippy::unwrap_used)]

use super::*;
use crate::feature::Range;
use serde_json::{Value, json};

fn check(body: &str) -> Result<Reading, ReadingError> {
    RawReading::from_json(body.as_bytes())?.check(&FeatureSet::turbine())
}

fn faults(body: &str) -> Vec<(String, Problem, Value)> {
    let faults = check(body).unwrap_err().into_faults();
    faults.into_iter().map(|Fault { field, problem, value }| (field, problem, value)).collect()
}

#[test]
fn values_are_in_the_features_order() {
    let reading = check(r#"{"sound_volume":0.5,"extra":[1],"humidity":60,"temperature":-50}"#).unwrap();
    assert_eq!(reading.values(), [-50.0, 60.0, 0.5]);
    assert_eq!((reading.timestamp(), reading.turbine_id()), (None, None));
}

#[test]
fn the_last_value_of_a_repeated_key_counts() {
    let reading = check(r#"{"temperature":1,"humidity":2,"sound_volume":3,"temperature":4}"#).unwrap();
    assert_eq!(reading.values(), [4.0, 2.0, 3.0]);
}

#[test]
fn time_and_turbine_are_kept() {
    let body = r#"{"temperature":1,"humidity":2,"sound_volume":3,"timestamp":"2026-01-31T13:00:00+01:00","turbine_id":"WT-23.a"}"#;
    let reading = check(body).unwrap();
    assert_eq!(reading.timestamp().unwrap().to_string(), "2026-01-31T12:00:00Z");
    assert_eq!(reading.turbine_id().unwrap().as_str(), "WT-23.a");
    let nulls = r#"{"temperature":1,"humidity":2,"sound_volume":3,"timestamp":null,"turbine_id":null}"#;
    assert_eq!(check(nulls).unwrap().turbine_id(), None);
}

#[test]
fn faults_have_the_field_and_the_value() {
    let temperature = Problem::OutOfRange { range: Range { min: -50.0, max: 120.0 }, unit: "°C".to_owned() };
    let rest = r#""humidity":60,"sound_volume":0.5}"#;
    let cases = [
        (r#"{"temperature":"25.1","#, Problem::NotANumber, json!("25.1")),
        (r#"{"temperature":null,"#, Problem::Null, Value::Null),
        (r#"{"temperature":true,"#, Problem::NotANumber, json!(true)),
        (r#"{"temperature":[1],"#, Problem::NotANumber, json!([1])),
        (r#"{"temperature":NaN,"#, Problem::NotFinite, json!("NaN")),
        (r#"{"temperature":-Infinity,"#, Problem::NotFinite, json!("-Infinity")),
        (r#"{"temperature":1e400,"#, Problem::NotFinite, json!("1e400")),
        (r#"{"temperature":1e30,"#, temperature.clone(), json!(1e30)),
        (r#"{"temperature":-50.001,"#, temperature.clone(), json!(-50.001)),
        (r#"{"temperature":120.001,"#, temperature, json!(120.001)),
        (r#"{"#, Problem::Missing, Value::Null),
    ];
    for (start, problem, value) in cases {
        let body = format!("{start}{rest}");
        assert_eq!(faults(&body), [("temperature".to_owned(), problem, value)], "{body}");
    }
}

#[test]
fn all_faults_are_listed_at_once() {
    let body = r#"{"temperature":"abc","humidity":101,"timestamp":"yesterday","turbine_id":"=1+1"}"#;
    let fields: Vec<String> = faults(body).into_iter().map(|(field, ..)| field).collect();
    assert_eq!(fields, ["temperature", "humidity", "sound_volume", "timestamp", "turbine_id"]);
    let text = check(body).unwrap_err().to_string();
    assert!(
        text.starts_with("temperature must be a number, got \"abc\"; humidity is outside 0 to 100 %, got 101"),
        "{text}"
    );
}

#[test]
fn a_long_value_is_shortened_in_the_message_only() {
    let body = format!(r#"{{"temperature":"{}","humidity":1,"sound_volume":1}}"#, "x".repeat(500));
    let error = check(&body).unwrap_err();
    assert!(error.to_string().chars().count() < 150, "{error}");
    assert_eq!(error.into_faults()[0].value.as_str().map(str::len), Some(500));
}

#[test]
fn other_json_types_are_named_in_the_error() {
    let cases = [
        ("[1,2,3]", "got a list"),
        ("[{\"temperature\":1}]", "got a list"),
        ("\"text\"", "got a string"),
        ("17", "got a number"),
        ("true", "got a boolean"),
        ("null", "got null"),
        ("NaN", "not JSON"),
        ("", "it is empty"),
        ("{\"temperature\":25.1", "EOF while parsing"),
        ("temperature=25", "not JSON"),
    ];
    for (body, expected) in cases {
        let text = check(body).unwrap_err().to_string();
        assert!(text.contains(expected), "{body}: {text}");
    }
    assert!(RawReading::from_json(b"{\"a\":\xff}").unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn invalid_json_is_never_accepted() {
    for body in [
        "{temperature:1,humidity:2,sound_volume:3}",
        r#"{"temperature":1,"humidity":2,"sound_volume":3,"turbine_id":WT01}"#,
        r#"{"temperature":1,"humidity":2,"sound_volume":3,"extra":NaN}"#,
        r#"{"temperature":1,"humidity":2,"sound_volume":3,"extra":-Infinity}"#,
    ] {
        assert!(matches!(check(body), Err(ReadingError::NotJson(_))), "{body}: {:?}", check(body));
    }
    // Valid JSON: numbers have no maximum, and the key is ignored.
    assert!(check(r#"{"temperature":1,"humidity":2,"sound_volume":3,"extra":[1e400,-1E+999]}"#).is_ok());
}

#[test]
fn times_are_read_in_every_unambiguous_form() {
    let at = |time: &str| {
        let body = format!(r#"{{"temperature":1,"humidity":2,"sound_volume":3,"timestamp":"{time}"}}"#);
        check(&body).map(|reading| reading.timestamp().unwrap().to_string())
    };
    for (time, expected) in [
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00.250-00:30", "2026-01-31T12:30:00.25Z"),
        ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456789Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31 12:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00,5+01", "2026-01-31T11:00:00.5Z"),
        ("31.01.2026 12:00:00", "2026-01-31T12:00:00Z"),
    ] {
        assert_eq!(at(time).unwrap(), expected);
    }
    for bad in [
        "",
        "2026-01",
        "01/31/2026 12:00",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12Z",
        "20260131T120000Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+01:00[Europe/Paris]",
        "2026-02-30T12:00:00Z",
        "-000001-01-31T12:00:00Z",
        "0000-01-01T00:00:00+01:00",
    ] {
        assert_eq!(at(bad).unwrap_err().into_faults()[0].problem, Problem::Timestamp, "{bad}");
    }
}

#[test]
fn times_may_be_numbers_since_1970() {
    let at = |time: &str| {
        let body = format!(r#"{{"temperature":1,"humidity":2,"sound_volume":3,"timestamp":{time}}}"#);
        check(&body).map(|reading| reading.timestamp().unwrap().to_string())
    };
    for time in ["1743192000", "1743192000000", "1743192000000000", "1743192000.0"] {
        assert_eq!(at(time).unwrap(), "2025-03-28T20:00:00Z");
    }
    for bad in ["1", "-1743192000", "1e300", "true", "[]"] {
        assert_eq!(at(bad).unwrap_err().into_faults()[0].problem, Problem::Timestamp, "{bad}");
    }
}

#[test]
fn tiny_and_huge_numbers_have_few_digits_in_messages() {
    let error = check(r#"{"temperature":1e300,"humidity":-1e-300,"sound_volume":201.5}"#).unwrap_err().to_string();
    assert_eq!(
        error,
        "temperature is outside -50 to 120 °C, got 1e300; humidity is outside 0 to 100 %, got -1e-300; sound_volume is \
         outside 0 to 200 arb. units, got 201.5"
    );
}

#[test]
fn form_values_that_parse_as_numbers_are_numbers() {
    let pairs = [("temperature", " 25.1"), ("humidity", "60"), ("sound_volume", "nan"), ("turbine_id", "7")];
    let raw = RawReading::from_form(pairs.map(|(key, text)| (key.into(), text.into())));
    let faults = raw.check(&FeatureSet::turbine()).unwrap_err().into_faults();
    assert_eq!(faults, [Fault::new("sound_volume", Problem::NotFinite, json!("nan"))]);
}

#[test]
fn a_serialised_reading_parses_to_the_same_values() {
    let features = FeatureSet::turbine();
    let id: TurbineId = "T1".parse().unwrap();
    let time: jiff::Timestamp = "2026-01-31T12:00:00.5Z".parse().unwrap();
    let raw = RawReading::from_values(&features, &[25.125, 60.0, 0.1 + 0.2]).at(time).of_turbine(&id);
    let text = serde_json::to_vec(&raw).unwrap();
    let reading = RawReading::from_json(&text).unwrap().check(&features).unwrap();
    assert_eq!(reading.values(), [25.125, 60.0, 0.1 + 0.2]);
    assert_eq!((reading.timestamp(), reading.turbine_id()), (Some(time), Some(&id)));
}

#[test]
fn turbine_ids_are_safe_in_a_csv() {
    let long = "x".repeat(65);
    for bad in ["", "=1", "-1", "+1", "@a", ".a", "a,b", "a b", "a\nb", "ä", long.as_str()] {
        assert_eq!(bad.parse::<TurbineId>(), Err(Problem::TurbineId), "{bad:?}");
    }
    for good in ["1", "WT-23", "a.b_c-d", &long[..64]] {
        assert!(good.parse::<TurbineId>().is_ok(), "{good:?}");
    }
}

#[test]
fn values_from_other_sources_are_checked() {
    let features = FeatureSet::turbine();
    assert!(Reading::new(vec![25.0, 60.0, 0.5], &features).is_ok());
    let error = Reading::new(vec![f64::NAN, 60.0, 201.0], &features).unwrap_err();
    assert_eq!(
        error.to_string(),
        "temperature must be a finite number, got \"NaN\"; sound_volume is outside 0 to 200 arb. units, got 201"
    );
}
