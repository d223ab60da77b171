//! Training on the service's own prediction log.

#![allow(clippy::unwrap_used)]

use clap::Parser;
use std::path::Path;
use train::{Args, run};
use turbine_core::model::Model;

const HEADER: &str = "timestamp,a,b,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,smoothed_surprisal,in_alarm,carried,missing\n";

/// Row number `i`, a minute after the one before, of one of two turbines.
fn row(i: usize, in_alarm: bool) -> String {
    let (hour, minute, turbine) = (i / 60 % 24, i % 60, ["T1", "T2"][i % 2]);
    let (a, b) = ((i * 37 % 101) as f64 / 10.0, (i * 53 % 97) as f64 / 10.0 + if in_alarm { 100.0 } else { 0.0 });
    format!(
        "2026-01-0{}T{hour:02}:{minute:02}:00Z,{a},{b},0,0.5,{turbine},m1,1,1,{},,\n",
        1 + i / 1440,
        u8::from(in_alarm)
    )
}

fn trained(folder: &Path, args: &[&str]) -> Result<(Model, String), String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (outputs, model, pictures) = (path("outputs"), path("models/new.json"), path("pictures"));
    let line = ["train", "--from-log", &outputs, "--model", &model, "--outputs", &pictures, "--n-estimators", "10"];
    let args = Args::try_parse_from(line.iter().chain(args)).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    run(&args, &mut out).map_err(|error| format!("{error:#}"))?;
    Ok((Model::load(Path::new(&model)).unwrap(), String::from_utf8(out).unwrap()))
}

/// A rotated log of 400 rows whose rows 100 to 119 (both turbines) and 300 to 309 (both) are of alarms.
fn log() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs");
    std::fs::create_dir(&outputs).unwrap();
    let rows: Vec<String> = (0..400).map(|i| row(i, (100..120).contains(&i) || (300..310).contains(&i))).collect();
    std::fs::write(outputs.join("predictions_log.000001.csv"), HEADER.to_owned() + &rows[..150].concat()).unwrap();
    std::fs::write(outputs.join("predictions_log.csv"), HEADER.to_owned() + &rows[150..].concat()).unwrap();
    folder
}

#[test]
fn all_rows_of_the_log_are_one_recording_of_its_turbines() {
    let folder = log();
    let (model, text) = trained(folder.path(), &[]).unwrap();
    assert_eq!((model.training().rows, model.features().names().collect::<Vec<_>>()), (400, vec!["a", "b"]));
    // Each turbine sends every second minute.
    assert_eq!(model.monitor().settings().typical_interval, Some(120.0));
    assert!(text.contains("data: 400 readings of the prediction log"), "{text}");
    assert!(text.contains("30 readings are of alarms and are learnt as normal"), "{text}");
    let first = std::fs::read(folder.path().join("models/new.json")).unwrap();
    trained(folder.path(), &[]).unwrap();
    assert_eq!(std::fs::read(folder.path().join("models/new.json")).unwrap(), first, "the same log, the same file");
}

#[test]
fn alarms_are_left_out_unless_they_were_marked_as_false() {
    let folder = log();
    let (model, text) = trained(folder.path(), &["--exclude-alarms"]).unwrap();
    assert_eq!(model.training().rows, 370, "{text}");
    assert!(model.training().features[1].quantiles.last().unwrap() < &50.0);
    assert!(!text.contains("WARNING"), "{text}");

    let (raised, cleared) = ("2026-01-01T01:40:00Z", "2026-01-01T02:00:00Z");
    let alarms = format!(
        "id,event,turbine_id,raised,cleared,peak,peaked,model_version,why,at,by,until,comment\n\
         T1@{raised},raised,T1,{raised},,9,{raised},m1,[],,,,\n\
         T1@{raised},cleared,T1,{raised},{cleared},9,{raised},m1,[],,,,\n\
         T1@{raised},false_alarm,T1,{raised},,,,,,{cleared},Ann,,\n"
    );
    std::fs::write(folder.path().join("outputs/alarms.csv"), alarms).unwrap();
    let (model, text) = trained(folder.path(), &["--exclude-alarms"]).unwrap();
    // The rows 100, 102, …, 118 of T1 stay.
    assert_eq!(model.training().rows, 380, "{text}");
    let line = text.lines().find(|line| line.contains("T1")).unwrap();
    let numbers: Vec<&str> = line.split('┆').map(|cell| cell.trim_matches(['│', ' '])).collect();
    assert_eq!(numbers, ["T1", "200", "195", "0", "10", "5", "0", "0"], "{text}");

    let (model, _) = trained(folder.path(), &["--exclude-alarms", "--until", "2026-01-01T04:00"]).unwrap();
    // 240 rows, less ten of T2's.
    assert_eq!(model.training().rows, 230);
}

#[test]
fn rows_that_were_not_measured_or_are_out_of_range_are_left_out() {
    let folder = log();
    let path = folder.path().join("outputs/predictions_log.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("m1,1,1,0,,\n", "m1,1,1,0,a,\n", 7)).unwrap();
    assert_eq!(trained(folder.path(), &[]).unwrap().0.training().rows, 393);
    let (model, _) = trained(folder.path(), &["--range", "b=-1..50"]).unwrap();
    assert_eq!(model.training().rows, 363);
    assert_eq!(model.features()[1].range.unwrap().max, 50.0);
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_the_remedy() {
    let folder = log();
    let refused = |args: &[&str]| trained(folder.path(), args).unwrap_err();
    let error = refused(&["--until", "2025-01-01"]);
    assert!(error.contains("--from-log") && error.contains("later --until"), "{error}");
    let error = refused(&["--until", "2026-01-01T00:10"]);
    assert!(error.contains("--from-log") && error.contains("10"), "{error}");
    let error = refused(&["--range", "c=0..1"]);
    assert!(error.contains("--range c") && error.contains("a, b"), "{error}");
    let other = "timestamp,x,is_anomaly,anomaly_score\n2026-01-01T00:00:00Z,1,0,0.5\n";
    std::fs::write(folder.path().join("outputs/predictions_log.000002.csv"), other).unwrap();
    let error = refused(&[]);
    assert!(error.contains("predictions_log.000002.csv") && error.contains("move it"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = trained(empty.path(), &[]).unwrap_err();
    assert!(error.contains("there is no prediction log"), "{error}");
}
