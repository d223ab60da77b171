//! The program `evaluate`, as it is run: its table, picture, readings, lines and errors.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use turbine_core::dataset::Dataset;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::FeatureSet;
use turbine_core::monitor::{AlarmTarget, Sensitivity};
use turbine_core::training::{TrainingParams, train};
use viz::chart::style;

const INTERVAL: usize = 600;
/// The readings of the planted fault.
const FAULT: std::ops::Range<usize> = 300..350;
const N_READINGS: usize = 600;

/// Two sensors that move together but for some noise; in a fault the second drifts away.
fn reading(i: usize, is_fault: bool) -> [f64; 2] {
    let noise = |i: usize| ((i * 7_919) % 1_009) as f64 / 1_009.0;
    let wave = (i as f64 / 20.0).sin();
    let drift = if is_fault { 0.04 * (i - FAULT.start) as f64 } else { 0.0 };
    [wave + 0.2 * noise(i), wave + 0.2 * noise(3 * i) + drift]
}

fn time(i: usize) -> Timestamp {
    Timestamp::from_second(1_772_400_000 + (i * INTERVAL) as i64).unwrap()
}

fn row(i: usize, turbine: &str, is_fault: bool) -> String {
    let [a, b] = reading(i, is_fault);
    format!("{},{turbine},{a},{b},{}\n", time(i), u8::from(is_fault))
}

const HEADER: &str = "when,id,a,b,fault\n";

/// A recording with the planted fault, and a row without a value.
fn faulty() -> String {
    let rows = (0..N_READINGS).map(|i| row(i, "W1", FAULT.contains(&i)));
    HEADER.to_owned() + &rows.collect::<String>() + "2026-12-01T00:00:00Z,W1,,1,0\n"
}

/// Normal running, without labels.
fn normal() -> String {
    let row = |i| row(i, "W1", false).trim_end().strip_suffix(",0").unwrap().to_owned() + "\n";
    "when,id,a,b\n".to_owned() + &(0..1_000).map(row).collect::<String>()
}

static MODEL: LazyLock<String> = LazyLock::new(|| {
    let readings = (0..1_000).flat_map(|i| reading(i, false)).collect();
    let dataset = Dataset::new(FeatureSet::from_names(["a", "b"]).unwrap(), readings, None);
    let params = TrainingParams {
        detector: DetectorKind::ForestAndNeighbours,
        alarm: AlarmTarget::Sensitivity(Sensitivity::Quiet),
        ..TrainingParams::default()
    };
    train(&dataset.with_times((0..1_000).map(time).collect()), &params).unwrap().model.to_json()
});

/// A folder with the model where it is looked for, the recording `d.csv`, and normal running in `n.csv`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    fs::write(folder.path().join("models/turbine_iforest.json"), MODEL.as_bytes()).unwrap();
    fs::write(folder.path().join("d.csv"), faulty()).unwrap();
    fs::write(folder.path().join("n.csv"), normal()).unwrap();
    folder
}

const ROLES: [&str; 6] = ["--data", "d.csv", "--label", "fault", "--timestamp", "when"];

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    command.args(arguments).current_dir(folder).env_remove("MODEL_PATH").env_remove("OUTPUTS_DIR");
    command
}

fn evaluate(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.lines().all(|line| line.starts_with("[evaluate] ")), "only lines of progress: {errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

type Row = HashMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn table(folder: &Path) -> Vec<Row> {
    rows(&folder.join("outputs/evaluation.csv"))
}

/// Width, height, and how many pixels have each of the colours.
fn picture(folder: &Path, colors: [style::Color; 2]) -> (u32, u32, [usize; 2]) {
    let file = File::open(folder.join("outputs/evaluation.png")).unwrap();
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let count = |color: style::Color| pixels.chunks_exact(3).filter(|pixel| **pixel == color.rgb).count();
    (reader.info().width, reader.info().height, colors.map(count))
}

fn fault_color() -> style::Color {
    style::WHITE.blend(style::ORANGE, 0.28)
}

#[test]
fn a_planted_fault_is_found_in_time_and_nothing_else() {
    let folder = folder();
    let arguments = [&ROLES[..], &["--train", "n.csv", "--readings", "r.csv"]].concat();
    let text = text(&evaluate(folder.path(), &arguments));
    assert!(text.contains("600 readings of d.csv, 50 labelled as faults"), "{text}");
    assert!(text.contains("1 rows left out") && text.contains("(a: 1)"), "{text}");
    assert!(text.contains("fitted to 1,000 normal readings of n.csv") && text.contains("(quiet)"), "{text}");

    let readings = rows(&folder.path().join("r.csv"));
    assert_eq!(readings.len(), N_READINGS);
    let found = readings.iter().position(|row| row["in_alarm"] == "1").unwrap();
    // Not at the first reading, which does not deviate yet; after 25 the drift is five times as large as the noise.
    assert!((FAULT.start + 1..FAULT.start + 25).contains(&found), "{found}");
    let table = table(folder.path());
    let names: Vec<&str> = table.iter().map(|row| row["Detector"].as_str()).collect();
    assert_eq!(names, ["this model", "always on", "forest alone", "Mahalanobis", "PCA T²+Q"]);
    let ours = &table[0];
    assert_eq!((&*ours["Events_Found"], &*ours["Events"], &*ours["False_Alarms"]), ("1", "1", "0"));
    assert_eq!(ours["Median_Delay_Sec"], ((found - FAULT.start) * INTERVAL).to_string());
    assert_eq!(ours["Median_Lead_Sec"], ((FAULT.end - 1 - found) * INTERVAL).to_string());
    // 550 normal readings of ten minutes.
    assert_eq!(ours["Normal_Days"], "3.819444");
    let count = |label: &str, in_alarm: &str| {
        readings.iter().filter(|row| row["label"] == label && row["in_alarm"] == in_alarm).count() as f64
    };
    let f1 = 2.0 * count("1", "1") / (2.0 * count("1", "1") + count("0", "1") + count("1", "0"));
    assert_eq!(ours["F1"], format!("{f1:.6}"));
    assert_eq!(ours["Normal_Time_In_Alarm"], format!("{:.6}", count("0", "1") / 550.0));
    assert_eq!((&*table[1]["ROC_AUC"], &*table[1]["Normal_Time_In_Alarm"]), ("0.500000", "1.000000"));
    for line in &table[2..] {
        assert!(line["ROC_AUC"].parse::<f64>().is_ok() && line["F1"].parse::<f64>().is_ok(), "{line:?}");
        assert!(text.contains(&line["Detector"]), "{text}");
    }
    let begin = time(FAULT.start);
    assert!(text.contains(&format!("event {begin} to {}: alarm after", time(FAULT.end - 1))), "{text}");

    let (width, height, [fault, alarm]) = picture(folder.path(), [fault_color(), style::VERMILLION]);
    assert!(width == 1800 && height > 800, "{width} × {height}");
    // 50 of 600 readings on a plot of about 1,650 × 500 pixels; the strip of alarms is a twentieth as high.
    assert!((30_000..80_000).contains(&fault) && (1_000..6_000).contains(&alarm), "{fault} {alarm}");
}

#[test]
fn turbines_are_replayed_apart() {
    let folder = folder();
    let readings = |arguments: &[&str]| {
        text(&evaluate(folder.path(), &[&ROLES[..], &["--readings", "r.csv"], arguments].concat()));
        rows(&folder.path().join("r.csv"))
    };
    let alone = readings(&[]);
    let height_of_one = picture(folder.path(), [fault_color(); 2]).1;
    assert!(alone.iter().all(|row| row["turbine"].is_empty()));
    // A second turbine without a fault, in between; and a row of none.
    let both = (0..N_READINGS).map(|i| row(i, "W1", FAULT.contains(&i)) + &row(i + 7, "W2", false));
    fs::write(folder.path().join("d.csv"), HEADER.to_owned() + &row(0, "", false) + &both.collect::<String>()).unwrap();
    let both = readings(&["--turbine", "id"]);
    assert_eq!(both.iter().take(3).map(|row| row["turbine"].as_str()).collect::<Vec<_>>(), ["W1", "W2", "W1"]);
    let without_name = |mut row: Row| {
        row.insert("turbine".to_owned(), String::new());
        row
    };
    let w1: Vec<Row> = both.into_iter().filter(|row| row["turbine"] == "W1").map(without_name).collect();
    assert_eq!(w1, alone);
    let ours = &table(folder.path())[0];
    assert_eq!((&*ours["Events_Found"], &*ours["Events"], &*ours["False_Alarms"]), ("1", "1", "0"));
    assert!(picture(folder.path(), [fault_color(); 2]).1 > height_of_one, "two panels");
}

#[test]
fn training_readings_need_neither_label_nor_turbine() {
    let folder = folder();
    let train = normal().replace(",W1,", ",").replace("when,id,", "when,");
    fs::write(folder.path().join("one.csv"), train).unwrap();
    let figures = |train: &str| {
        text(&evaluate(folder.path(), &[&ROLES[..], &["--turbine", "id", "--train", train]].concat()));
        table(folder.path())
    };
    assert_eq!(figures("one.csv"), figures("n.csv"));
}

#[test]
fn without_training_readings_the_fitted_baselines_are_empty_and_it_says_so() {
    let folder = folder();
    let text = text(&evaluate(folder.path(), &ROLES));
    assert!(text.contains("only \"always on\"") && text.contains("with --train"), "{text}");
    for row in &table(folder.path())[2..] {
        assert!(row.iter().all(|(column, cell)| column == "Detector" || cell.is_empty()), "{row:?}");
    }
}

#[test]
fn what_makes_the_figures_doubtful_is_said() {
    let folder = folder();
    let same = text(&evaluate(folder.path(), &[&ROLES[..], &["--train", "d.csv"]].concat()));
    assert!(same.contains("fitted to 550 normal readings of d.csv; 50 labelled as faults are not used"), "{same}");
    assert!(same.contains("--train is the recording itself"), "{same}");
    assert!(!same.contains("first after a gap"), "{same}");
    // Every 20th reading: 12,000 s apart, and the model expects one every 600 s.
    let rows = (0..N_READINGS).step_by(20).map(|i| row(i, "W1", FAULT.contains(&i)));
    fs::write(folder.path().join("d.csv"), HEADER.to_owned() + &rows.collect::<String>()).unwrap();
    let sparse = text(&evaluate(folder.path(), &ROLES));
    assert!(sparse.contains("12000 s apart") && sparse.contains("one every 600 s"), "{sparse}");
}

#[test]
fn a_recording_without_faults_still_has_false_alarms() {
    let folder = folder();
    let rows = (0..N_READINGS).rev().map(|i| row(i, "W1", false));
    fs::write(folder.path().join("d.csv"), HEADER.to_owned() + &rows.collect::<String>()).unwrap();
    let text = text(&evaluate(folder.path(), &ROLES));
    assert!(text.contains("nothing to find") && text.contains("599 rows are older than a row before them"), "{text}");
    let ours = &table(folder.path())[0];
    assert_eq!((&*ours["ROC_AUC"], &*ours["Events"], &*ours["False_Alarms"]), ("", "0", "0"));
    assert_eq!(ours["Normal_Time_In_Alarm"], "0.000000");
}

#[test]
fn a_model_without_calibration_is_ranked_by_its_score_and_has_no_alarms() {
    let folder = folder();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/golden/model.json");
    let row = |i: usize| match i % 20 {
        19 => format!("{},45,20,1.2,1\n", time(i)),
        _ => format!("{},25.{i},60,0.5,0\n", time(i)),
    };
    let csv = "when,temperature,humidity,sound_volume,fault\n".to_owned() + &(0..100).map(row).collect::<String>();
    fs::write(folder.path().join("d.csv"), csv + &format!("{},25,130,0.5,0\n", time(100))).unwrap();
    let arguments = [&ROLES[..], &["--model", model.to_str().unwrap(), "--readings", "r.csv"]].concat();
    let text = text(&evaluate(folder.path(), &arguments));
    assert!(text.contains("not calibrated: no surprisal and no alarms"), "{text}");
    assert!(text.contains("humidity out of range: 1"), "{text}");
    let ours = &table(folder.path())[0];
    assert_eq!((&*ours["ROC_AUC"], &*ours["Events"]), ("1.000000", "5"));
    assert!(
        ["Events_Found", "False_Alarms", "F1", "Normal_Time_In_Alarm"].iter().all(|column| ours[*column].is_empty())
    );
    let readings = rows(&folder.path().join("r.csv"));
    assert!(readings.iter().all(|row| row["surprisal"].is_empty() && row["in_alarm"] == "0"));
    assert!(picture(folder.path(), [fault_color(), style::BLUE]).2.iter().all(|&pixels| pixels > 1_000));
}

#[test]
fn the_work_is_done_although_nobody_reads_the_lines() {
    let folder = folder();
    let mut child = command(folder.path(), &ROLES).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(table(folder.path()).len(), 5);
}

#[test]
fn what_cannot_be_evaluated_is_explained() {
    let folder = folder();
    fs::write(folder.path().join("short.csv"), normal().lines().take(20).collect::<Vec<_>>().join("\n")).unwrap();
    fs::write(folder.path().join("other.csv"), "when,a,fault\n2026-03-01T00:00:00Z,1,0\n").unwrap();
    fs::write(folder.path().join("bad.json"), "{}").unwrap();
    // (arguments after those of the roles, what the error must say)
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--data", "none.csv"], &["--data none.csv", "is the path right?"]),
        (&["--data", "n.csv"], &["--data n.csv", "no column \"fault\"", "when, id, a, b"]),
        (&["--data", "other.csv"], &["--data other.csv", "no column \"b\"", "when, a, fault"]),
        (&["--label", "a"], &["--data d.csv", "\"a\"", "feature", "label"]),
        (&["--turbine", "name"], &["no column \"name\""]),
        (&["--train", "short.csv"], &["--train short.csv", "19 normal readings", "at least 50"]),
        (&["--train", "other.csv"], &["--train other.csv", "no column \"b\""]),
        (&["--model", "none.json"], &["--model none.json", "cargo run -p train"]),
        (&["--model", "bad.json"], &["--model bad.json", "format"]),
    ];
    for (changed, expected) in cases {
        let kept = ROLES.chunks(2).filter(|role| role[0] != changed[0]).flatten().copied();
        let output = evaluate(folder.path(), &kept.chain(changed.iter().copied()).collect::<Vec<_>>());
        assert!(!output.status.success(), "{changed:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(expected.iter().all(|part| error.contains(part)), "{changed:?}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(!folder.path().join("outputs/evaluation.csv").exists(), "{changed:?} wrote a table");
    }
}
