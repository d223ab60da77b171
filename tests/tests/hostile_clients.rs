//! Clients that are slow, broken or malicious: they are refused or disconnected, and other clients are served meanwhile.
//!
//! Nothing is asserted about how long anything takes; every test waits for the event. Time limits are short enough to be
//! reached by the slow clients and long enough for the others on a busy machine.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, NORMAL, Raw, eventually, folder_with_model, post, post_large_batch, raise_file_limit};
use std::io::Write;
use std::time::Duration;

/// The time limit that slow clients exceed, and its text in messages.
const LIMIT: &str = "2s";
const LIMIT_TEXT: &str = "2 s";

/// The time limit that slow clients exceed.
const LIMIT_TIME: Duration = Duration::from_secs(2);

/// Pause of a slow client between two bytes: far below the limit.
const PAUSE: Duration = Duration::from_millis(50);

fn others_are_served(api: &Api) {
    let answer = api.post("/predict", NORMAL);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(api.get("/health/ready").status, 200);
}

/// A request, and the offset of its body.
fn request() -> (Vec<u8>, usize) {
    let request = post("/predict", "application/json", NORMAL);
    let body = request.len() - NORMAL.len();
    (request, body)
}

/// The head of a newline-delimited request with a body of that many bytes.
fn ndjson_head(length: usize) -> String {
    format!(
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Sends byte after byte to every client until the service has closed all of their connections.
fn trickle_until_closed(api: &Api, clients: &mut [Raw], byte: u8) {
    let mut open = vec![true; clients.len()];
    eventually("every connection is closed", || {
        for (client, open) in clients.iter_mut().zip(&mut open) {
            *open = *open && client.try_send([byte]).is_ok();
        }
        others_are_served(api);
        std::thread::sleep(PAUSE);
        !open.contains(&true)
    });
}

#[test]
fn a_head_that_comes_byte_by_byte_is_disconnected() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", LIMIT]);
    let head = "POST /predict HTTP/1.1\r\nx-endless: ";
    let mut slow: Vec<Raw> = (0..20).map(|_| Raw::with(&api, head)).collect();
    trickle_until_closed(&api, &mut slow, b'a');
    others_are_served(&api);
}

#[test]
fn a_body_that_comes_byte_by_byte_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", LIMIT]);
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
    let mut slow: Vec<Raw> = (0..20).map(|_| Raw::with(&api, head)).collect();
    std::thread::scope(|scope| {
        for raw in &mut slow {
            let mut writer = raw.writer();
            scope.spawn(move || {
                while writer.write_all(b" ").is_ok() {
                    std::thread::sleep(PAUSE);
                }
            });
        }
        others_are_served(&api);
        for raw in &mut slow {
            let answer = raw.answer();
            assert_eq!((answer.status, answer.header("content-type")), (408, Some("application/json")));
            assert!(answer.json()["error"].as_str().unwrap().contains(LIMIT_TEXT), "{}", answer.body);
            raw.wait_for_end();
        }
    });
    others_are_served(&api);
}

#[test]
fn an_answer_may_be_read_slowly() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", LIMIT]);
    let mut slow = Raw::connect_from_afar(&api);
    slow.send(post_large_batch(NORMAL));
    let answer = slow.read_slowly(2 * LIMIT_TIME);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("}]}"), "{} bytes came", answer.len());
    assert_eq!(answer.matches("anomaly_score").count(), 10_000);
}

#[test]
fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", LIMIT]);
    let before = open_files(&api);
    let mut stalled = Raw::connect_from_afar(&api);
    stalled.send(post_large_batch(NORMAL));
    // The file itself may be read only when nothing is being written.
    eventually("it is logged", || api.figures()["turbine_log_rows_total"] == 10_000.0);
    eventually("its connection is closed", || open_files(&api) == before);
    let received = stalled.read_to_end();
    assert!(!received.ends_with(b"}]}"), "the whole answer fitted into buffers: {} bytes", received.len());
    others_are_served(&api);
}

#[test]
fn a_client_that_does_not_read_the_answers_to_its_lines_is_disconnected() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", LIMIT, "--max-in-flight", "2"]);
    let lines = format!("{NORMAL}\n").repeat(1_000);
    let mut stalled: Vec<Raw> = (0..2).map(|_| Raw::connect_from_afar(&api)).collect();
    std::thread::scope(|scope| {
        for raw in &mut stalled {
            // Until the service hangs up, its limit of requests in flight is reached.
            scope.spawn(|| {
                raw.send(ndjson_head(999_999_999));
                while raw.try_send(&lines).is_ok() {}
            });
        }
    });
    eventually("both requests have ended", || api.post("/predict", NORMAL).status == 200);
    others_are_served(&api);
}

#[test]
fn lines_may_come_slowly_but_must_come() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", LIMIT]);
    let mut raw = Raw::with(&api, ndjson_head(10_000));
    let line = format!("{NORMAL}\n");
    let pieces = line.as_bytes().chunks(2);
    // Each piece comes in time; all of them together take longer than the limit.
    let pause = 2 * LIMIT_TIME / u32::try_from(pieces.len()).unwrap();
    for piece in pieces {
        raw.send(piece);
        std::thread::sleep(pause);
    }
    raw.send(&NORMAL[..10]);
    let answer = raw.answer();
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!(lines.len(), 2, "{}", answer.body);
    assert!(lines[0].contains("anomaly_score") && lines[1].contains(LIMIT_TEXT), "{}", answer.body);
    others_are_served(&api);
}

#[test]
fn a_half_closed_connection_is_answered() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    // Repeated, because it varies whether the end is noticed before the answer is ready.
    for _ in 0..50 {
        let mut raw = Raw::with(&api, request().0);
        raw.half_close();
        assert_eq!(raw.answer().status, 200);
        raw.wait_for_end();
    }
    assert_eq!(LogFile::read(&api.log()).rows.len(), 50);
    for beginning in ["", "POST", "POST /predict HTTP/1.1\r\nhost:", "\r\n\r\n"] {
        let mut raw = Raw::with(&api, beginning);
        raw.half_close();
        raw.wait_for_end();
    }
    others_are_served(&api);
}

#[test]
fn a_body_shorter_than_declared_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let (request, body) = request();
    for end in [body, body + 1, request.len() - 1] {
        let mut raw = Raw::with(&api, &request[..end]);
        raw.half_close();
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")), "{}", answer.body);
        raw.wait_for_end();
        // The same, closed without waiting for the answer.
        drop(Raw::with(&api, &request[..end]));
    }
    assert_eq!(api.rows().len(), 0);
    others_are_served(&api);
}

#[test]
fn bytes_after_the_declared_body_are_another_request() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut raw = Raw::with(&api, [&request().0, &b"more of it\r\n\r\n"[..]].concat());
    assert_eq!(raw.answer().status, 200, "the complete request is answered");
    if let Some(answer) = raw.try_answer() {
        assert_eq!(answer.status, 400);
    }
    raw.wait_for_end();
    // Half a reading is not a reading.
    let half = format!("POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{NORMAL}", NORMAL.len() / 2);
    assert_eq!(Raw::with(&api, half).answer().status, 400);
    assert_eq!(LogFile::read(&api.log()).rows.len(), 1);
    others_are_served(&api);
}

#[test]
fn an_invalid_length_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", LIMIT]);
    for (head, allowed) in [
        ("content-length: 99999999999999999999999", &[400][..]),
        ("content-length: -1", &[400]),
        ("content-length: 0x10", &[400]),
        ("content-length: 5\r\ncontent-length: 6", &[400]),
        // Two lengths allow request smuggling. 408 and 413: a server that believes the larger length.
        ("content-length: 5\r\ntransfer-encoding: chunked", &[400, 408]),
        ("content-length: 18446744073709551615", &[400, 408, 413, 431]),
        ("content-length: 10737418240", &[408, 413]),
        ("transfer-encoding: identity", &[400, 501]),
    ] {
        let mut raw = Raw::with(&api, format!("POST /predict HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n"));
        let answer = raw.answer();
        assert!(allowed.contains(&answer.status), "{head}: {} {}", answer.status, answer.body);
        raw.wait_for_end();
    }
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "-1\r\n", "fffffffffffffffff\r\n{}", "2\r\n{}XX0\r\n\r\n"] {
        let head = "POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = Raw::with(&api, format!("{head}{chunks}")).answer();
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")), "{chunks:?}");
    }
    assert_eq!(api.rows().len(), 0);
    others_are_served(&api);
}

#[test]
fn bytes_that_are_not_http_end_the_connection() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    let cases: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /predict\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for case in cases {
        let mut raw = Raw::connect(&api);
        // The service may hang up before the end of a long request.
        let _ = raw.try_send(case);
        if let Some(answer) = raw.try_answer() {
            assert!((400..=505).contains(&answer.status), "{}", String::from_utf8_lossy(&case[..case.len().min(40)]));
        }
        raw.wait_for_end();
    }
    others_are_served(&api);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let reading = |i: usize| format!("{},\"turbine_id\":\"T{i}\"}}", NORMAL.trim_end_matches('}'));
    let requests: Vec<u8> = (0..200)
        .flat_map(|i| post("/predict", "application/json", if i % 7 == 3 { "nonsense".to_owned() } else { reading(i) }))
        .collect();
    let mut raw = Raw::with(&api, requests);
    for i in 0..200 {
        let answer = raw.answer();
        if i % 7 == 3 {
            assert_eq!(answer.status, 400, "{i}");
        } else {
            assert_eq!((answer.status, &answer.json()["turbine_id"]), (200, &format!("T{i}").into()));
        }
    }
}

#[test]
fn an_answer_does_not_wait_for_the_request_behind_it() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let (request, _) = request();
    let (first, rest) = request.split_at(30);
    let mut raw = Raw::with(&api, [&request, first].concat());
    assert_eq!(raw.answer().status, 200);
    raw.send(rest);
    assert_eq!(raw.answer().status, 200);
}

#[test]
fn requests_beyond_the_limit_in_flight_are_refused() {
    let folder = folder_with_model();
    let api = Api::start_with(folder.path(), &[], &[("MAX_IN_FLIGHT", "2")]);
    let line = format!("{NORMAL}\n");
    let mut streams = [(); 2].map(|()| Raw::with(&api, ndjson_head(2 * line.len()) + &line));
    // Each is in flight once its first line is answered.
    let answered = |stream: &mut Raw| std::iter::from_fn(|| stream.line()).any(|line| line.contains("is_anomaly"));
    streams.iter_mut().for_each(|stream| assert!(answered(stream)));
    let busy = || api.post("/predict", NORMAL);
    let answer = busy();
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")));
    assert!(answer.header("retry-after").is_some());
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("requests") && error.contains('2'), "{error}");
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    for mut stream in streams {
        stream.send(&line);
        assert!(answered(&mut stream));
    }
    eventually("none is in flight", || busy().status == 200);
    others_are_served(&api);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--max-connections", "4", "--header-timeout", LIMIT]);
    // Idle connections are closed when the limit is reached, four at a time.
    let mut idle: Vec<Raw> = (0..12).map(|_| Raw::connect(&api)).collect();
    others_are_served(&api);
    idle.iter_mut().for_each(Raw::wait_for_end);
    others_are_served(&api);
}

#[test]
fn ten_thousand_idle_connections_do_not_disturb_others() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", "600s"]);
    // Each takes one file here and one in the service; some are in use already.
    let most = usize::try_from(raise_file_limit().saturating_sub(500)).unwrap_or(usize::MAX);
    let wanted = most.min(10_000);
    println!("{wanted} idle connections");
    let idle: Vec<Raw> = (0..wanted).map(|_| Raw::connect(&api)).collect();
    eventually("all are accepted", || open_files(&api) >= wanted);
    others_are_served(&api);
    let mut last = idle.into_iter().next_back().unwrap();
    last.send(request().0);
    assert_eq!(last.answer().status, 200);
    let rows = LogFile::read(&api.log()).rows.len();
    assert_eq!((rows, api.terminate().code()), (2, Some(0)));
}

fn open_files(api: &Api) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", api.id())).unwrap().count()
}

#[test]
fn a_long_line_in_tiny_pieces_is_read_in_linear_time() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut raw = Raw::with(&api, head);
    // 700,000 pieces of one byte: searching the whole line again for each piece would be 2.5e11 steps, many minutes.
    raw.send("1\r\n \r\n".repeat(700_000));
    let line = format!("{NORMAL}\n");
    raw.send(format!("{:x}\r\n{line}\r\n0\r\n\r\n", line.len()));
    assert_eq!(raw.answer().body.lines().count(), 1);
    others_are_served(&api);
}
