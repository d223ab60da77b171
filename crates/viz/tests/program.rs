//! Runs the program `viz` and checks its pictures, output and errors.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PICTURES: [&str; 3] = ["anomalies_over_time.png", "anomalies_over_time_from_log.png", "bubble_scatter_pred.png"];

fn viz(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_viz"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("MODEL_PATH")
        .env_remove("OUTPUTS_DIR")
        .env("RUST_BACKTRACE", "1");
    command
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

fn error(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(error.starts_with("error: ") && !error.to_lowercase().contains("backtrace"), "{error}");
    error
}

/// One row per minute from 10:00 on; every tenth is an outlier and predicted anomalous.
fn log(features: &[&str], rows: usize) -> String {
    let mut text = format!("timestamp,{},is_anomaly,anomaly_score,turbine_id,model_version\n", features.join(","));
    for i in 0..rows {
        let anomalous = i % 10 == 9;
        let values: Vec<String> = (0..features.len())
            .map(|k| if anomalous { 900.0 } else { 20.0 + k as f64 + ((i * 7 + k) % 5) as f64 })
            .map(|value| value.to_string())
            .collect();
        let (hour, minute) = (10 + i / 60, i % 60);
        let verdict = if anomalous { "1,0.71" } else { "0,0.42" };
        text += &format!("2026-03-01T{hour:02}:{minute:02}:00Z,{},{verdict},T1,v1\n", values.join(","));
    }
    text
}

fn write_log(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("outputs")).unwrap();
    fs::write(folder.join("outputs/predictions_log.csv"), text).unwrap();
}

/// Width and height in the PNG header.
fn dimensions(path: &Path) -> (u32, u32) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "{}", path.display());
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// The colour of every pixel.
fn colours(path: &Path) -> Vec<[u8; 3]> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut channels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut channels).unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Rgb);
    channels.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

#[test]
fn a_log_without_surprisal_gives_three_pictures_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["temperature", "humidity", "sound_volume"], 300));
    let lines = lines(&viz(folder.path(), &[]));
    // 300 rows, every tenth anomalous: 30, 10 %.
    assert_eq!(lines[0], "[viz] rows=300 anomalies=30 rate=10.00%");
    for (line, name) in lines[1..].iter().zip(PICTURES) {
        assert!(line.starts_with("[viz] wrote ") && line.ends_with(name), "{line}");
        let (width, height) = dimensions(&folder.path().join("outputs").join(name));
        assert_eq!(width, 1800, "{name}");
        assert!((600..=1600).contains(&height), "{name}: {height}");
    }
    assert!(lines[4].starts_with("[viz] left out turbines_over_time.png: "), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
    // The log and three pictures: no temporary file is left.
    assert_eq!(fs::read_dir(folder.path().join("outputs")).unwrap().count(), 4);
}

/// A row per minute and turbine (`""` = none named) from 10:00 on, of which rows 20 to 29 of the first turbine are in alarm.
fn watched_log(turbines: &[&str], rows: usize, version: &str) -> String {
    let mut text =
        "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,\
                    smoothed_surprisal,in_alarm\n"
            .to_owned();
    for i in 0..rows {
        for (k, turbine) in turbines.iter().enumerate() {
            let in_alarm = k == 0 && (20..30).contains(&i);
            let decades = if in_alarm { 3.5 } else { 0.5 - 0.01 * k as f64 };
            let (hour, minute, on) = (10 + i / 60, i % 60, u8::from(in_alarm));
            text += &format!(
                "2026-03-01T{hour:02}:{minute:02}:00Z,25,60,0.5,0,0.42,{turbine},{version},{decades},{decades},{on}\n"
            );
        }
    }
    text
}

#[test]
fn turbines_are_drawn_over_time() {
    let names: Vec<String> = (0..20).map(|i| format!("WT-{i:02}")).collect();
    let mut many: Vec<&str> = names.iter().map(String::as_str).collect();
    many.push("");
    // (turbines, least and most height of the picture): a page grows with up to 8 panels.
    let cases: [(&[&str], u32, u32); 4] =
        [(&[""], 900, 1_200), (&["WT-01"], 900, 1_200), (&many[..3], 1_500, 1_900), (&many, 3_300, 3_900)];
    for (turbines, least, most) in cases {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), &watched_log(turbines, 90, "m1"));
        let lines = lines(&viz(folder.path(), &[]));
        assert_eq!(lines[0], format!("[viz] rows={} anomalies=0 rate=0.00%", 90 * turbines.len()));
        assert_eq!(lines[1], format!("[viz] turbines={} alarms=1", turbines.len()));
        assert!(lines[5].ends_with("turbines_over_time.png"), "{}", lines[5]);
        let (width, height) = dimensions(&folder.path().join("outputs/turbines_over_time.png"));
        assert!(width == 1_800 && (least..=most).contains(&height), "{} turbines: {width}×{height}", turbines.len());
    }
}

#[test]
fn only_alarms_of_the_period_are_counted_and_shaded() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &watched_log(&["T1"], 90, "m1"));
    let alarms = |period: &[&str]| {
        let lines = lines(&viz(folder.path(), period));
        let shaded = colours(&folder.path().join("outputs/turbines_over_time.png"));
        // Vermillion, 38 % over white: 255 − 0.38 · (255 − 213), 255 − 0.38 · (255 − 94), 255 − 0.38 · 255.
        let shaded =
            shaded.iter().filter(|&&[r, g, b]| r.abs_diff(239) < 3 && g.abs_diff(194) < 3 && b.abs_diff(158) < 3);
        (lines[1].clone(), shaded.count())
    };
    let (line, shaded) = alarms(&[]);
    assert_eq!(line, "[viz] turbines=1 alarms=1");
    // 10 of 89 minutes of a plot of about 1,600 × 500 pixels.
    assert!((60_000..130_000).contains(&shaded), "{shaded}");
    // The alarm is cleared at 10:30.
    assert_eq!(alarms(&["--from", "2026-03-01T10:30:00Z"]), ("[viz] turbines=1 alarms=0".to_owned(), 0));
    assert_eq!(alarms(&["--from", "2026-03-01T10:25:00Z"]).0, "[viz] turbines=1 alarms=1");
}

#[test]
fn the_threshold_is_drawn_if_the_model_scored_the_newest_readings() {
    use turbine_core::training::{TrainingParams, train};
    let folder = tempfile::tempdir().unwrap();
    let dataset = turbine_core::simulation::training_set(500, 0.05, 7);
    let model = train(&dataset, &TrainingParams::default()).unwrap().model;
    model.save(&folder.path().join("m.json")).unwrap();
    let drawn = |version: &str| {
        write_log(folder.path(), &watched_log(&["T1"], 90, version));
        lines(&viz(folder.path(), &["--model", "m.json"]));
        fs::read(folder.path().join("outputs/turbines_over_time.png")).unwrap()
    };
    assert_ne!(drawn(model.version()), drawn("m000000000000"));
}

#[test]
fn any_number_of_features_is_drawn() {
    for n in [1, 2, 7, 64] {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..n).map(|i| format!("gearbox_high_speed_shaft_bearing_temperature_{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        write_log(folder.path(), &log(&names, 60));
        lines(&viz(folder.path(), &[]));
        for name in PICTURES {
            assert_eq!(dimensions(&folder.path().join("outputs").join(name)).0, 1800, "{n} features: {name}");
        }
    }
}

#[test]
fn torn_and_foreign_lines_are_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = log(&["a", "b", "c"], 20);
    text += "2026-03-01T11:00:00Z,1,2\n";
    text += "2026-03-01T11:00:00Z,1,2,three,0,0.4,T1,v1\n";
    text += "2026-03-01T11:0";
    write_log(folder.path(), &text);
    let lines = lines(&viz(folder.path(), &[]));
    assert_eq!(lines[0], "[viz] rows=20 anomalies=2 rate=10.00%");
    assert!(lines[1].starts_with("[viz] skipped=3 "), "{}", lines[1]);
}

#[test]
fn rotated_parts_of_the_log_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["a", "b", "c"], 20));
    fs::write(folder.path().join("outputs/predictions_log.000001.csv"), log(&["a", "b", "c"], 10)).unwrap();
    assert_eq!(lines(&viz(folder.path(), &[]))[0], "[viz] rows=30 anomalies=3 rate=10.00%");
}

#[test]
fn parts_with_other_features_are_left_out_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["a", "b", "c"], 20));
    fs::write(folder.path().join("outputs/predictions_log.000001.csv"), log(&["x", "y"], 10)).unwrap();
    fs::write(folder.path().join("outputs/predictions_log.000002.csv"), log(&["x", "z"], 7)).unwrap();
    let told = lines(&viz(folder.path(), &[]));
    assert_eq!(told[0], "[viz] rows=20 anomalies=2 rate=10.00%");
    let part = "outputs/predictions_log.000002.csv";
    assert_eq!(
        told[1],
        format!("[viz] left out 17 rows of other features, in {part} and 1 more; --log {part} draws them")
    );
    assert!(!told.iter().any(|line| line.contains("skipped")), "{told:?}");
    assert_eq!(lines(&viz(folder.path(), &["--log", part]))[0], "[viz] rows=7 anomalies=0 rate=0.00%");

    // What the service set aside because of other columns; what is no log is not named.
    let aside = "outputs/predictions_log.set-aside-1.csv";
    fs::write(folder.path().join(aside), log(&["x"], 30)).unwrap();
    fs::write(folder.path().join("outputs/predictions_log.set-aside-2.csv"), "no log\n").unwrap();
    assert_eq!(
        lines(&viz(folder.path(), &[]))[2],
        format!("[viz] left out an earlier log with other columns, {aside}; --log {aside} draws it")
    );
    assert_eq!(lines(&viz(folder.path(), &["--log", aside]))[0], "[viz] rows=30 anomalies=3 rate=10.00%");
}

#[test]
fn turbines_and_features_are_selected() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &watched_log(&["T1", "T2", "T3"], 90, "m1"));
    let told = lines(&viz(folder.path(), &["--turbine", "T3,T1"]));
    assert_eq!(told[..2], ["[viz] rows=180 anomalies=0 rate=0.00%", "[viz] turbines=2 alarms=1"]);
    assert!(told[2].starts_with("[viz] other_turbines=90 "), "{}", told[2]);
    let drawn = |features: &[&str]| {
        lines(&viz(folder.path(), features));
        fs::read(folder.path().join("outputs/bubble_scatter_pred.png")).unwrap()
    };
    assert_eq!(drawn(&[]), drawn(&["--features", "temperature,humidity,sound_volume"]));
    assert_ne!(drawn(&[]), drawn(&["--features", "humidity,temperature"]));
    // (arguments, parts of the error message)
    let cases: [(&[&str], &[&str]); 3] = [
        (&["--turbine", "T9,T1"], &["the turbine T9", "it has T1, T2, T3"]),
        (&["--turbine", "T 1"], &["--turbine", "letters, digits"]),
        (&["--features", "noise"], &["\"noise\"", "temperature, humidity, sound_volume"]),
    ];
    for (arguments, expected) in cases {
        let error = error(&viz(folder.path(), arguments));
        assert!(expected.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
    }
}

#[test]
fn a_log_without_anomalies_has_a_notice_in_place_of_empty_axes() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &watched_log(&["T1"], 90, "m1"));
    lines(&viz(folder.path(), &[]));
    for name in &PICTURES[..2] {
        // A notice is lower than the lowest chart.
        let (_, height) = dimensions(&folder.path().join("outputs").join(name));
        assert!(height < 750, "{name}: {height}");
    }
}

#[test]
fn only_the_period_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["a", "b", "c"], 120));
    // 10:30 to 10:59: 30 rows, of which 10:39, 10:49 and 10:59 are anomalous; 90 are outside.
    let period = ["--from", "2026-03-01T10:30:00Z", "--to", "2026-03-01T12:00:00+01:00"];
    let lines = lines(&viz(folder.path(), &period));
    assert_eq!(lines[0], "[viz] rows=30 anomalies=3 rate=10.00%");
    assert!(lines[1].starts_with("[viz] outside=90 "), "{}", lines[1]);
}

#[test]
fn the_bucket_changes_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["a", "b", "c"], 120));
    let drawn = |arguments: &[&str]| {
        lines(&viz(folder.path(), arguments));
        fs::read(folder.path().join("outputs/anomalies_over_time_from_log.png")).unwrap()
    };
    let default = drawn(&[]);
    assert_eq!(drawn(&["--bucket", "5m"]), default);
    assert_eq!(drawn(&["--bucket", "300"]), default);
    assert_ne!(drawn(&["--bucket", "20min"]), default);
}

#[test]
fn log_and_pictures_are_at_the_given_paths() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("l.csv"), log(&["a", "b", "c"], 20)).unwrap();
    lines(&viz(folder.path(), &["--log", "l.csv", "--outputs", "deep/er"]));
    assert!(PICTURES.iter().all(|name| folder.path().join("deep/er").join(name).exists()));
    assert!(!folder.path().join("outputs").exists());
}

#[test]
fn invalid_input_is_explained() {
    let header = log(&["a"], 0);
    let torn = format!("{header}2026-03-01T10:0");
    let whole = log(&["a"], 20);
    // (log, arguments, parts of the error message)
    let cases: [(Option<&str>, &[&str], &[&str]); 8] = [
        (None, &[], &["no prediction log at outputs/predictions_log.csv", "cargo run -p sender"]),
        (Some(""), &[], &["predictions_log.csv", "empty"]),
        (Some(&header), &[], &["predictions_log.csv", "no readings yet", "cargo run -p api", "cargo run -p sender"]),
        (Some(&torn), &[], &["no valid row", "1 lines", "--log"]),
        (Some("a,b\n1,2\n"), &[], &["predictions_log.csv", "no prediction log", "anomaly_score"]),
        (Some(&whole), &["--from", "2030-01-01T00:00:00Z"], &["2026-03-01T10:00:00Z", "widen --from"]),
        (Some(&whole), &["--bucket", "soon"], &["soon", "--bucket", "30s, 5m"]),
        (Some(&whole), &["--model", "none.json"], &["none.json", "cargo run -p train"]),
    ];
    for (text, arguments, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            write_log(folder.path(), text);
        }
        let error = error(&viz(folder.path(), arguments));
        assert!(expected.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
        assert!(PICTURES.iter().all(|name| !folder.path().join("outputs").join(name).exists()));
    }
}

#[test]
fn a_model_for_the_logs_features_defines_normal() {
    use turbine_core::training::{TrainingParams, train};
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["temperature", "humidity", "sound_volume"], 60));
    let picture = || fs::read(folder.path().join("outputs/anomalies_over_time.png")).unwrap();
    lines(&viz(folder.path(), &[]));
    let from_log = picture();

    let dataset = turbine_core::simulation::training_set(500, 0.05, 7);
    let model = train(&dataset, &TrainingParams::default()).unwrap().model;
    model.save(&folder.path().join("models/turbine_iforest.json")).unwrap();
    lines(&viz(folder.path(), &[]));
    assert_ne!(picture(), from_log, "the default model is used if its features are those of the log");

    write_log(folder.path(), &log(&["other"], 60));
    let lines = lines(&viz(folder.path(), &[]));
    assert!(lines[0].starts_with("[viz] ignored models/turbine_iforest.json: its features are not"), "{}", lines[0]);
}

#[test]
fn a_closed_output_pipe_does_not_stop_the_drawing() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &log(&["a", "b", "c"], 20));
    let mut child = command(folder.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    assert!(PICTURES.iter().all(|name| folder.path().join("outputs").join(name).exists()));
}
