//! The time limit of a request is reached while its row is on its way to the disk.

use e2e::{Api, Form, LogFile, NORMAL, Raw, SlowDisk, Stamped, duplicates, eventually, folder_with_model};
use serde_json::Value;
use std::time::Duration;

/// Every sync takes longer than a request may.
const STALL: Duration = Duration::from_millis(1_500);
const ARGS: [&str; 4] = ["--log-sync", "fsync", "--request-timeout", "300ms"];

/// The text says that the outcome is unknown, and when it is safe to send the reading again.
fn assert_says_unknown(error: &Value) {
    let error = error.as_str().unwrap_or_else(|| panic!("no text: {error}")).to_lowercase();
    for part in ["unknown", "logged", "again", "safe", "turbine", "time"] {
        assert!(error.contains(part), "no {part:?}: {error}");
    }
}

fn rows(api: &Api) -> usize {
    LogFile::read(&api.log()).rows.len()
}

#[test]
fn the_answer_says_that_it_is_unknown_and_sending_it_again_is_safe() {
    let readings: Vec<Stamped> = (0..4).map(|i| Stamped::nth(i, 2)).collect();
    for form in [Form::Single, Form::Batch(4), Form::Lines(4)] {
        let folder = folder_with_model();
        let disk = SlowDisk::new(1, STALL, 1);
        let api = Api::start_with(folder.path(), &ARGS, &disk.env());
        let sent = if form == Form::Single { &readings[..1] } else { &readings[..] };
        let first = Raw::with(&api, form.request(sent)).answer();
        if matches!(form, Form::Lines(_)) {
            assert_eq!(first.status, 200);
            let lines: Vec<Value> = first.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines.len(), 4, "{}", first.body);
            lines.iter().for_each(|line| assert_says_unknown(&line["error"]));
        } else {
            assert_eq!((first.status, first.header("retry-after")), (503, Some("1")), "{}", first.body);
            assert_says_unknown(&first.json()["error"]);
        }
        eventually("all is answered as logged before", || {
            let again = Raw::with(&api, form.request(sent)).answer();
            again.status == 200 && duplicates(&again) == sent.len()
        });
        assert_eq!(rows(&api), sent.len(), "{form:?}");
        let counters = api.counters();
        assert!(counters["requests_5xx"].as_u64().unwrap() > 0 || matches!(form, Form::Lines(_)), "{counters}");
    }
}

#[test]
fn a_reading_without_a_time_is_not_logged_by_itself_again() {
    let folder = folder_with_model();
    let disk = SlowDisk::new(1, STALL, 1);
    let api = Api::start_with(folder.path(), &ARGS, &disk.env());
    let answer = api.post("/predict", NORMAL);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_says_unknown(&answer.json()["error"]);
    let log = api.log();
    assert_eq!(api.terminate().code(), Some(0));
    assert_eq!(LogFile::read(&log).rows.len(), 1);
}
