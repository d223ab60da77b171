//! `POST /predict/batch` with newline-delimited JSON: one reading per line.

use e2e::{ANOMALY, Api, LogFile, NORMAL, Raw, folder_with_model};
use serde_json::Value;
use std::io::Write;

const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];
const HEAD: &str = "POST /predict/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
                    transfer-encoding: chunked\r\n\r\n";

fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn chunk(text: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

#[test]
fn each_line_is_answered_in_its_place() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let body = [
        NORMAL,
        r#"{"temperature":"x","humidity":60.2,"sound_volume":0.5}"#,
        "",
        "nonsense",
        "  \t",
        "[1,2,3]",
        "{\"temperature\":25.1,\r",
        ANOMALY,
    ];
    let answer = api.request("POST", "/predict/batch", NDJSON, format!("{}\r\n{NORMAL}", body.join("\n")));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")));
    assert!(answer.body.ends_with('\n'));
    let answers = lines(&answer.body);
    let verdicts: Vec<&Value> = answers.iter().map(|answer| &answer["is_anomaly"]).collect();
    let none = &Value::Null;
    assert_eq!(verdicts, [&false.into(), none, none, none, none, &true.into(), &false.into()]);
    assert_eq!(answers[1]["faults"][0]["field"], "temperature");
    for refused in &answers[1..5] {
        assert!(refused["error"].is_string() && refused.get("anomaly_score").is_none(), "{refused}");
    }
    let log = LogFile::read(&api.log());
    assert_eq!(log.rows.iter().map(|row| row.is_anomaly).collect::<Vec<_>>(), [false, true, false]);
    let counters = api.counters();
    assert_eq!((&counters["requests_total"], &counters["predictions_total"]), (&1.into(), &3.into()));
    assert_eq!(counters["requests_4xx"], 0);
}

#[test]
fn a_line_is_answered_before_the_next_one_is_sent() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut raw = Raw::with(&api, HEAD);
    for (i, reading) in [NORMAL, ANOMALY, "{}", NORMAL].into_iter().enumerate() {
        raw.send(chunk(format!("{reading}\n").as_bytes()));
        if i == 0 {
            // The response head comes with the first answer.
            while !raw.line().unwrap().is_empty() {}
        }
        let answer = String::from_utf8(raw.chunk().unwrap().unwrap()).unwrap();
        assert_eq!(lines(&answer).len(), 1, "{answer}");
        assert_eq!(answer.contains("\"error\""), reading == "{}", "{answer}");
    }
    assert_eq!(LogFile::read(&api.log()).rows.len(), 3);
    raw.send("0\r\n\r\n");
    assert_eq!(raw.chunk(), Some(None));
}

#[test]
fn answers_do_not_depend_on_how_the_body_is_split() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--max-body-bytes", "200"]);
    // The third line is too long; the lines after it are still answered.
    let long = format!("{{\"filler\":\"{}\"}}", "x".repeat(1_000));
    let body = format!("{NORMAL}\n{{}}\n{long}\n{ANOMALY}\r\n\nnonsense\n{NORMAL}");
    // Time and the turbine's state go on from one request to the next.
    let without_state = |body: &str| {
        let mut answers = lines(body);
        for answer in &mut answers {
            let answer = answer.as_object_mut().unwrap();
            for key in ["timestamp", "smoothed_surprisal", "in_alarm"] {
                answer.remove(key);
            }
        }
        answers
    };
    let mut expected = None;
    for size in [1, 2, 7, 64, 199, 200, 201, 500, 100_000] {
        let mut raw = Raw::with(&api, HEAD);
        for piece in body.as_bytes().chunks(size) {
            raw.send(chunk(piece));
        }
        raw.send("0\r\n\r\n");
        let answers = without_state(&raw.answer().body);
        let kinds: Vec<bool> = answers.iter().map(|answer| answer.get("error").is_none()).collect();
        assert_eq!(kinds, [true, false, false, true, false, true], "pieces of {size}: {answers:?}");
        assert!(answers[2]["error"].as_str().unwrap().contains("200 bytes"), "{}", answers[2]);
        assert_eq!(expected.get_or_insert(answers.clone()), &answers, "pieces of {size}");
    }
}

/// Readings of the long request; `NDJSON_READINGS` sets another number.
fn readings() -> usize {
    std::env::var("NDJSON_READINGS").map_or(100_000, |number| number.parse().unwrap())
}

#[test]
fn many_readings_take_no_more_memory_than_few() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let few = highest_memory_after(&api, 1_000);
    let many = highest_memory_after(&api, readings());
    println!("peak memory: {few} kB after 1,000 readings, {many} kB after {} more", readings());
    // 100,000 readings are 5.7 MB and their answers 16 MB; four MiB allow for buffers.
    assert!(many < few + 4_096, "{few} kB, then {many} kB");
    assert_eq!(api.counters()["predictions_total"], readings() + 1_000);
}

/// Sends that many readings in one request; returns the peak resident memory of the service in kB.
fn highest_memory_after(api: &Api, readings: usize) -> u64 {
    let mut raw = Raw::with(api, HEAD);
    let mut writer = raw.writer();
    let sender = std::thread::spawn(move || {
        let piece = chunk(format!("{NORMAL}\n").repeat(100).as_bytes());
        (0..readings / 100).for_each(|_| writer.write_all(&piece).unwrap());
        writer.write_all(b"0\r\n\r\n").unwrap();
    });
    while !raw.line().unwrap().is_empty() {}
    let mut answers = 0;
    while let Some(piece) = raw.chunk().unwrap() {
        answers += piece.iter().filter(|&&byte| byte == b'\n').count();
    }
    sender.join().unwrap();
    assert_eq!(answers, readings);
    api.proc_status("VmHWM")
}
