//! Runs the program `train` and checks its model, table, pictures, output and errors.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use turbine_core::model::Model;

const PICTURES: [&str; 5] = [
    "metrics_table.png",
    "histograms.png",
    "heatmaps_grid.png",
    "learning_dashboard_2x2.png",
    "score_distributions.png",
];

fn train(folder: &Path, arguments: &[&str]) -> Output {
    train_command(folder, arguments).output().unwrap()
}

fn train_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("MODEL_PATH")
        .env_remove("OUTPUTS_DIR")
        .env("RUST_BACKTRACE", "1");
    command
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.lines().all(|line| line.starts_with("[train] ")), "only lines of progress: {errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn error(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(error.starts_with("error: ") && !error.to_lowercase().contains("backtrace"), "{error}");
    error
}

fn model_file(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("models/turbine_iforest.json")).unwrap()
}

/// Asserts the width in each PNG header: 900 logical pixels at two pixels each.
fn assert_drawn(folder: &Path) {
    for name in PICTURES {
        let bytes = fs::read(folder.join("outputs").join(name)).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{name}");
        assert_eq!(u32::from_be_bytes(bytes[16..20].try_into().unwrap()), 1800, "{name}");
    }
}

fn metrics(folder: &Path) -> Vec<Vec<String>> {
    let table = fs::read_to_string(folder.join("outputs/metrics_table.csv")).unwrap();
    table.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// 200 readings of a and b (a line and a wave) and a constant column; every twentieth is an outlier and labelled. The
/// first three rows are unusable: two because of b, one because of a.
fn csv() -> String {
    let mut text = "when,a,b,flat,fault\nt,1,,3,0\nt,1,oops,3,0\nt,,1,3,0\n".to_owned();
    for i in 0..200 {
        let far = i % 20 == 19;
        let (a, b) = (f64::from(i % 17), (f64::from(i) * 0.9).sin());
        let (a, b) = if far { (a + 80.0, b - 20.0) } else { (a, b) };
        text += &format!("t,{a},{b},3,{}\n", u8::from(far));
    }
    text
}

#[test]
fn defaults_write_the_default_model_its_table_and_five_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let text = text(&train(folder.path(), &[]));
    assert!(text.contains("9,800 simulated readings, 490 labelled anomalous, seed 42"), "{text}");
    assert!(text.contains("split: 6860 Train, 980 Val, 1960 Test"), "{text}");
    assert!(text.contains("interop: scores of 6860 readings"), "{text}");
    assert_drawn(folder.path());

    let model = Model::load(&folder.path().join("models/turbine_iforest.json")).unwrap();
    assert!(model.training().interop_difference.unwrap() <= 1e-12);
    let table = metrics(folder.path());
    assert_eq!(table[0], ["Split", "Accuracy", "Precision", "Recall", "F1", "ROC_AUC"]);
    assert_eq!(table.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["Split", "Train", "Val", "Test"]);
    for row in &table[1..] {
        for figure in &row[1..] {
            let figure: f64 = figure.parse().unwrap();
            assert!((0.9..=1.0).contains(&figure), "{row:?}");
        }
        assert!(text.contains(&format!("{:.4}", row[4].parse::<f64>().unwrap())), "the terminal shows {row:?}: {text}");
    }
    let (f1, auc): (f64, f64) = (table[3][4].parse().unwrap(), table[3][5].parse().unwrap());
    assert!(f1 >= 0.96 && auc >= 0.999, "Test F1 {f1}, ROC AUC {auc}");
}

#[test]
fn the_model_file_depends_on_the_seed_and_not_on_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), csv()).unwrap();
    let model = |arguments: &[&str]| {
        text(&train(folder.path(), arguments));
        model_file(folder.path())
    };
    let one = model(&["--threads", "1"]);
    assert_eq!(model(&["--threads", "5"]), one);
    assert_eq!(model(&[]), one);
    assert_ne!(model(&["--seed", "43"]), one);

    let on_csv = |seed| model(&["--data", "d.csv", "--features", "a,b", "--seed", seed]);
    let one = on_csv("1");
    assert_eq!(on_csv("1"), one);
    assert_ne!(
        Model::from_json(std::str::from_utf8(&on_csv("2")).unwrap()).unwrap().forest(),
        Model::from_json(std::str::from_utf8(&one).unwrap()).unwrap().forest()
    );
}

#[test]
fn a_labelled_csv_is_trained_on_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), csv()).unwrap();
    let arguments = ["--data", "d.csv", "--features", "b,a", "--label", "fault", "--detector", "forest"];
    let arguments = [&arguments[..], &["--extension-level", "1"]].concat();
    let text = text(&train(folder.path(), &arguments));
    assert!(text.contains("200 readings of d.csv, 10 labelled anomalous"), "{text}");
    assert!(text.contains("3 rows skipped") && text.contains("b: 2") && text.contains("a: 1"), "{text}");
    let model = Model::load(&folder.path().join("models/turbine_iforest.json")).unwrap();
    assert_eq!(model.features().names().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(model.params().extension_level, 1);
    // Of 140 readings of Train, those labelled as faults are left out.
    let rows = model.training().rows;
    assert!(
        text.contains(&format!("fitted to: {rows} readings of Train; {} labelled as faults left out", 140 - rows)),
        "{text}"
    );
    assert!((126..140).contains(&rows), "{rows}");
    assert_drawn(folder.path());
    assert!(metrics(folder.path())[1][5].parse::<f64>().unwrap() > 0.95, "{text}");
}

#[test]
fn without_labels_there_are_no_metrics_and_a_message() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), csv()).unwrap();
    let text = text(&train(folder.path(), &["--data", "d.csv", "--features", "a,b"]));
    assert!(text.contains("not labelled") && text.contains("no labels, so no metrics"), "{text}");
    assert!(!text.contains("ROC_AUC"), "an empty table: {text}");
    // 20 + 20 + the notes and 60 of the notice in place of the table, at two pixels each.
    let png = fs::read(folder.path().join("outputs/metrics_table.png")).unwrap();
    let height = u32::from_be_bytes(png[20..24].try_into().unwrap());
    assert!(height < 330, "{height}");
    for (row, split) in metrics(folder.path())[1..].iter().zip(["Train", "Val", "Test"]) {
        assert_eq!(row, &[split, "", "", "", "", ""]);
    }
    assert_drawn(folder.path());
    assert!(Model::load(&folder.path().join("models/turbine_iforest.json")).unwrap().training().evaluation.is_none());
}

#[test]
fn the_threshold_follows_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let threshold = |arguments: &[&str]| {
        let text = text(&train(folder.path(), &[&["--n-estimators", "20", "--sample-size", "64"], arguments].concat()));
        (Model::load(&folder.path().join("models/turbine_iforest.json")).unwrap().threshold(), text)
    };
    let (few, text) = threshold(&["--contamination", "0.01"]);
    assert!(text.contains("flags 1.01% of Train"), "{text}");
    let (many, text) = threshold(&["--contamination", "0.2"]);
    assert!(text.contains("flags 20.00% of Train"), "{text}");
    assert!(few > many);
    let (_, text) = threshold(&["--threshold", "best-f1"]);
    assert!(text.contains("best F1 on Val"), "{text}");
}

#[test]
fn model_and_outputs_are_written_to_the_given_paths() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--n-estimators", "10", "--model", "m/x.json", "--outputs", "o/p"];
    text(&train(folder.path(), &small));
    assert!(folder.path().join("m/x.json").exists() && folder.path().join("o/p/histograms.png").exists());
    assert!(!folder.path().join("models").exists() && !folder.path().join("outputs").exists());
}

#[test]
fn invalid_input_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d.csv"), csv()).unwrap();
    fs::write(folder.path().join("short.csv"), "a\n1\n2\n3\n").unwrap();
    // (arguments, parts of the error message)
    let cases: [(&[&str], &[&str]); 14] = [
        (&["--data", "none.csv"], &["--data none.csv", "path"]),
        (&["--data", "d.csv", "--features", "a,c"], &["\"c\"", "when, a, b, flat, fault"]),
        (&["--data", "d.csv", "--label", "anomaly"], &["\"anomaly\"", "when, a, b, flat, fault"]),
        (
            &["--data", "d.csv", "--features", "a,flat", "--detector", "forest"],
            &["\"flat\"", "leave it out with --features"],
        ),
        (&["--data", "d.csv", "--features", "a,a"], &["--features", "\"a\"", "twice"]),
        (&["--data", "d.csv", "--features", "a,b", "--label", "b"], &["\"b\"", "label"]),
        (&["--data", "d.csv", "--features", "a", "--threshold", "best-f1"], &["--threshold best-f1", "--label"]),
        (&["--data", "short.csv"], &["short.csv", "3 usable readings", "at least 50"]),
        (&["--contamination", "0.7"], &["--contamination", "0.7", "at most 0.5"]),
        (&["--extension-level", "3"], &["--extension-level 3", "from 0 to 2"]),
        (
            &["--data", "d.csv", "--features", "a,b", "--extension-level", "1"],
            &["--extension-level 1", "--detector forest+neighbours", "add --detector forest"],
        ),
        (
            &["--data", "d.csv", "--features", "a,b", "--false-alarms-per-day", "1"],
            &["--false-alarms-per-day", "--timestamp", "--sensitivity"],
        ),
        (&["--data", "d.csv", "--import", "none.json"], &["--import none.json", "no such file"]),
        (&["--model", "d.csv/m.json"], &["d.csv/m.json", "cannot write"]),
    ];
    for (arguments, expected) in cases {
        let error = error(&train(folder.path(), arguments));
        assert!(expected.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
        assert!(!folder.path().join("models").exists(), "{arguments:?} saved a model");
    }
}

#[test]
fn a_closed_output_pipe_does_not_stop_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = train_command(folder.path(), &["--n-estimators", "10"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.lines().all(|line| line.starts_with("[train] ")), "only lines of progress: {errors}");
    assert_drawn(folder.path());
    Model::from_json(&String::from_utf8(model_file(folder.path())).unwrap()).unwrap();
}
