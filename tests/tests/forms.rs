//! Exports of plants in every form that is read: trained on, replayed through the service and drawn, without a flag beyond
//! the file and the label.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Finished, LogFile, run};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::io::Write;
use std::path::Path;

const ROWS: usize = 400;
const FAULTS: std::ops::Range<usize> = 380..400;

fn succeeded(program: &str, folder: &Path, args: &[&str]) -> Finished {
    let finished = run(program, folder, args, &[]);
    assert_eq!(finished.code, Some(0), "{program} {args:?}: {}{}", finished.stdout, finished.stderr);
    finished
}

fn time(i: usize) -> Timestamp {
    let first: Timestamp = "2025-03-28T20:00:00Z".parse().unwrap();
    first + SignedDuration::from_mins(10 * i as i64)
}

/// How an export is written.
#[derive(Clone, Copy)]
struct Form {
    separator: &'static str,
    decimal: &'static str,
    time: &'static str,
    labels: [&'static str; 2],
    head: &'static str,
}

const PLAIN: Form = Form { separator: ",", decimal: ".", time: "%Y-%m-%dT%H:%M:%SZ", labels: ["0", "1"], head: "" };

impl Form {
    /// The rows of an export: two sensors that move together, a valve that never moves, a state in words.
    fn rows(&self, rows: std::ops::Range<usize>) -> String {
        let mut lines = vec![["time", "oil temp °C", "rotor speed", "valve", "state", "alarm"].join(self.separator)];
        for i in rows {
            let is_fault = FAULTS.contains(&i);
            let noise = |k: usize| ((k * 7_919) % 1_009) as f64 / 1_009.0;
            let speed = 12.0 + 3.0 * (i as f64 / 20.0).sin() + noise(i);
            let oil = 2.0 * speed + noise(3 * i) + if is_fault { 25.0 } else { 0.0 };
            let zoned = time(i).to_zoned(jiff::tz::TimeZone::UTC);
            let time = match self.time {
                "s" => time(i).as_second().to_string(),
                "ms" => time(i).as_millisecond().to_string(),
                format => zoned.strftime(format).to_string(),
            };
            let number = |value: f64| format!("{value:.3}").replace('.', self.decimal);
            let label = self.labels[usize::from(is_fault)];
            lines.push([&time, &number(oil), &number(speed), "7", "run", label].join(self.separator));
        }
        format!("{}{}\n", self.head, lines.join("\n"))
    }

    fn all(&self) -> Vec<u8> {
        self.rows(0..ROWS).into_bytes()
    }
}

/// Trains on `data`, replays it, draws it, and evaluates it; `said` is what the programs must say of its form.
fn is_read(name: &str, data: &str, folder: &Path, said: &str) {
    let roles = ["--data", data, "--label", "alarm"];
    let trained =
        succeeded("train", folder, &[&roles[..], &["--n-estimators", "20", "--contamination", "0.1"]].concat());
    let out = &trained.stdout;
    assert!(out.contains(&format!("[train] read as: {said}")), "{name}: {out}");
    assert!(out.contains("columns read (2): oil temp °C, rotor speed"), "{name}: {out}");
    assert!(out.contains("valve") && out.contains("constant, always 7") && out.contains("text (run)"), "{name}: {out}");
    assert!(out.contains("400 readings of") && out.contains("20 labelled anomalous\n"), "{name}: {out}");

    let api = Api::start(folder, &[]);
    let url = api.url("/predict");
    let replay = ["--api-url", &url, "--replay", data, "--label", "alarm", "--interval", "0", "--quiet", "--ndjson"];
    let sent = succeeded("sender", folder, &replay);
    assert!(sent.stdout.contains("read as: ") && sent.stdout.contains("sent=400 failed=0"), "{name}: {}", sent.stdout);
    let log = LogFile::read(&api.log());
    let expected: Vec<String> = (0..ROWS).map(|i| time(i).to_string()).collect();
    assert_eq!(log.rows.iter().map(|row| row.timestamp.clone()).collect::<Vec<_>>(), expected, "{name}");
    drop(api);
    let drawn = succeeded("viz", folder, &["--from", "2025-03-28"]);
    assert!(drawn.stdout.contains("rows=400"), "{name}: {}", drawn.stdout);
    let evaluated = succeeded("evaluate", folder, &roles);
    assert!(evaluated.stdout.contains("data: 400 readings"), "{name}: {}", evaluated.stdout);
}

fn is_read_as(name: &str, file: &str, bytes: &[u8], said: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), bytes).unwrap();
    is_read(name, file, folder.path(), said);
}

fn windows_1252(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn other_dialects_are_read() {
    let german = Form { separator: ";", decimal: ",", time: "%d.%m.%Y %H:%M:%S", labels: ["OK", "Fault"], head: "" };
    let text = german.rows(0..ROWS);
    let said = "semicolon, decimal comma, Windows-1252, times dd.mm.yyyy in UTC from column \"time\"";
    is_read_as("a German export", "d.csv", &windows_1252(&text), said);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    is_read_as("UTF-16", "d.txt", &utf16, "semicolon, decimal comma, UTF-16LE, times dd.mm.yyyy");
    let tabs = Form { separator: "\t", time: "%Y-%m-%d %H:%M", labels: ["no", "yes"], ..PLAIN };
    is_read_as("tabs", "d.tsv", &tabs.all(), "tab, decimal point, UTF-8, times yyyy-mm-dd in UTC");
    let bars = Form { separator: "|", time: "%m/%d/%Y %H:%M:%S", labels: ["false", "true"], ..PLAIN };
    is_read_as("bars", "d.csv", &bars.all(), "bar, decimal point, UTF-8, times mm/dd/yyyy");
    let head = Form { head: "# Export of plant 7\n# made; 28.03.2025, by hand\n", ..PLAIN };
    is_read_as("a comment head", "d.csv", &head.all(), "2 lines before the header, comma, decimal point");
}

#[test]
fn epochs_are_read() {
    for (time, said) in [("s", "times epoch-s from"), ("ms", "times epoch-ms from")] {
        let said = format!("comma, decimal point, UTF-8, {said}");
        is_read_as(time, "d.csv", &Form { time, ..PLAIN }.all(), &said);
    }
}

#[test]
fn compressed_files_and_parts_are_read() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&PLAIN.all()).unwrap();
    is_read_as("gzip", "d.csv.gz", &gzip.finish().unwrap(), "gzip, comma");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    is_read_as("zstd", "d.csv.zst", &ruzstd::encoding::compress_to_vec(&PLAIN.all()[..], level), "zstd, comma");

    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("parts");
    fs::create_dir(&parts).unwrap();
    // By name the last month comes first.
    for (name, rows) in [("april.csv", 250..400), ("march-1.csv", 0..100), ("march-2.csv", 100..250)] {
        fs::write(parts.join(name), PLAIN.rows(rows)).unwrap();
    }
    fs::write(parts.join("notes.md"), "no rows").unwrap();
    is_read("a folder", "parts", folder.path(), "3 parts, comma");
    fs::remove_file(folder.path().join("outputs/predictions_log.csv")).unwrap();
    is_read("a pattern", "parts/*.csv", folder.path(), "3 parts, comma");
    fs::write(parts.join("may.csv"), "time,oil temp °C,rpm,valve,state,alarm\n").unwrap();
    let refused = run("train", folder.path(), &["--data", "parts", "--model", "none.json"], &[]);
    let expected = "parts/may.csv has other columns than parts/april.csv: it lacks rotor speed; it has in addition rpm";
    assert!(refused.code == Some(1) && refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn a_fleet_is_replayed_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "turbine,time,a,b\n".to_owned();
    for i in 0..300 {
        for turbine in ["North 1", "North 2"] {
            let noise = (i * 7_919 + turbine.len() * 31) % 1_009;
            let wave = (i as f64 / 9.0).sin();
            text += &format!("{turbine},{},{:.3},{}\n", time(i), wave + noise as f64 / 900.0, noise * 3 % 700);
        }
    }
    fs::write(folder.path().join("fleet.csv"), text).unwrap();
    let fleet = ["--turbine", "turbine"];
    let trained =
        succeeded("train", folder.path(), &[&["--data", "fleet.csv", "--n-estimators", "20"], &fleet[..]].concat());
    for expected in ["600 readings of fleet.csv, not labelled, of 2 turbines", "typical interval: 600 s"] {
        assert!(trained.stdout.contains(expected), "{}", trained.stdout);
    }
    let api = Api::start(folder.path(), &[]);
    let url = api.url("/predict");
    let replay = ["--api-url", &url, "--replay", "fleet.csv", "--interval", "0", "--quiet"];
    succeeded("sender", folder.path(), &[&replay[..], &fleet].concat());
    let log = LogFile::read(&api.log());
    for turbine in ["North-1", "North-2"] {
        assert_eq!(log.rows.iter().filter(|row| row.turbine_id == turbine).count(), 300, "{turbine}");
    }
}
