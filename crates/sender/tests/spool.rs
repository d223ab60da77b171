//! Readings that a spool keeps.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{FakeApi, Reply, Run, Running, ab_model, turbine_model};

fn kept(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.matches("{\"reading\":").count())
}

#[test]
fn a_sender_that_is_stopped_in_an_outage_keeps_everything_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let spool = path.to_str().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (signal, format) in
        [("INT", &[][..]), ("TERM", &["--batch", "5"]), ("KILL", &["--ndjson", "--concurrency", "3"])]
    {
        let flags = [&["--spool", spool, "--interval", "0.001", "--count", "20"], format].concat();
        let mut running = Running::start(address, &flags);
        running.wait_for("trying until the service answers", 1);
        let start = Instant::now();
        while kept(&path) < 20 {
            assert!(start.elapsed() < Duration::from_secs(120), "{} of 20 readings are kept", kept(&path));
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal(signal);
        let run = running.end();
        if signal != "KILL" {
            assert_eq!(run.code, Some(0), "{}", run.stdout);
            let expected = format!("[sender] kept=20 in {spool}: the next run with this --spool sends them first");
            assert_eq!(run.lines(&expected).len(), 1, "{}", run.stdout);
        }
        // One reading is new; those that were kept come before it.
        let api = FakeApi::on(TcpListener::bind("127.0.0.1:0").unwrap(), turbine_model(), |_| Reply::Scores);
        let run = Run::of(api.address, &["--spool", spool, "--interval", "0", "--count", "1"]);
        run.assert_counts(21, 0, 0, 0, 0);
        let times: Vec<String> =
            api.scored.lock().unwrap().iter().map(|reading| reading["timestamp"].to_string()).collect();
        assert!(times.len() == 21 && times.is_sorted_by(|a, b| a < b), "{signal}: {times:?}");
        assert!(!path.exists(), "all is answered");
    }
}

#[test]
fn a_reading_that_the_service_cannot_take_does_not_hold_the_others_up_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, path) = (folder.path().join("a.csv"), folder.path().join("a.spool"));
    std::fs::write(&csv, "a,b\n1,0\n1,1\n1,2\n1,3\n").unwrap();
    let flags =
        ["--replay", csv.to_str().unwrap(), "--spool", path.to_str().unwrap(), "--interval", "0", "--retries", "1"];
    let api = FakeApi::start(ab_model(), |request| match request.readings[0]["b"].as_f64() {
        Some(1.0) => Reply::Status(500, "", json!({"error": "internal error"})),
        Some(2.0) => Reply::Status(400, "", json!({"error": "b must not be 2"})),
        _ => Reply::Scores,
    });
    let run = Run::of(api.address, &flags);
    assert_eq!((api.scored("b"), run.lines("[400]").len(), run.lines("[unsent]").len()), (vec![0.0, 3.0], 1, 1));
    assert_eq!(run.lines("[sender] kept=3 in ").len(), 1, "{}", run.stdout);
    // What is behind it comes again too: the service knows it.
    let api = FakeApi::healthy(ab_model());
    let run = Run::of(api.address, &flags);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    let sent: Vec<Value> = api.scored.lock().unwrap().iter().map(|reading| reading["b"].clone()).collect();
    assert_eq!(sent, [1.0, 2.0, 3.0]);
    assert!(!path.exists());
}

#[test]
fn a_wrong_key_costs_no_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.spool");
    let flags = ["--spool", path.to_str().unwrap(), "--interval", "0", "--count", "3", "--retries", "0"];
    let api = FakeApi::start(turbine_model(), |_| Reply::Status(401, "", json!({"error": "this needs an API key"})));
    let run = Run::of(api.address, &flags);
    run.assert_counts(0, 3, 0, 0, 0);
    assert_eq!(run.lines("[sender] kept=3 in ").len(), 1, "{}", run.stdout);
    let api = FakeApi::healthy(turbine_model());
    Run::of(api.address, &flags).assert_counts(6, 0, 0, 0, 0);
    assert_eq!(api.scored.lock().unwrap().len(), 6);
    assert!(!path.exists());
}

#[test]
fn a_spool_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::healthy(turbine_model());
    let other = folder.path().join("a.csv");
    std::fs::write(&other, "a,b\n").unwrap();
    for path in [other, folder.path().join("no/such.spool")] {
        let run = Run::of(api.address, &["--spool", path.to_str().unwrap(), "--count", "1"]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(&format!("error: cannot use the spool {}: ", path.display())), "{}", run.stderr);
    }
    assert!(api.requests().is_empty());
}
