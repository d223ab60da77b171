//! `kill -9` at random moments under load: alarms, silence and stuck sensors are a fold over the prediction log afterwards,
//! and each alarm that the log implies is in `alarms.csv` once, in the log's order.
//!
//! `KILL_ROUNDS` sets the number of kills, 20 if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, LogRow, MODEL_PATH, Raw, post, run};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// The first half of them sends times of long ago, and is silent.
const TURBINES: i64 = 6;
/// Readings of each turbine in a request.
const BATCH: i64 = 10;
/// How much less a reading weighs in the smoothed surprisal than the one after it: 1 − 2 / (span + 1), span 5.
const FADING: f64 = 2.0 / 3.0;
/// A sensor is stuck from this many readings with one value on: in training, none repeats.
const STUCK_AFTER: u32 = 20;

fn rounds() -> u32 {
    let rounds = std::env::var("KILL_ROUNDS").unwrap_or_else(|_| "20".to_owned());
    rounds.parse().unwrap_or_else(|_| panic!("KILL_ROUNDS is a number, not {rounds:?}"))
}

fn noise(i: i64) -> f64 {
    (i * 7_919).rem_euclid(1_009) as f64 / 1_009.0
}

/// The sensors `a` and `b` in reading number `i`: normal, a fault, normal, and `b` held.
fn values(i: i64) -> [f64; 2] {
    let a = (i as f64 / 20.0).sin() + 0.2 * noise(i);
    let b = a + 0.2 * noise(3 * i + 1);
    match i % 200 {
        100..130 => [a, b + 8.0],
        160..200 => [a, 0.25],
        _ => [a, b],
    }
}

fn train(folder: &Path) {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let row = |i: i64| {
        let [a, b] = values(i * 200 + i % 100);
        format!("{},{a},{b}\n", start + INTERVAL * i as i32)
    };
    let csv = "timestamp,a,b\n".to_owned() + &(0..1_500).map(row).collect::<String>();
    std::fs::write(folder.join("data.csv"), csv).unwrap();
    let args = ["--data", "data.csv", "--timestamp", "timestamp", "--n-estimators", "20", "--model", MODEL_PATH];
    let trained = run("train", folder, &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
}

fn begin(turbine: i64) -> Timestamp {
    if turbine < TURBINES / 2 {
        "2020-01-01T00:00:00Z".parse().unwrap()
    } else {
        Timestamp::now().round(jiff::Unit::Hour).unwrap()
    }
}

/// Request number `n`: the next readings of each turbine, and one that comes late.
fn request(begins: &[Timestamp], n: i64) -> Vec<u8> {
    let mut lines = String::new();
    let mut push = |turbine: i64, time: Timestamp, [a, b]: [f64; 2]| {
        lines +=
            &json!({"turbine_id": format!("T{turbine}"), "timestamp": time.to_string(), "a": a, "b": b}).to_string();
        lines.push('\n');
    };
    for (turbine, &begin) in (0..).zip(begins) {
        for i in n * BATCH..(n + 1) * BATCH {
            push(turbine, begin + INTERVAL * i as i32, values(i + 50 * turbine));
        }
        push(turbine, begin + INTERVAL * (n * BATCH) as i32 - INTERVAL / 2, [9.0, -9.0]);
    }
    post("/predict/batch", "application/x-ndjson", lines)
}

/// Sends requests from number `n` on until the service is gone; returns the first that was not answered.
fn load(api: &Api, begins: &[Timestamp], mut n: i64) -> i64 {
    let Ok(mut connection) = Raw::try_connect(api) else { return n };
    while connection.try_send(request(begins, n)).is_ok() {
        let Some(answer) = connection.try_answer() else { break };
        assert_eq!((answer.status, answer.body.lines().count()), (200, (TURBINES * (BATCH + 1)) as usize));
        assert!(!answer.body.contains("\"error\""), "{:.300}", answer.body);
        n += 1;
    }
    n
}

/// What the rows of one turbine imply.
#[derive(Default)]
struct Folded {
    last: Option<Timestamp>,
    raised: Option<Timestamp>,
    peak: f64,
    smoothed: f64,
    /// The weight of all readings, the newest having 1.
    weight: f64,
    /// Value and number of readings with it, sensor by sensor.
    held: [(f64, u32); 2],
}

/// Events of the log in its order: id, and `raised` or `cleared`; and the alarms by id: when it was cleared, and its peak.
type Alarms = (Vec<(String, String)>, BTreeMap<String, (Option<Timestamp>, f64)>);

fn fold(rows: &[LogRow]) -> (BTreeMap<&str, Folded>, Alarms) {
    let mut turbines: BTreeMap<&str, Folded> = BTreeMap::new();
    let (mut events, mut alarms) = (Vec::new(), BTreeMap::new());
    for row in rows {
        let time: Timestamp = row.timestamp.parse().unwrap();
        let turbine = turbines.entry(&row.turbine_id).or_default();
        if turbine.last.is_some_and(|last| time <= last) {
            continue;
        }
        // With `none`, a kill loses answered rows: a gap, after which smoothing begins again.
        if turbine.last.is_some_and(|last| time.duration_since(last) > INTERVAL * 10) {
            turbine.weight = 0.0;
        }
        turbine.last = Some(time);
        for (held, &value) in turbine.held.iter_mut().zip(&row.values) {
            *held = if held.0 == value && held.1 > 0 { (value, held.1 + 1) } else { (value, 1) };
        }
        let smoothed = row.smoothed_surprisal.unwrap();
        turbine.weight = FADING * turbine.weight + 1.0;
        turbine.smoothed += (row.surprisal.unwrap() - turbine.smoothed) / turbine.weight;
        let difference = (turbine.smoothed - smoothed).abs();
        assert!(difference <= 1e-9 * smoothed.max(1.0), "smoothing differs or began again: {row:?}");
        let id = |raised: Timestamp| format!("{}@{raised}", row.turbine_id);
        match (turbine.raised, row.in_alarm) {
            (None, true) => {
                (turbine.raised, turbine.peak) = (Some(time), smoothed);
                events.push((id(time), "raised".to_owned()));
                alarms.insert(id(time), (None, smoothed));
            }
            (Some(raised), true) => {
                turbine.peak = turbine.peak.max(smoothed);
                alarms.insert(id(raised), (None, turbine.peak));
            }
            (Some(raised), false) => {
                turbine.raised = None;
                events.push((id(raised), "cleared".to_owned()));
                alarms.insert(id(raised), (Some(time), turbine.peak));
            }
            (None, false) => {}
        }
    }
    (turbines, (events, alarms))
}

/// Asserts that the service says what the log implies; returns how many alarms there were, and how many are running, silent
/// turbines and stuck sensors.
fn agrees(api: &Api, folder: &Path) -> [usize; 4] {
    let rows = LogFile::rows_of_set(&folder.join("outputs/predictions_log.csv"));
    let (folded, (events, alarms)) = fold(&rows);
    let said = api.get("/turbines").json();
    let said = said["turbines"].as_array().unwrap();
    assert_eq!(said.len(), folded.len());
    let mut counts = [alarms.len(), 0, 0, 0];
    for (said, (id, turbine)) in said.iter().zip(&folded) {
        let silent = turbine.last.unwrap() + INTERVAL * 10 < Timestamp::now();
        let stuck: Vec<&str> = (0..2).filter(|&i| turbine.held[i].1 >= STUCK_AFTER).map(|i| ["a", "b"][i]).collect();
        let raised = turbine.raised.map(|raised| raised.to_string());
        let expected = json!({
            "turbine_id": id, "last_reading": turbine.last.map(|last| last.to_string()),
            "in_alarm": raised.is_some(), "alarm_since": raised, "silent": silent, "stuck": stuck,
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&said[key], value, "{key} of {said}");
        }
        let more = [0, usize::from(turbine.raised.is_some()), usize::from(silent), stuck.len()];
        counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    }
    let listed = api.get("/alarms?limit=10000").json();
    let time = |value: &Value| value.as_str().map(|text| text.parse::<Timestamp>().unwrap());
    let listed = listed["alarms"].as_array().unwrap().iter();
    let listed: Vec<(String, (Option<Timestamp>, f64))> = listed
        .map(|it| (it["id"].as_str().unwrap().to_owned(), (time(&it["cleared"]), it["peak"].as_f64().unwrap())))
        .collect();
    assert_eq!(listed.len(), alarms.len(), "an alarm is listed twice or not at all");
    assert_eq!(listed.into_iter().collect::<BTreeMap<_, _>>(), alarms);
    let figures = api.figures();
    let gauges = ["turbine_alarms_active", "turbine_turbines_silent", "turbine_sensors_stuck"];
    assert_eq!(gauges.map(|name| figures[name] as usize), counts[1..]);
    if !events.is_empty() {
        let mut csv = csv::Reader::from_path(folder.join("outputs/alarms.csv")).unwrap();
        let written = csv.records().map(Result::unwrap).map(|row| (row[0].to_owned(), row[1].to_owned()));
        assert_eq!(written.collect::<Vec<_>>(), events, "alarms.csv");
    }
    counts
}

fn survives_being_killed(sync: &str, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    train(folder.path());
    let begins: Vec<Timestamp> = (0..TURBINES).map(begin).collect();
    let args = ["--log-sync", sync, "--log-max-bytes", "256KiB"];
    let (mut n, mut most) = (0, [0; 4]);
    for round in 0..rounds() {
        let api = Api::start(folder.path(), &args);
        let counts = agrees(&api, folder.path());
        most.iter_mut().zip(counts).for_each(|(most, count)| *most = count.max(*most));
        let life = Duration::from_micros(u64::from(rng.next_u32() % 150_000));
        n = std::thread::scope(|scope| {
            let client = scope.spawn(|| load(&api, &begins, n));
            std::thread::sleep(life);
            // Now and then a stop in good order, so that the next start has a snapshot to go on from.
            api.signal(if round % 5 == 4 { "TERM" } else { "KILL" });
            client.join().unwrap()
        });
        api.wait();
    }
    let api = Api::start(folder.path(), &args);
    let [alarms, running, silent, stuck] = agrees(&api, folder.path());
    eprintln!("{sync}: {} rounds, {n} requests answered, {alarms} alarms", rounds());
    let most = [alarms, running.max(most[1]), silent.max(most[2]), stuck.max(most[3])];
    assert!(most.iter().all(|&count| count > 0), "alarms, running, silent, stuck: {most:?}");
}

#[test]
fn alarms_silence_and_stuck_sensors_survive_with_write() {
    survives_being_killed("write", 3);
}

#[test]
fn alarms_silence_and_stuck_sensors_survive_with_none() {
    survives_being_killed("none", 4);
}
