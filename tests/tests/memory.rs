//! All requests and answers together stay below `--max-memory`, whatever clients send.
//!
//! `MEMORY_ROUNDS` sets how often each client sends its largest refusal, 20 times if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Answered, Api, NORMAL, Raw, eventually, folder_with_model, post, train_other_features};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const FEATURES: usize = 64;
const READINGS: usize = 10_000;

/// The most resident memory that the service may ever have, in kB.
const MAX_RESIDENT: u64 = 120 << 10;

fn rounds() -> u32 {
    let rounds = std::env::var("MEMORY_ROUNDS").unwrap_or_else(|_| "20".to_owned());
    rounds.parse().unwrap_or_else(|_| panic!("MEMORY_ROUNDS is a number, not {rounds:?}"))
}

/// A batch of empty readings, each with a fault for every feature.
fn faulty_batch() -> String {
    format!("{{\"readings\":[{}]}}", vec!["{}"; READINGS].join(","))
}

fn good_reading() -> String {
    let values: serde_json::Map<String, Value> = (0..FEATURES).map(|i| (format!("s{i}"), json!(500))).collect();
    Value::from(values).to_string()
}

/// The first 100 faults, and how many more there are.
fn assert_lists_some(answer: &Answered, faults: usize) {
    let refusal = answer.json();
    let listed = refusal["faults"].as_array().unwrap_or_else(|| panic!("{:.300}", answer.body)).len();
    assert_eq!((answer.status, listed, &refusal["more_faults"]), (400, 100, &json!(faults - 100)));
    assert!(refusal["error"].as_str().unwrap().len() < 4_000);
}

#[test]
fn refusals_with_640_000_faults_stay_small_and_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    train_other_features(folder.path(), FEATURES);
    let api = Api::start(folder.path(), &[]);
    let (batch, reading, done) = (faulty_batch(), good_reading(), AtomicBool::new(false));
    let (turned_away, served) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let answer = api.post("/predict", &reading);
                assert_eq!(answer.status, 200, "{}", answer.body);
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        let clients: Vec<_> =
            (0..4).map(|_| scope.spawn(|| refuse_again_and_again(&api, &batch, &turned_away))).collect();
        let finished: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        done.store(true, Ordering::Relaxed);
        others.join().unwrap();
        finished.into_iter().for_each(|client| client.unwrap());
    });
    let (peak, turned_away, served) = (api.proc_status("VmHWM"), turned_away.into_inner(), served.into_inner());
    println!("peak {peak} kB; {served} others served; {turned_away} requests turned away until there was memory");
    assert!(peak <= MAX_RESIDENT, "{peak} kB resident");
    assert!(served > 0);
}

/// A request that does not fit into memory may be turned away with 503, and is sent again.
fn refuse_again_and_again(api: &Api, batch: &str, turned_away: &AtomicU32) {
    for _ in 0..rounds() {
        eventually("the batch is refused for its faults", || {
            let answer = api.post("/predict/batch", batch);
            if answer.status == 503 {
                assert!(answer.header("retry-after").is_some(), "{}", answer.body);
                turned_away.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            assert_lists_some(&answer, READINGS * FEATURES);
            true
        });
    }
}

#[test]
fn a_refusal_lists_a_hundred_faults() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let batch = |readings: usize| format!("{{\"readings\":[{}]}}", vec!["{}"; readings].join(","));
    // Three faults a reading: 99, 102, 30,000.
    let few = api.post("/predict/batch", batch(33)).json();
    assert_eq!((few["faults"].as_array().unwrap().len(), few.get("more_faults")), (99, None));
    assert_lists_some(&api.post("/predict/batch", batch(34)), 102);
    assert_lists_some(&api.post("/predict/batch", batch(10_000)), 30_000);
    assert_eq!(api.rows().len(), 0);
}

#[test]
fn bodies_beyond_the_memory_limit_are_turned_away() {
    let folder = folder_with_model();
    let args = ["--max-memory", "4MiB", "--max-body-bytes", "1MiB", "--body-timeout", "60s"];
    let api = Api::start(folder.path(), &args);
    // Bodies of 1 MB whose last byte does not come: they are held until then.
    let filler = format!("{},\"more\":\"{}\"}}", NORMAL.trim_end_matches('}'), "x".repeat(1_000_000));
    let request = post("/predict", "application/json", &filler);
    let (most, last) = request.split_at(request.len() - 1);
    let mut held: Vec<Raw> = Vec::new();
    let mut answer = None;
    eventually("there is no memory left", || {
        let mut raw = Raw::connect(&api);
        // A refused request may be hung up on before its end.
        let _ = raw.try_send(most);
        held.push(raw);
        let latest = api.post("/predict", &filler);
        assert!(matches!(latest.status, 200 | 503), "{}", latest.body);
        answer = (latest.status == 503).then_some(latest);
        answer.is_some()
    });
    let answer = answer.unwrap();
    assert!(answer.header("retry-after").is_some());
    assert!(answer.json()["error"].as_str().unwrap().contains("retry"), "{}", answer.body);
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    // What was accepted is answered, and the memory is free again.
    held.iter_mut().for_each(|raw| drop(raw.try_send(last)));
    let statuses: Vec<u16> = held.iter_mut().filter_map(|raw| Some(raw.try_answer()?.status)).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    drop(held);
    eventually("there is memory again", || api.post("/predict", &filler).status == 200);
}
