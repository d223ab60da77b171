//! SIGTERM and Ctrl-C: accepted requests are finished, the log is whole, the exit code is 0.

use e2e::{Api, LogFile, NORMAL, Raw, eventually, folder_with_model, post, post_large_batch};
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const HALF: usize = NORMAL.len() / 2;

/// A request whose handler waits for the second half of its body.
fn half_a_request(api: &Api) -> Raw {
    let head = format!(
        "POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        NORMAL.len()
    );
    let mut raw = Raw::with(api, head);
    // The service sends this when its handler begins to read the body.
    assert_eq!(raw.line().as_deref(), Some("HTTP/1.1 100 Continue"));
    assert_eq!(raw.line().as_deref(), Some(""));
    raw.send(&NORMAL[..HALF]);
    raw
}

/// Waits until the service refuses connections: it has received the signal.
fn wait_until_it_stops_listening(api: &Api) {
    eventually("the service stops listening", || TcpStream::connect(api.address()).is_err());
}

#[test]
fn under_load_every_accepted_request_is_answered_and_logged() {
    for sync in ["write", "fsync", "none"] {
        for signal in ["TERM", "INT"] {
            let folder = folder_with_model();
            let api = Api::start(folder.path(), &["--log-sync", sync]);
            let answered = AtomicUsize::new(0);
            let mut heard: Vec<String> = Vec::new();
            std::thread::scope(|scope| {
                let connections: Vec<Raw> = (0..8).map(|_| Raw::connect(&api)).collect();
                let threads: Vec<_> = connections
                    .into_iter()
                    .enumerate()
                    .map(|(t, raw)| {
                        let answered = &answered;
                        scope.spawn(move || post_until_it_ends(raw, t, answered))
                    })
                    .collect();
                eventually("there is load", || answered.load(Ordering::Relaxed) > 500);
                api.signal(signal);
                threads.into_iter().for_each(|thread| heard.extend(thread.join().unwrap()));
            });
            let log_path = api.log();
            let stderr = api.stderr();
            assert_eq!(api.wait().code(), Some(0), "{sync} {signal}: {stderr}");
            let log = LogFile::read(&log_path);
            let logged: BTreeSet<&str> = log.rows.iter().map(|row| row.turbine_id.as_str()).collect();
            assert_eq!(logged.len(), log.rows.len(), "{sync} {signal}: a reading is logged twice");
            let answered: BTreeSet<&str> = heard.iter().map(String::as_str).collect();
            assert_eq!(answered, logged, "{sync} {signal}: answered on the left, logged on the right");
        }
    }
}

/// Posts readings one after the other; returns the turbine ids of those that were answered.
fn post_until_it_ends(mut raw: Raw, thread: usize, answered: &AtomicUsize) -> Vec<String> {
    let mut names = Vec::new();
    for i in 0.. {
        let name = format!("T{thread}.{i}");
        let reading = format!("{},\"turbine_id\":\"{name}\"}}", NORMAL.trim_end_matches('}'));
        if raw.try_send(post("/predict", "application/json", reading)).is_err() {
            break;
        }
        let Some(answer) = raw.try_answer() else { break };
        assert_eq!(answer.status, 200, "{}", answer.body);
        names.push(name);
        answered.fetch_add(1, Ordering::Relaxed);
    }
    names
}

#[test]
fn a_request_that_has_begun_is_finished() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut slow = half_a_request(&api);
    let idle = Raw::connect(&api);
    api.signal("TERM");
    wait_until_it_stops_listening(&api);
    slow.send(&NORMAL[HALF..]);
    let answer = slow.answer();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let log = api.log();
    assert_eq!(api.wait().code(), Some(0));
    assert_eq!(LogFile::read(&log).rows.len(), 1);
    drop(idle);
}

/// Number of open sockets of the service.
fn sockets(api: &Api) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", api.id())).unwrap();
    let targets = files.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn a_stream_of_lines_that_has_begun_is_answered_to_its_end() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut raw = Raw::with(
        &api,
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 171\r\n\r\n",
    );
    // 3 lines of 57 bytes.
    assert_eq!((NORMAL.len() + 1) * 3, 171);
    raw.send(format!("{NORMAL}\n"));
    eventually("the first line is logged", || api.rows().len() == 1);
    api.signal("TERM");
    wait_until_it_stops_listening(&api);
    raw.send(format!("{NORMAL}\n{NORMAL}\n"));
    assert_eq!(raw.answer().body.lines().count(), 3);
    let log = api.log();
    assert_eq!(api.wait().code(), Some(0));
    assert_eq!(LogFile::read(&log).rows.len(), 3);
}

#[test]
fn an_unfinished_request_is_cut_off_at_the_drain_timeout() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--drain-timeout", "300ms"]);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    let mut slow = half_a_request(&api);
    api.signal("TERM");
    slow.wait_for_end();
    let log = api.log();
    let code = api.wait().code();
    assert_eq!(code, Some(1), "the exit code says that a request was cut off");
    assert_eq!(LogFile::read(&log).rows.len(), 1);
}

#[test]
fn idle_connections_and_incomplete_heads_do_not_delay_the_shutdown() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--drain-timeout", "1h", "--header-timeout", "1h"]);
    let before = sockets(&api);
    let connections: Vec<Raw> = ["", "POST /pre", "GET /health HTTP/1.1\r\nhost: x\r\n"]
        .into_iter()
        .map(|beginning| Raw::with(&api, beginning))
        .collect();
    let mut used = Raw::with(&api, post("/predict", "application/json", NORMAL));
    assert_eq!(used.answer().status, 200);
    eventually("all are accepted", || sockets(&api) == before + 4);
    // Waits for less than the hour of the timeouts.
    assert_eq!(api.terminate().code(), Some(0));
    drop(connections);
}

#[test]
fn an_answer_that_is_read_slowly_is_sent_to_its_end() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut slow = Raw::connect_from_afar(&api);
    slow.send(post_large_batch(NORMAL));
    eventually("it is logged", || api.rows().len() == 10_000);
    api.signal("TERM");
    // Longer than the service waits for further requests of an open connection.
    std::thread::sleep(Duration::from_secs(2));
    let answer = slow.read_slowly(Duration::ZERO);
    assert_eq!(answer.matches("anomaly_score").count(), 10_000, "{} bytes came", answer.len());
    assert_eq!(api.wait().code(), Some(0));
}
