//! `evaluate` replays a recording as the service would have: row by row the same as the prediction log.

#![allow(clippy::unwrap_used)]

use e2e::{AlarmFigures, Recording, evaluate_agrees, replayed};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Rows of ten minutes; a part of them is missing, which is a gap in time.
const GAP: Range<i64> = 700..760;
const FAULT: Range<i64> = 900..1_000;

/// Three sensors that follow one load and some noise; in the fault the second moves away. One cell in fifty is empty.
fn write(path: PathBuf, rows: Range<i64>, fault: Range<i64>, seed: u64) -> PathBuf {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
    let mut text = "timestamp,load,bearing,gearbox,is_fault\n".to_owned();
    for i in rows.filter(|row| !GAP.contains(row)) {
        let load = (i as f64 / 30.0).sin() * 10.0 + noise();
        let drift = if fault.contains(&i) { (i - fault.start) as f64 / 10.0 } else { 0.0 };
        let bearing = 40.0 + 0.8 * load + 0.5 * noise() + drift;
        let bearing = if i % 50 == 7 { String::new() } else { format!("{bearing:.3}") };
        let gearbox = 55.0 - 0.5 * load + 0.5 * noise();
        let time = start + SignedDuration::from_mins(10 * i);
        writeln!(text, "{time},{load:.3},{bearing},{gearbox:.3},{}", u8::from(fault.contains(&i))).unwrap();
    }
    std::fs::write(&path, text).unwrap();
    path
}

fn recording(folder: &Path) -> Recording {
    Recording {
        train: write(folder.join("train.csv"), 0..2_000, 0..0, 1),
        stream: write(folder.join("stream.csv"), 0..1_200, FAULT, 2),
        features: Vec::new(),
    }
}

#[test]
fn evaluate_and_the_log_say_the_same_of_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let recording = recording(folder.path());
    let (_api, log, _) = replayed(folder.path(), &recording, &[], &["--batch", "50"]);
    let labels = recording.labels(&["load", "bearing", "gearbox"]);
    assert_eq!(log.rows.len(), labels.len());
    evaluate_agrees(folder.path(), &recording, &log);
    // Alarms, and what comes behind a gap, are among the rows that were compared.
    let labels: Vec<bool> = log.rows.iter().map(|row| labels[&row.timestamp]).collect();
    let figures = AlarmFigures::of(&log, &labels);
    assert!(figures.roc_auc > 0.9 && figures.f1 > 0.7 && figures.normal_time < 0.1, "{figures:?}");
    let times: Vec<Timestamp> = log.rows.iter().map(|row| row.timestamp.parse().unwrap()).collect();
    let longest = times.windows(2).map(|pair| pair[1].duration_since(pair[0])).max();
    assert!(longest >= Some(SignedDuration::from_mins(600)), "{longest:?}");
}
