//! A table of invalid inputs: each is refused with its status and all of its faults, and neither logged nor counted as a
//! prediction.

#![allow(clippy::unwrap_used)]

use e2e::{Api, NORMAL, folder_with_model};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const NDJSON: &str = "application/x-ndjson";

/// A reading with `cell`, unescaped, as its temperature.
fn temperature(cell: &str) -> String {
    format!(r#"{{"temperature":{cell},"humidity":60.2,"sound_volume":0.51}}"#)
}

/// A valid reading with a further key.
fn with(key: &str, cell: &str) -> String {
    format!(r#"{},"{key}":{cell}}}"#, NORMAL.trim_end_matches('}'))
}

/// A fault: field, part of the problem, value as shown.
type Expected = (&'static str, &'static str, Value);

/// Readings with faulty fields.
fn faulty_readings() -> Vec<(String, Vec<Expected>)> {
    let of_temperature = |cell: &str, problem, value: Value| (temperature(cell), vec![("temperature", problem, value)]);
    let of_time =
        |cell: &str| (with("timestamp", cell), vec![("timestamp", "RFC 3339", serde_json::from_str(cell).unwrap())]);
    let of_turbine = |cell: &str| {
        (with("turbine_id", cell), vec![("turbine_id", "1 to 64 letters", serde_json::from_str(cell).unwrap())])
    };
    let number = "must be a number";
    let finite = "must be a finite number";
    let range = "is outside -50 to 120 °C";
    let missing = "is missing";
    let long = format!("\"{}\"", "x".repeat(65));
    let mut cases = vec![
        (
            "{}".to_owned(),
            ["temperature", "humidity", "sound_volume"].map(|field| (field, missing, Value::Null)).to_vec(),
        ),
        (
            r#"{"Temperature":25.1,"humidity ":60.2,"sound-volume":0.51}"#.to_owned(),
            ["temperature", "humidity", "sound_volume"].map(|field| (field, missing, Value::Null)).to_vec(),
        ),
        (r#"{"temperature":25.1,"sound_volume":0.51}"#.to_owned(), vec![("humidity", missing, Value::Null)]),
        of_temperature("null", "is null", Value::Null),
        of_temperature("\"25.1\"", number, json!("25.1")),
        of_temperature("\"abc\"", number, json!("abc")),
        of_temperature("\"\"", number, json!("")),
        of_temperature("true", number, json!(true)),
        of_temperature("false", number, json!(false)),
        of_temperature("[25.1]", number, json!([25.1])),
        of_temperature("[]", number, json!([])),
        of_temperature("{\"value\":25.1}", number, json!({"value": 25.1})),
        // Not JSON, but sent by real clients.
        of_temperature("NaN", finite, json!("NaN")),
        of_temperature("Infinity", finite, json!("Infinity")),
        of_temperature("-Infinity", finite, json!("-Infinity")),
        of_temperature("\"NaN\"", finite, json!("NaN")),
        of_temperature("\"-inf\"", finite, json!("-inf")),
        of_temperature("1e400", finite, json!("1e400")),
        of_temperature("-1e400", finite, json!("-1e400")),
        of_temperature("1e30", range, json!(1e30)),
        of_temperature("-1e308", range, json!(-1e308)),
        of_temperature("120.00000000000002", range, json!(120.000_000_000_000_02)),
        of_temperature("-50.00000000000001", range, json!(-50.000_000_000_000_01)),
        of_temperature("1234567890123456789012345678901234567890", range, json!(1.234_567_890_123_456_8e39)),
        (
            r#"{"temperature":121.5,"humidity":100.5,"sound_volume":-0.5}"#.to_owned(),
            vec![
                ("temperature", range, json!(121.5)),
                ("humidity", "is outside 0 to 100 %", json!(100.5)),
                ("sound_volume", "is outside 0 to 200", json!(-0.5)),
            ],
        ),
        (
            r#"{"temperature":"abc","humidity":null,"timestamp":1,"turbine_id":"a b"}"#.to_owned(),
            vec![
                ("temperature", number, json!("abc")),
                ("humidity", "is null", Value::Null),
                ("sound_volume", missing, Value::Null),
                ("timestamp", "RFC 3339", json!(1)),
                ("turbine_id", "1 to 64 letters", json!("a b")),
            ],
        ),
        // The last of repeated keys counts.
        (
            r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51,"temperature":"abc"}"#.to_owned(),
            vec![("temperature", number, json!("abc"))],
        ),
        of_turbine(&long),
    ];
    for time in [
        "17672256",
        "\"\"",
        "\"now\"",
        "\"01/31/2026\"",
        "\"12:00:00Z\"",
        "\"2026-01\"",
        "\"2026-02-30T12:00:00Z\"",
        "\"2026-01-31T25:00:00Z\"",
        "\"2026-01-31T12:00:00+01:00[Europe/Paris]\"",
        "\"-000001-01-01T00:00:00Z\"",
        "\"20260131T120000Z\"",
        "\"2026-01-31T12:00:00Z \"",
        "true",
        "[]",
        "{}",
        "\"2026-01-31T12:00:00Z\\n=1+1\"",
    ] {
        cases.push(of_time(time));
    }
    for turbine in [
        "7",
        "\"\"",
        "\"=1+1\"",
        "\"+1\"",
        "\"-1\"",
        "\"@x\"",
        "\"a,b\"",
        "\"a\\\"b\"",
        "\"a\\nb\"",
        "\"a b\"",
        "\"\\u00e4\"",
        "\"a\\u0000\"",
        "\"WT/1\"",
        "[\"a\"]",
        "{}",
        "true",
        "\"a\\n\"",
    ] {
        cases.push(of_turbine(turbine));
    }
    cases
}

/// Bodies that are not a reading, and a part of the error.
fn not_readings() -> Vec<(Vec<u8>, &'static str)> {
    let texts = [
        ("", "empty"),
        (" \r\n\t", "empty"),
        ("nonsense", "not JSON"),
        ("temperature=25.1&humidity=60.2&sound_volume=0.51", "not JSON"),
        ("[25.1,60.2,0.51]", "got a list"),
        ("[]", "got a list"),
        ("[{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}]", "got a list"),
        ("\"{}\"", "got a string"),
        ("42", "got a number"),
        ("true", "got a boolean"),
        ("null", "got null"),
        ("NaN", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_vol", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,}", "not JSON"),
        ("{\"temperature\":25.1 \"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}{}", "not JSON"),
        ("{temperature:25.1,humidity:60.2,sound_volume:0.51}", "not JSON"),
        ("{'temperature':25.1,'humidity':60.2,'sound_volume':0.51}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"more\":NaN}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"turbine_id\":WT}", "not JSON"),
        ("{\"temperature\":025.1,\"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
        ("{\"temperature\":25.,\"humidity\":60.2,\"sound_volume\":.51}", "not JSON"),
        ("{\"temperature\":+25,\"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
        ("{\"temperature\":0x19,\"humidity\":60.2,\"sound_volume\":0.51}", ""),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51} // as usual", "not JSON"),
        // A lone surrogate in a key, in a value, and in a value that is ignored.
        ("{\"\\ud800\":1}", "not JSON"),
        ("{\"temperature\":\"\\udc00\",\"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"more\":\"\\ud800\"}", "not JSON"),
        ("{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"more\":\"\u{1}\"}", "not JSON"),
        ("\u{feff}{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
        ("{\"temperature\":25.1\0,\"humidity\":60.2,\"sound_volume\":0.51}", "not JSON"),
    ];
    let mut cases: Vec<(Vec<u8>, &str)> = texts.map(|(text, said)| (text.as_bytes().to_vec(), said)).to_vec();
    cases.extend([
        (b"{\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51,\"more\":\"\xff\"}".to_vec(), "UTF-8"),
        (b"\xff\xfe{\x00}\x00".to_vec(), "UTF-8"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec(), "UTF-8"),
        // Nested 10,000 levels deep.
        ("[".repeat(10_000).into_bytes(), "not JSON"),
        (["[".repeat(10_000), "]".repeat(10_000)].concat().into_bytes(), "not JSON"),
        ([r#"{"a":"#.repeat(10_000), "1".to_owned(), "}".repeat(10_000)].concat().into_bytes(), "not JSON"),
        (temperature(&["[".repeat(10_000), "]".repeat(10_000)].concat()).into_bytes(), "not JSON"),
        (
            with("more", &[r#"{"a":"#.repeat(10_000), "1".to_owned(), "}".repeat(10_000)].concat()).into_bytes(),
            "not JSON",
        ),
    ]);
    cases
}

/// Checks that refused requests leave no trace but their count.
struct Untouched<'a> {
    api: &'a Api,
    refused: u64,
}

impl Untouched<'_> {
    /// Posts a body that must be refused with `status`; returns the body of the refusal.
    fn refusal(&mut self, path: &str, content_type: &str, body: &[u8], status: u16) -> Value {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        let answer = self.api.request("POST", path, &[("content-type", content_type)], body);
        assert_eq!(answer.status, status, "{path} {content_type} {shown}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some(JSON), "{shown}");
        let refusal = answer.json();
        let error = refusal["error"].as_str().unwrap_or_else(|| panic!("{shown}: {refusal}"));
        assert!(!error.is_empty() && error.len() < 4_000, "{shown}: {error}");
        self.refused += 1;
        refusal
    }

    fn check(&self) {
        assert_eq!(self.api.rows().len(), 0, "a refused reading is in the log");
        let counters = self.api.counters();
        assert_eq!(counters["predictions_total"], 0, "a refused reading is counted");
        assert_eq!((&counters["requests_4xx"], &counters["requests_5xx"]), (&json!(self.refused), &json!(0)));
    }
}

/// Asserts that a refusal lists exactly these faults.
fn compare(faults: &Value, index: Option<usize>, expected: &[Expected], shown: &str) {
    let faults = faults.as_array().unwrap_or_else(|| panic!("{shown}: no faults"));
    let fields: Vec<&str> = faults.iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    assert_eq!(fields, expected.iter().map(|(field, ..)| *field).collect::<Vec<_>>(), "{shown}");
    for (fault, (field, problem, value)) in faults.iter().zip(expected) {
        let said = fault["problem"].as_str().unwrap();
        assert!(said.contains(problem), "{shown}: {field}: {said}");
        assert_eq!(&fault["value"], value, "{shown}: {field}");
        assert_eq!(fault.get("index"), index.map(|index| json!(index)).as_ref(), "{shown}");
    }
}

#[test]
fn one_reading() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut untouched = Untouched { api: &api, refused: 0 };
    for (body, expected) in faulty_readings() {
        let refusal = untouched.refusal("/predict", JSON, body.as_bytes(), 400);
        compare(&refusal["faults"], None, &expected, &body);
        let error = refusal["error"].as_str().unwrap();
        for (field, problem, _) in &expected {
            assert!(error.contains(field) && error.contains(problem), "{body}: {error}");
        }
    }
    for (body, said) in not_readings() {
        let refusal = untouched.refusal("/predict", JSON, &body, 400);
        let error = refusal["error"].as_str().unwrap();
        assert!(error.contains(said), "{}: {error}", String::from_utf8_lossy(&body));
    }
    untouched.check();
}

#[test]
fn one_reading_of_a_batch() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut untouched = Untouched { api: &api, refused: 0 };
    for (body, expected) in faulty_readings() {
        let batch = format!("{{\"readings\":[{NORMAL},{body},{NORMAL}]}}");
        let refusal = untouched.refusal("/predict/batch", JSON, batch.as_bytes(), 400);
        compare(&refusal["faults"], Some(1), &expected, &body);
        assert!(refusal["error"].as_str().unwrap().contains("reading 1"), "{refusal}");
    }
    for (body, _) in not_readings() {
        if body.trim_ascii().is_empty() {
            continue;
        }
        let batch = [b"{\"readings\":[", NORMAL.as_bytes(), b",", &body, b"]}"].concat();
        untouched.refusal("/predict/batch", JSON, &batch, 400);
    }
    for body in [
        "",
        "null",
        "[]",
        "7",
        "{}",
        "{\"readings\":null}",
        "{\"readings\":{}}",
        "{\"readings\":\"[]\"}",
        "{\"Readings\":[]}",
        "{\"readings\":[}",
        "{\"readings\":[],}",
        "{\"readings\":[]",
        "{\"readings\":[[]]}",
        "{\"readings\":[null]}",
        "{\"readings\":[]}{}",
        NORMAL,
    ] {
        untouched.refusal("/predict/batch", JSON, body.as_bytes(), 400);
    }
    untouched.check();
}

#[test]
fn one_line_of_many() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    // Bodies with a line break are left out, and empty lines are not answered.
    let faulty = faulty_readings().into_iter().map(|(body, expected)| (body.into_bytes(), expected));
    let none = not_readings().into_iter().map(|(body, _)| (body, Vec::new()));
    let cases: Vec<_> = faulty.chain(none).filter(|(body, _)| !body.trim_ascii().is_empty()).collect();
    assert!(cases.iter().all(|(body, _)| !body.contains(&b'\n')));
    let body: Vec<u8> = cases.iter().flat_map(|(body, _)| [body.as_slice(), b"\n"].concat()).collect();
    let answer = api.request("POST", "/predict/batch", &[("content-type", NDJSON)], body);
    assert_eq!(answer.status, 200);
    let answers: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    for (answer, (body, expected)) in answers.iter().zip(&cases) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
        assert!(answer["error"].is_string() && answer.get("anomaly_score").is_none(), "{shown}: {answer}");
        if !expected.is_empty() {
            compare(&answer["faults"], None, expected, &shown);
        }
    }
    assert_eq!((api.rows().len(), &api.counters()["predictions_total"]), (0, &json!(0)));
}

#[test]
fn one_form() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut untouched = Untouched { api: &api, refused: 0 };
    let missing = |fields: &[&'static str]| fields.iter().map(|&field| (field, "is missing", Value::Null)).collect();
    let rest = "humidity=60.2&sound_volume=0.51";
    let cases: Vec<(String, Vec<Expected>)> = vec![
        (String::new(), missing(&["temperature", "humidity", "sound_volume"])),
        ("nonsense".to_owned(), missing(&["temperature", "humidity", "sound_volume"])),
        (rest.to_owned(), missing(&["temperature"])),
        (format!("temperature=&{rest}"), vec![("temperature", "must be a number", json!(""))]),
        (format!("temperature=abc&{rest}"), vec![("temperature", "must be a number", json!("abc"))]),
        (format!("temperature=25,1&{rest}"), vec![("temperature", "must be a number", json!("25,1"))]),
        (format!("temperature=%FF&{rest}"), vec![("temperature", "must be a number", json!("\u{fffd}"))]),
        (format!("temperature=NaN&{rest}"), vec![("temperature", "must be a finite number", json!("NaN"))]),
        (format!("temperature=-inf&{rest}"), vec![("temperature", "must be a finite number", json!("-inf"))]),
        (format!("temperature=1e400&{rest}"), vec![("temperature", "must be a finite number", json!("1e400"))]),
        (format!("temperature=121.5&{rest}"), vec![("temperature", "is outside -50 to 120 °C", json!(121.5))]),
        (
            format!("temperature=25.1&{rest}&turbine_id=%3D1%2B1"),
            vec![("turbine_id", "1 to 64 letters", json!("=1+1"))],
        ),
        (format!("temperature=25.1&{rest}&timestamp=now"), vec![("timestamp", "RFC 3339", json!("now"))]),
        (format!("temperature=25.1&{rest}&temperature=x"), vec![("temperature", "must be a number", json!("x"))]),
    ];
    for (body, expected) in cases {
        let refusal = untouched.refusal("/predict", FORM, body.as_bytes(), 400);
        compare(&refusal["faults"], None, &expected, &body);
    }
    untouched.check();
}

#[test]
fn large_and_unusual_but_valid() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let keys: String = (0..60_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let bodies = [
        format!("{{{keys}{}", &NORMAL[1..]),
        with("more", &format!("\"{}\"", "x".repeat(1_000_000))),
        with("more", "[1e400,-1e999]"),
        with("more", "\"\\ud83d\\ude00 \\u0000\""),
        with("", "null"),
        format!("{{\"temperature\":\"abc\",{}", &NORMAL[1..]),
        with("timestamp", "null"),
        with("turbine_id", "null"),
        with("more", &["[".repeat(100), "]".repeat(100)].concat()),
    ];
    for body in &bodies {
        let answer = api.post("/predict", body);
        assert_eq!(answer.status, 200, "{}: {}", &body[..body.len().min(100)], answer.body);
    }
    assert_eq!(api.rows().len(), bodies.len());
}

#[test]
fn refusals_are_bounded() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let body = temperature(&format!("\"{}\"", "x".repeat(900_000)));
    let answer = api.post("/predict", body);
    assert_eq!(answer.status, 400);
    let refusal = answer.json();
    assert!(refusal["error"].as_str().unwrap().len() < 500);
    // 10,000 readings with three faults each: the first 100 faults are listed.
    let many = format!("{{\"readings\":[{}{{}}]}}", "{},".repeat(9_999));
    let answer = api.post("/predict/batch", many);
    let refusal = answer.json();
    assert_eq!((answer.status, refusal["faults"].as_array().unwrap().len()), (400, 100));
    assert_eq!(refusal["more_faults"], 29_900);
    assert!(refusal["error"].as_str().unwrap().len() < 4_000);
}
