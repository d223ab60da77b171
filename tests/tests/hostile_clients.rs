//! Clients that are slow, rude or broken: they get what they deserve, and the others are served meanwhile.
//!
//! Nothing is asserted about how long anything takes; what must happen is waited for.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, NORMAL, Raw, eventually, folder_with_model, post, post_large_batch, raise_file_limit};
use std::time::Duration;

/// Somebody else asks, and is answered.
fn others_are_served(api: &Api) {
    let answer = api.post("/predict", NORMAL);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(api.get("/health/ready").status, 200);
}

/// The request, and where its body begins.
fn request() -> (Vec<u8>, usize) {
    let request = post("/predict", "application/json", NORMAL);
    let body = request.len() - NORMAL.len();
    (request, body)
}

#[test]
fn a_head_that_comes_a_byte_at_a_time_is_given_up() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", "500ms"]);
    let (request, _) = request();
    let mut slow: Vec<Raw> = (0..20).map(|_| Raw::connect(&api)).collect();
    // Faster than a byte a second, and still far too slow for the whole head.
    for byte in &request[..20] {
        for raw in &mut slow {
            // From some byte on the service has hung up, which is what it should do.
            let _ = raw.try_send([*byte]);
        }
        others_are_served(&api);
        std::thread::sleep(Duration::from_millis(50));
    }
    slow.iter_mut().for_each(Raw::wait_for_end);
    others_are_served(&api);
}

#[test]
fn a_body_that_comes_a_byte_at_a_time_is_given_up() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", "500ms"]);
    let (request, body) = request();
    let mut slow: Vec<Raw> = (0..20).map(|_| Raw::with(&api, &request[..body])).collect();
    for byte in &request[body..body + 20] {
        for raw in &mut slow {
            let _ = raw.try_send([*byte]);
        }
        others_are_served(&api);
        std::thread::sleep(Duration::from_millis(50));
    }
    for raw in &mut slow {
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("content-type")), (408, Some("application/json")));
        assert!(answer.json()["error"].as_str().unwrap().contains("0.5 s"), "{}", answer.body);
        raw.wait_for_end();
    }
}

#[test]
fn an_answer_may_be_read_slowly_but_must_be_read() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", "500ms"]);
    let mut slow = Raw::connect_from_afar(&api);
    slow.send(post_large_batch(NORMAL));
    let answer = slow.read_slowly(Duration::from_secs(2));
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\"}]}"), "{} bytes came", answer.len());
    assert_eq!(answer.matches("anomaly_score").count(), 10_000);

    // It is logged and may be asked for again, but nobody waits for ever.
    let mut deaf = Raw::connect_from_afar(&api);
    deaf.send(post_large_batch(NORMAL));
    eventually("it is logged", || LogFile::read(&api.log()).rows.len() == 20_000);
    std::thread::sleep(Duration::from_millis(1_500));
    deaf.wait_for_end();
    others_are_served(&api);
}

#[test]
fn who_never_reads_the_answers_to_lines_is_given_up() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", "500ms", "--max-in-flight", "2"]);
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 999999999\r\n\r\n";
    let lines = format!("{NORMAL}\n").repeat(1_000);
    let mut deaf: Vec<Raw> = (0..2).map(|_| Raw::connect_from_afar(&api)).collect();
    std::thread::scope(|scope| {
        for raw in &mut deaf {
            // Until the service hangs up, all that it is asked for is in flight.
            scope.spawn(|| {
                raw.send(head);
                while raw.try_send(&lines).is_ok() {}
            });
        }
    });
    others_are_served(&api);
}

#[test]
fn lines_may_come_slowly_but_must_come() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", "500ms"]);
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 10000\r\n\r\n";
    let mut raw = Raw::with(&api, head);
    // Together slower than the limit, each piece faster.
    for piece in format!("{NORMAL}\n").as_bytes().chunks(2) {
        raw.send(piece);
        std::thread::sleep(Duration::from_millis(50));
    }
    raw.send(&NORMAL[..10]);
    let answer = raw.answer();
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!(lines.len(), 2, "{}", answer.body);
    assert!(lines[0].contains("anomaly_score") && lines[1].contains("0.5 s"), "{}", answer.body);
    others_are_served(&api);
}

#[test]
fn a_client_that_stops_sending_is_answered_all_the_same() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    // More than once: whether the end is heard before the answer is ready is a matter of luck.
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
fn a_body_shorter_than_it_says_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let (request, body) = request();
    for end in [body, body + 1, request.len() - 1] {
        let mut raw = Raw::with(&api, &request[..end]);
        raw.half_close();
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")), "{}", answer.body);
        raw.wait_for_end();
        // And one that just goes.
        drop(Raw::with(&api, &request[..end]));
    }
    assert_eq!(api.rows().len(), 0);
    others_are_served(&api);
}

#[test]
fn a_body_longer_than_it_says_is_another_request() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let mut raw = Raw::with(&api, [&request().0, &b"more of it\r\n\r\n"[..]].concat());
    assert_eq!(raw.answer().status, 200, "what was whole is answered");
    if let Some(answer) = raw.try_answer() {
        assert_eq!(answer.status, 400);
    }
    raw.wait_for_end();
    // The half of a reading is none.
    let half = format!("POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{NORMAL}", NORMAL.len() / 2);
    assert_eq!(Raw::with(&api, half).answer().status, 400);
    assert_eq!(LogFile::read(&api.log()).rows.len(), 1);
    others_are_served(&api);
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--body-timeout", "500ms"]);
    for (head, allowed) in [
        ("content-length: 99999999999999999999999", &[400][..]),
        ("content-length: -1", &[400]),
        ("content-length: 0x10", &[400]),
        ("content-length: 5\r\ncontent-length: 6", &[400]),
        // Which one holds is a matter of smuggling; 408 and 413 are of who believes the larger one.
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
fn what_is_no_http_ends_the_connection() {
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
        // Of a long one the service need not hear the end.
        let _ = raw.try_send(case);
        if let Some(answer) = raw.try_answer() {
            assert!((400..=505).contains(&answer.status), "{}", String::from_utf8_lossy(&case[..case.len().min(40)]));
        }
        raw.wait_for_end();
    }
    others_are_served(&api);
}

#[test]
fn requests_in_one_go_are_answered_in_order() {
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
fn more_than_may_be_under_way_are_sent_away() {
    let folder = folder_with_model();
    let api = Api::start_with(folder.path(), &[], &[("MAX_IN_FLIGHT", "2")]);
    let (request, body) = request();
    let ndjson =
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 57\r\n\r\n";
    let mut one = Raw::with(&api, &request[..body]);
    let mut stream = Raw::with(&api, ndjson);
    let busy = || api.post("/predict", NORMAL);
    eventually("two are under way", || busy().status == 503);
    let answer = busy();
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")));
    assert!(answer.header("retry-after").is_some());
    assert!(answer.json()["error"].as_str().unwrap().contains("limit 2"), "{}", answer.body);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    one.send(&request[body..]);
    assert_eq!(one.answer().status, 200);
    stream.send(format!("{NORMAL}\n"));
    assert_eq!(stream.answer().body.lines().count(), 1);
    eventually("both places are free again", || busy().status == 200);
    others_are_served(&api);
}

#[test]
fn more_connections_than_may_be_open_wait_their_turn() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--max-connections", "4", "--header-timeout", "500ms"]);
    // They are idle, and so lose their places after a while.
    let mut idle: Vec<Raw> = (0..40).map(|_| Raw::connect(&api)).collect();
    others_are_served(&api);
    idle.iter_mut().for_each(Raw::wait_for_end);
    others_are_served(&api);
}

#[test]
fn ten_thousand_idle_connections_disturb_nobody() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--header-timeout", "600s"]);
    // Each takes a file here and one there; some are in use already.
    let most = usize::try_from(raise_file_limit().saturating_sub(500)).unwrap_or(usize::MAX);
    let wanted = most.min(10_000);
    println!("{wanted} idle connections");
    let idle: Vec<Raw> = (0..wanted).map(|_| Raw::connect(&api)).collect();
    eventually("all are taken", || open_files(&api) >= wanted);
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
fn a_long_line_in_tiny_pieces_costs_no_more_than_its_length() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut raw = Raw::with(&api, head);
    // 700,000 pieces of a byte: looking through all that is there at each would be 2.5e11 looks, many minutes.
    raw.send("1\r\n \r\n".repeat(700_000));
    let line = format!("{NORMAL}\n");
    raw.send(format!("{:x}\r\n{line}\r\n0\r\n\r\n", line.len()));
    assert_eq!(raw.answer().body.lines().count(), 1);
    others_are_served(&api);
}
