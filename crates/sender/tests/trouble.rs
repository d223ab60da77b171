//! Streaming to a service that is unreachable, overloaded, or refuses readings.
#![allow(clippy::unwrap_used)]

mod support;

use clap::Parser;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;
use support::{FakeApi, Reply, Run, Running, ab_model, turbine_model};
use tempfile::NamedTempFile;

/// A file of `rows` rows in which `b` counts up.
fn rows(rows: u32) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let text: String = (0..rows).map(|i| format!("1,{i}\n")).collect();
    file.write_all(("a,b\n".to_owned() + &text).as_bytes()).unwrap();
    file
}

fn replay<'a>(file: &'a NamedTempFile, flags: &[&'a str]) -> Vec<&'a str> {
    [&["--replay", file.path().to_str().unwrap(), "--interval", "0"], flags].concat()
}

fn count(n: u32) -> Vec<f64> {
    (0..n).map(f64::from).collect()
}

const FORMATS: [&[&str]; 3] = [&[], &["--batch", "4"], &["--ndjson", "--batch", "4"]];

/// Asserts the lines of the refused readings, up to their time.
#[track_caller]
fn assert_refused(run: &Run, expected: &[&str]) {
    let lines = run.lines("[400] ");
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line["[400] ".len()..].starts_with(expected), "{line} for {expected}");
    }
}

fn busy() -> Reply {
    Reply::Status(503, "retry-after: 1\r\n", json!({"error": "the log is full"}))
}

#[test]
fn retry_after_is_respected_and_every_reading_arrives_once() {
    for format in FORMATS {
        let api = FakeApi::start(ab_model(), |request| if request.number == 1 { busy() } else { Reply::Scores });
        let file = rows(10);
        let run = Run::of(api.address, &replay(&file, format));
        run.assert_counts(10, 0, 0, 0, 1);
        assert_eq!(api.scored("b"), count(10), "{format:?}");
        assert_eq!(run.lines("[sender] 503"), ["[sender] 503 the log is full; attempt 2 of 9 in 1.00 s"]);
        assert_eq!(run.lines("[200]").len(), 10);
    }
}

#[test]
fn a_retry_sends_the_same_bytes() {
    for format in FORMATS {
        let api = FakeApi::start(ab_model(), |request| match request.number {
            0 => Reply::Silence,
            1 => Reply::Status(503, "", json!({"error": "the log is full"})),
            _ => Reply::Scores,
        });
        let file = rows(4);
        let run = Run::of(api.address, &replay(&file, &[format, &["--count", "4", "--timeout", "1"]].concat()));
        run.assert_counts(4, 0, 0, 0, 2);
        let bodies: Vec<Vec<u8>> = api.requests()[..3].iter().map(|request| request.body.clone()).collect();
        assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2], "{format:?}");
        let body = String::from_utf8(bodies[0].clone()).unwrap();
        assert!(body.contains(r#""timestamp":""#) && body.contains(r#""turbine_id":"WT-01""#), "{body}");
    }
}

#[test]
fn timeouts_and_lost_connections_are_retried() {
    for format in FORMATS {
        let api = FakeApi::start(ab_model(), |request| match request.number {
            0 => Reply::Silence,
            2 => Reply::BreakAfter(0),
            _ => Reply::Scores,
        });
        let file = rows(10);
        let run = Run::of(api.address, &replay(&file, &[format, &["--timeout", "1.5"]].concat()));
        run.assert_counts(10, 0, 0, 0, 2);
        assert_eq!(api.scored("b"), count(10), "{format:?}");
        assert_eq!(run.lines("[sender] no answer within 1.5 s; attempt 2 of 9 in 0.").len(), 1, "{}", run.stdout);
        assert_eq!(run.lines("[sender] connection lost").len(), 1, "{}", run.stdout);
    }
}

#[test]
fn lines_answered_before_a_lost_connection_are_not_sent_again() {
    for (answered, requests) in [(7, 2), (20, 1)] {
        let api = FakeApi::start(ab_model(), move |request| match request.number {
            0 => Reply::BreakAfter(answered),
            _ => Reply::Scores,
        });
        let file = rows(20);
        let run = Run::of(api.address, &replay(&file, &["--ndjson"]));
        run.assert_counts(20, 0, 0, 0, requests - 1);
        assert_eq!(api.scored("b"), count(20));
        let sizes: Vec<usize> = api.requests().iter().map(|request| request.readings.len()).collect();
        assert_eq!(sizes, [20, 13][..requests as usize]);
    }
}

#[test]
fn a_line_with_a_fault_in_the_reading_is_final_and_another_error_is_retried() {
    let refusal = json!({"error": "a is outside 0 to 9", "faults": [{"field": "a", "problem": "is outside 0 to 9"}]});
    let trouble = json!({"error": "the prediction was not logged"});
    let api = FakeApi::start(ab_model(), move |request| match request.number {
        0 => Reply::Lines(vec![None, Some(refusal.clone()), Some(trouble.clone()), None]),
        _ => Reply::Scores,
    });
    let file = rows(4);
    let run = Run::of(api.address, &replay(&file, &["--ndjson"]));
    run.assert_counts(3, 1, 0, 0, 1);
    assert_eq!(api.scored("b"), [0.0, 2.0, 3.0]);
    assert_refused(&run, &[r#"error="a is outside 0 to 9" inputs={"a":1.0,"b":1.0,"#]);
    assert_eq!(run.lines("[sender] 503 the prediction was not logged; attempt 2").len(), 1, "{}", run.stdout);
}

#[test]
fn a_refused_reading_is_printed_counted_and_not_sent_again() {
    let api = FakeApi::start(ab_model(), |request| match request.readings[0]["b"].as_f64() {
        Some(2.0) => Reply::Status(400, "", json!({"error": "b must not be 2", "faults": []})),
        _ => Reply::Scores,
    });
    let file = rows(4);
    let run = Run::of(api.address, &replay(&file, &[]));
    run.assert_counts(3, 1, 0, 0, 0);
    assert_eq!(api.requests().len(), 4);
    assert_refused(&run, &[r#"error="b must not be 2" inputs={"a":1.0,"b":2.0,"#]);
}

#[test]
fn of_a_refused_batch_only_the_readings_at_fault_fail() {
    let blame = |request: &support::Request| {
        let fault = |(index, reading): (usize, &Value)| match reading["b"].as_f64() {
            Some(2.0) => vec![("a", index), ("b", index)],
            Some(5.0) => vec![("b", index)],
            _ => vec![],
        };
        let faults: Vec<Value> = request
            .readings
            .iter()
            .enumerate()
            .flat_map(fault)
            .map(|(field, index)| json!({"index": index, "field": field, "problem": "is odd", "value": 0}))
            .collect();
        if faults.is_empty() {
            return Reply::Scores;
        }
        Reply::Status(400, "", json!({"error": "some are odd", "faults": faults}))
    };
    let api = FakeApi::start(ab_model(), blame);
    let file = rows(8);
    let run = Run::of(api.address, &replay(&file, &["--batch", "8"]));
    run.assert_counts(6, 2, 0, 0, 0);
    assert_eq!(api.scored("b"), [0.0, 1.0, 3.0, 4.0, 6.0, 7.0]);
    assert_refused(
        &run,
        &[r#"error="a is odd; b is odd" inputs={"a":1.0,"b":2.0,"#, r#"error="b is odd" inputs={"a":1.0,"b":5.0,"#],
    );
}

#[test]
fn a_wrong_key_fails_every_reading_once() {
    let api = FakeApi::start(ab_model(), |_| Reply::Status(401, "", json!({"error": "this needs an API key"})));
    let file = rows(3);
    for format in FORMATS {
        Run::of(api.address, &replay(&file, format)).assert_counts(0, 3, 0, 0, 0);
    }
}

#[test]
fn a_malformed_answer_is_a_failure() {
    let api = FakeApi::start(ab_model(), |_| Reply::Status(200, "", json!({"hello": "world"})));
    let file = rows(1);
    for format in FORMATS {
        let run = Run::of(api.address, &replay(&file, format));
        run.assert_counts(0, 1, 0, 0, 0);
        assert_eq!(run.lines("[200] error=\"cannot read the answer: ").len(), 1, "{}", run.stdout);
    }
}

#[test]
fn unsent_readings_are_counted_and_the_stream_continues() {
    let api = FakeApi::start(ab_model(), |request| match request.readings[0]["b"].as_f64() {
        Some(1.0) => Reply::Status(500, "", json!({"error": "internal error"})),
        _ => Reply::Scores,
    });
    let file = rows(3);
    let run = Run::of(api.address, &replay(&file, &["--retries", "1"]));
    run.assert_counts(2, 0, 1, 0, 1);
    let unsent = run.lines("[unsent]");
    assert_eq!(unsent.len(), 1, "{unsent:?}");
    assert!(unsent[0].starts_with(r#"[unsent] error="500 internal error" inputs={"a":1.0,"b":1.0,"#), "{unsent:?}");
    assert_eq!(api.requests().len(), 4);
}

/// An address without a listener.
fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_counted_stream_ends_without_a_service() {
    let run = Run::of(closed_port(), &["--count", "2", "--interval", "0", "--retries", "1"]);
    run.assert_counts(0, 0, 2, 0, 2);
    assert_eq!(run.lines("[sender] health: unreachable: cannot connect: ").len(), 1, "{}", run.stdout);
    assert_eq!(run.lines("[unsent] error=\"cannot connect: ").len(), 2, "{}", run.stdout);
}

#[test]
fn a_replay_needs_the_service() {
    let (address, file) = (closed_port(), rows(3));
    let run = Run::of(address, &replay(&file, &["--retries", "1"]));
    assert_eq!(run.code, Some(1));
    let expected =
        format!("error: cannot read the model's features from http://{address}/model/info: cannot connect: ");
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
}

#[test]
fn the_sender_waits_for_a_service_that_starts_late() {
    let address = closed_port();
    let mut running = Running::start(address, &["--count", "3", "--interval", "0"]);
    running.wait_for("attempt 2 of 9", 1);
    let api = FakeApi::on(TcpListener::bind(address).unwrap(), turbine_model(), |_| Reply::Scores);
    let run = running.end();
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert_eq!(run.lines("[sender] sent=3 failed=0 unsent=0 ").len(), 1, "{}", run.stdout);
    assert_eq!(run.lines("[sender] model: version 0123456789ab").len(), 1, "{}", run.stdout);
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn a_model_of_other_features_is_refused_with_the_remedy() {
    let api = FakeApi::healthy(ab_model());
    let run = Run::of(api.address, &["--count", "3"]);
    assert_eq!(run.code, Some(1));
    let expected = "error: the model's features are a, b, the simulator's are temperature, humidity, sound_volume; stream a \
                    file with the model's columns: --replay FILE";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(api.requests().is_empty());
}

#[test]
fn a_file_without_the_models_columns_or_without_rows_is_refused() {
    let api = FakeApi::healthy(turbine_model());
    let file = rows(3);
    let run = Run::of(api.address, &replay(&file, &[]));
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("there is no column \"temperature\"; the columns are a, b"), "{}", run.stderr);

    let api = FakeApi::healthy(ab_model());
    let mut file = rows(0);
    file.write_all(b"x,1\n,2\n").unwrap();
    let run = Run::of(api.address, &replay(&file, &[]));
    assert_eq!(run.code, Some(1));
    let expected = "has no row with a number in every feature's column (skipped rows by column: a: 2)";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
}

#[test]
fn a_file_with_an_unreadable_row_is_sent_up_to_it() {
    let api = FakeApi::healthy(ab_model());
    let mut file = NamedTempFile::new().unwrap();
    // What is wrong lies behind the beginning, which the form is detected from.
    let wide = "°".repeat(100);
    let rows: String = (1..=500).map(|b| format!("1,{b},{wide}\n")).collect();
    file.write_all(format!("a,b,note\n{rows}").as_bytes()).unwrap();
    file.write_all(b"1,501,\xff\n1,502,\n").unwrap();
    let run = Run::of(api.address, &replay(&file, &["--batch", "300"]));
    assert_eq!(run.code, Some(1));
    let sent = api.scored("b").len();
    assert!((300..=500).contains(&sent), "{sent}");
    assert_eq!(run.lines(&format!("[sender] sent={sent} failed=0 unsent=0")).len(), 1, "{}", run.stdout);
    assert_eq!(run.lines("[sender] stopped early: ").len(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("is not UTF-8 as the text before it; add --encoding windows-1252"), "{}", run.stdout);
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_before_the_service_is_asked() {
    // Nothing listens there: a sender that follows a file would try without end.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/predict");
    for (path, kind) in [("-", "standard input"), (".", "a folder"), ("no/*.csv", "a pattern"), ("a.csv.gz", "gzip")] {
        let config = sender::Config::parse_from(["sender", "--api-url", &url, "--follow", "--replay", path]);
        let ended = sender::run(&config, Vec::new(), std::future::pending());
        let error = tokio::time::timeout(Duration::from_secs(120), ended).await.unwrap().unwrap_err().to_string();
        let expected = format!("and {path} is {kind}; name a text file or leave --follow out");
        assert!(error.starts_with("--follow reads one plain text file") && error.ends_with(&expected), "{error}");
    }
}
