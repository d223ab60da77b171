//! How the sender ends on a signal.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use clap::Parser;
use sender::Config;
use serde_json::json;
use std::future::poll_fn;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use support::{FakeApi, Reply, Running, turbine_model};

#[test]
fn a_signal_ends_the_stream() {
    for signal in ["INT", "TERM"] {
        let api = FakeApi::healthy(turbine_model());
        let mut running = Running::start(api.address, &["--interval", "0.01"]);
        running.wait_for("[200]", 3);
        running.signal(signal);
        let run = running.end();
        let sent = api.scored("temperature").len();
        assert!(sent >= 3);
        assert_eq!(run.lines("[200]").len(), sent);
        run.assert_counts(sent as u64, 0, 0, 0, 0);
    }
}

/// Collects the sender's output; `started` is set once it has printed what precedes the first reading.
#[derive(Clone, Default)]
struct Printed {
    text: Vec<u8>,
    started: Arc<AtomicBool>,
}

impl Write for Printed {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.text.write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.started.fetch_or(String::from_utf8_lossy(&self.text).contains("[sender] model"), Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_partial_batch_is_sent_at_shutdown() {
    // The first reading is due at once, the second, which would fill the batch, in an hour.
    let api = FakeApi::healthy(turbine_model());
    let url = format!("http://{}/predict", api.address);
    let config = Config::parse_from(["sender", "--api-url", &url, "--interval", "3600", "--batch", "2"]);
    let out = Printed::default();
    let started = Arc::clone(&out.started);
    // The loop polls this before it takes the first reading, and again after.
    let mut polls = 0;
    let shutdown = poll_fn(move |context| {
        polls += u32::from(started.load(Relaxed));
        context.waker().wake_by_ref();
        if polls < 2 { Poll::Pending } else { Poll::Ready(()) }
    });
    let report = sender::run(&config, out, shutdown).await.unwrap();
    assert_eq!((report.tally.sent, report.tally.unsent), (1, 0));
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn requests_in_flight_are_finished() {
    // The service answers only after the signal was sent.
    let (requested, signalled) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (request, signal) = (Arc::clone(&requested), Arc::clone(&signalled));
    let api = FakeApi::start(turbine_model(), move |_| {
        request.wait();
        signal.wait();
        Reply::Scores
    });
    let mut running = Running::start(api.address, &["--interval", "3600"]);
    running.wait_for("[sender] model", 1);
    requested.wait();
    running.signal("TERM");
    signalled.wait();
    running.end().assert_counts(1, 0, 0, 0, 0);
}

#[test]
fn the_wait_for_requests_in_flight_is_bounded() {
    let api = FakeApi::start(turbine_model(), |_| Reply::Silence);
    let mut running = Running::start(api.address, &["--timeout", "3600"]);
    running.wait_for("[sender] model", 1);
    while api.requests().is_empty() {
        std::thread::yield_now();
    }
    running.signal("INT");
    let run = running.end();
    run.assert_counts(0, 0, 1, 0, 0);
    assert_eq!(run.lines("[sender] 1 readings were in flight and got no answer in time").len(), 1, "{}", run.stdout);
}

#[test]
fn a_signal_cancels_a_retry() {
    let reply = |_: &support::Request| Reply::Status(503, "retry-after: 60\r\n", json!({"error": "model not loaded"}));
    let api = FakeApi::start(turbine_model(), reply);
    let mut running = Running::start(api.address, &[]);
    running.wait_for("503 model not loaded; attempt 2 of 9 in 60.00 s", 1);
    running.signal("TERM");
    let run = running.end();
    run.assert_counts(0, 0, 1, 0, 1);
    assert_eq!(run.lines("[unsent] error=\"503 model not loaded\"").len(), 1, "{}", run.stdout);
}

#[test]
fn an_endless_stream_reports_drift_while_it_runs() {
    let api = FakeApi::healthy(turbine_model());
    *api.drift.lock().unwrap() = Some(support::two_drift());
    let mut running = Running::start(api.address, &["--interval", "0", "--quiet"]);
    running.wait_for("[sender] note: drift from the training data: sound_volume", 1);
    running.signal("INT");
    let run = running.end();
    assert_eq!(run.code, Some(0));
    // Once while it ran, once at the end.
    assert_eq!(run.lines("[sender] note: drift").len(), 2, "{}", run.stdout);
}

#[test]
fn the_sender_ends_quietly_when_its_output_is_closed() {
    let api = FakeApi::healthy(turbine_model());
    let mut running = Running::start(api.address, &["--interval", "0"]);
    running.wait_for("[200]", 1);
    let (code, stderr) = running.close_output();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_signal_ends_the_wait_for_the_service() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut running = Running::start(address, &["--replay", "rows.csv"]);
    running.wait_for("attempt 2 of 9", 1);
    running.signal("INT");
    running.end().assert_counts(0, 0, 0, 0, 0);
}
