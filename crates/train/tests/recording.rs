//! Runs the program `train` on recordings and imported forests, and checks model, output and errors.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use turbine_core::detector::DetectorKind;
use turbine_core::model::Model;
use turbine_core::monitor::{AlarmTarget, MonitorSettings, Sensitivity};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interop/golden/model.json");

/// Runs `train` in a folder, with little to fit; its exit status, output and errors.
fn train(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_train"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("MODEL_PATH")
        .env_remove("OUTPUTS_DIR")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Trains on `csv`; the model and the output.
fn trained(csv: &str, arguments: &[&str]) -> (Model, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), csv).unwrap();
    let arguments = [&["--data", "d.csv", "--n-estimators", "20"], arguments].concat();
    let (success, output, errors) = train(folder.path(), &arguments);
    assert!(success, "{errors}");
    (Model::load(&folder.path().join("models/turbine_iforest.json")).unwrap(), output)
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

/// 1,000 readings, one in ten minutes, of two sensors that move together and one that stands still; the last `faults` are
/// labelled, and the second sensor is off in them. The first row has no heat.
fn recording(faults: usize) -> String {
    let mut csv = "time,load,heat,still,fault\n2026-01-01T00:00:00Z,1,,4,0\n".to_owned();
    let first: jiff::Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    for i in 0..1_000_usize {
        let is_fault = i >= 1_000 - faults;
        let load = (i as f64 / 30.0).sin() * 5.0 + ((i * 7_919) % 1_009) as f64 / 500.0;
        let heat = 2.0 * load + ((i * 31) % 101) as f64 / 100.0 + if is_fault { 6.0 } else { 0.0 };
        let time = first + jiff::SignedDuration::from_mins(10 * i as i64);
        writeln!(csv, "{time},{load},{heat},4,{}", u8::from(is_fault)).unwrap();
    }
    csv
}

const ROLES: [&str; 4] = ["--label", "fault", "--timestamp", "time"];

#[test]
fn a_recording_is_learnt_by_its_normal_rows_in_time() {
    let (model, output) = trained(&recording(100), &[&ROLES[..], &["--features", "load,heat,still"]].concat());
    assert_eq!(model.detector().kind(), DetectorKind::ForestAndNeighbours);
    assert_eq!((model.training().rows, model.params().extension_level), (900, 0));
    let MonitorSettings { smoothing_span, typical_interval, alarm, longest_unchanged } = model.monitor().settings();
    assert_eq!((*smoothing_span, *typical_interval, longest_unchanged[2]), (5, Some(600.0), 900));
    let alarm = alarm.unwrap();
    assert_eq!(alarm.target, AlarmTarget::Sensitivity(Sensitivity::Balanced));
    assert_contains(
        &output,
        &[
            "1,000 readings of d.csv, 100 labelled anomalous; 1 rows skipped for an empty or unusable cell (heat: 1)",
            "split: 700 Train, 100 Val, 200 Test, in the order of time",
            "fitted to: 900 readings of all three parts; 100 labelled as faults left out",
            "typical interval: 600 s between readings",
            "detector: forest+neighbours",
            "forest: 20 trees of 256 readings, extension level 0, seed 42",
            "neighbours: the nearest of 256 readings; not used, since the value never changes: still",
            &format!("threshold: {:.4} (by contamination 0.05)\n", model.threshold()),
            "evaluation: of a model fitted to Train alone; its threshold 0.",
            &format!(
                "raised above a smoothed surprisal of {:.2}, cleared below {:.2} (balanced, span 5)",
                alarm.raise_above, alarm.clear_below
            ),
            "false alarms to expect: ",
            " a day and turbine\n",
            "metrics of the model fitted to Train:\n",
        ],
    );
    assert!(!output.contains("WARNING") && !output.contains("unknown"), "{output}");
}

#[test]
fn rows_labelled_as_faults_are_not_learnt() {
    let clean = recording(100);
    let wild = |line: &str| match line.strip_suffix(",1") {
        Some(_) => format!("{},99,-99,9,1\n", &line[..20]),
        None => format!("{line}\n"),
    };
    let wild: String = clean.lines().map(wild).collect();
    let without_times = ["--label", "fault", "--features", "load,heat", "--exclude", "time"];
    for arguments in [&ROLES[..], &without_times] {
        let [(clean, _), (wild, _)] = [&clean, &wild].map(|csv| trained(csv, arguments));
        let learnt = |model: &Model| (model.detector().clone(), model.monitor().clone(), model.threshold());
        assert!(learnt(&clean) == learnt(&wild), "{arguments:?}");
    }
}

#[test]
fn detector_and_alarm_follow_the_flags() {
    let alarm = |arguments: &[&str]| {
        let (model, output) = trained(&recording(0), &[&ROLES, arguments].concat());
        let settings = model.monitor().settings().clone();
        (model.detector().kind(), settings.alarm.unwrap(), settings.smoothing_span, output)
    };
    let (_, sensitive, ..) = alarm(&["--sensitivity", "sensitive"]);
    let (_, balanced, ..) = alarm(&["--sensitivity", "balanced"]);
    let (_, quiet, ..) = alarm(&["--sensitivity", "quiet"]);
    assert!(sensitive.raise_above < balanced.raise_above && balanced.raise_above < quiet.raise_above);
    assert!(balanced.expected_per_day > quiet.expected_per_day, "{balanced:?} {quiet:?}");

    let (_, rate, _, output) = alarm(&["--false-alarms-per-day", "0.25"]);
    assert!((rate.expected_per_day.unwrap() - 0.25).abs() < 1e-9, "{rate:?}");
    assert_contains(&output, &["(for 0.25 false alarms a day, span 5)", "to expect: 0.25 a day and turbine"]);

    let (_, unsmoothed, span, output) = alarm(&["--smoothing", "1"]);
    assert!(span == 1 && unsmoothed.raise_above > balanced.raise_above, "{unsmoothed:?} {balanced:?}");
    assert_contains(&output, &["(balanced, span 1)"]);

    let (kind, .., output) = alarm(&["--detector", "forest", "--features", "load,heat", "--extension-level", "1"]);
    assert_eq!(kind, DetectorKind::Forest);
    assert_contains(&output, &["detector: forest\n", "extension level 1"]);
    assert!(!output.contains("neighbours"), "{output}");
}

#[test]
fn without_times_neither_interval_nor_rate_is_known() {
    let (model, output) = trained(&recording(0), &["--label", "fault", "--exclude", "time"]);
    let MonitorSettings { typical_interval, alarm, longest_unchanged, .. } = model.monitor().settings();
    assert_eq!((*typical_interval, alarm.unwrap().expected_per_day), (None, None));
    assert!(longest_unchanged.is_empty(), "the order is unknown: {longest_unchanged:?}");
    assert_contains(
        &output,
        &[
            "typical interval: unknown (name the column of times with --timestamp). Silent turbines and stuck sensors are not reported",
            "false alarms to expect: unknown without the time between readings",
            "fitted to: 700 readings of Train; 0 labelled as faults left out",
        ],
    );
}

#[test]
fn many_faults_or_flags_are_warned_of() {
    let warnings = |csv: &str, arguments: &[&str]| {
        let (_, output) = trained(csv, &[&ROLES, arguments].concat());
        output.lines().filter(|line| line.contains("WARNING")).map(str::to_owned).collect::<Vec<_>>()
    };
    let cases: [(usize, &[&str], &[&str]); 4] = [
        (200, &[], &[]),
        (201, &[], &["20.1% of the rows are labelled as faults"]),
        (0, &["--contamination", "0.5"], &["% of Train, more than 20%"]),
        (0, &["--detector", "forest", "--features", "load,heat", "--contamination", "0.2"], &[]),
    ];
    for (faults, arguments, expected) in cases {
        let found = warnings(&recording(faults), arguments);
        let agree = found.iter().zip(expected).all(|(found, expected)| found.contains(expected));
        assert!(found.len() == expected.len() && agree, "{faults} faults, {arguments:?}: {found:?}");
    }
}

#[test]
fn ranges_and_missing_values_leave_rows_out() {
    let dead = |line: &str| line.replacen(line.split(',').nth(1).unwrap(), "-9999", 1);
    let csv: String = recording(0).lines().enumerate().fold(String::new(), |text, (i, line)| {
        text + &if i > 1 && i % 100 == 0 { dead(line) } else { line.to_owned() } + "\n"
    });
    let (_, output) = trained(&csv, &ROLES);
    assert_contains(
        &output,
        &[
            "columns read (2): load, heat",
            "constant, always 4",
            "load is -9999 in 10 rows",
            "add --missing-value -9999",
        ],
    );
    let (_, output) = trained(&csv, &[&ROLES[..], &["--missing-value", "-9999"]].concat());
    assert_contains(&output, &["990 readings of d.csv", "(heat: 1, load: 10)"]);
    assert!(!output.contains("WARNING"), "{output}");
    let (model, output) = trained(&csv, &[&ROLES[..], &["--range", "load=-40..150"]].concat());
    assert_contains(&output, &["990 readings of d.csv", "(heat: 1, load out of range: 10)"]);
    assert_eq!(model.features()[0].range.map(|range| (range.min, range.max)), Some((-40.0, 150.0)));
}

/// Normal readings of the golden model's three features, one in ten seconds, and some faults.
fn normal_readings() -> String {
    let mut csv = "time,sound_volume,temperature,humidity,fault\n".to_owned();
    let first: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let simulated = turbine_core::simulation::training_set(1_000, 0.05, 3);
    for (i, (reading, fault)) in simulated.readings().chunks(3).zip(simulated.labels().unwrap()).enumerate() {
        let [temperature, humidity, sound_volume] = reading else { unreachable!("three features") };
        let time = first + jiff::SignedDuration::from_secs(10 * i as i64);
        writeln!(csv, "{time},{sound_volume},{temperature},{humidity},{}", u8::from(*fault)).unwrap();
    }
    csv
}

#[test]
fn an_imported_forest_is_calibrated() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("normal.csv"), normal_readings()).unwrap();
    let arguments = ["--import", GOLDEN, "--data", "normal.csv", "--model", "m.json", "--sensitivity", "quiet"];
    let (success, output, errors) = train(folder.path(), &[&arguments, &ROLES[..]].concat());
    assert!(success, "{errors}");
    assert_contains(
        &output,
        &[
            "1,000 readings of normal.csv, 50 labelled anomalous",
            "calibrated by: the forest's scores of 950 readings; 50 labelled as faults left out",
            "typical interval: 10 s between readings",
            ", as imported",
            "(quiet, span 5)",
            "false alarms to expect: ",
            "wrote m.json",
        ],
    );
    let (imported, model) =
        (Model::load(Path::new(GOLDEN)).unwrap(), Model::load(&folder.path().join("m.json")).unwrap());
    assert_eq!((model.forest(), model.scaler()), (imported.forest(), imported.scaler()));
    assert_eq!((model.threshold(), model.features()), (imported.threshold(), imported.features()));
    assert!(model.detector().is_calibrated() && model.monitor().settings().alarm.is_some());
    assert!(!folder.path().join("outputs").exists(), "an import draws nothing");
}

#[test]
fn what_cannot_be_imported_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("normal.csv"), normal_readings()).unwrap();
    fs::write(folder.path().join("other.csv"), recording(0)).unwrap();
    assert!(train(folder.path(), &["--n-estimators", "5", "--model", "own.json"]).0);
    // (arguments, parts of the error message)
    let cases: [(&[&str], &[&str]); 3] = [
        (&["--import", "own.json", "--data", "normal.csv"], &["--import own.json", "trained by this program"]),
        (&["--import", GOLDEN, "--data", "other.csv"], &["other.csv", "no column \"temperature\""]),
        (
            &["--import", GOLDEN, "--data", "normal.csv", "--exclude", "time", "--false-alarms-per-day", "1"],
            &["--timestamp"],
        ),
    ];
    for (arguments, expected) in cases {
        let (success, _, errors) = train(folder.path(), &[arguments, &["--model", "m.json"]].concat());
        assert!(!success && !folder.path().join("m.json").exists(), "{arguments:?}");
        assert_contains(&errors, expected);
    }
}
