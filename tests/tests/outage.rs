//! The service is away for a while, and the sender is killed meanwhile: nothing is lost, and what arrives is in order, once.
//!
//! `OUTAGE_SECONDS` sets how long the service is away, 4 s if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, LogRow, clean_command, eventually, folder_with_model, program};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Half of the time that the service is away.
fn half_outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").unwrap_or_else(|_| "4".to_owned());
    Duration::from_secs_f64(seconds.parse::<f64>().unwrap() / 2.0)
}

/// A sender that runs in `folder`, killed on drop.
struct Sender {
    child: Child,
    said: std::path::PathBuf,
}

impl Sender {
    fn start(folder: &Path, api: &Api, args: &[&str]) -> Self {
        let said = folder.join("sender.stdout");
        let out = OpenOptions::new().append(true).create(true).open(&said).unwrap();
        let url = api.url("/predict");
        let child = clean_command(program("sender"), folder)
            .args(["--api-url", &url, "--quiet"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(out)
            .spawn()
            .unwrap();
        Sender { child, said }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Its exit code, `None` after a kill.
    fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// What all senders of the folder have said.
    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rows(api: &Api) -> usize {
    std::fs::read_to_string(api.log()).map_or(0, |log| log.lines().count().saturating_sub(1))
}

/// Kills the service while the sender streams, kills the sender and starts another meanwhile, and starts the service anew.
fn away(folder: &Path, args: &[&str], meanwhile: impl FnOnce()) -> (Api, Sender) {
    let api = Api::start(folder, &[]);
    let mut sender = Sender::start(folder, &api, args);
    eventually("the first rows", || rows(&api) >= 10);
    api.signal("KILL");
    let port = api.port();
    std::thread::sleep(half_outage());
    sender.signal("KILL");
    assert_eq!(sender.wait(), None);
    meanwhile();
    let sender = Sender::start(folder, &api, args);
    std::thread::sleep(half_outage());
    drop(api);
    let api = Api::start_on(port, folder, &[], &[]);
    (api, sender)
}

/// A replay of `n` rows whose temperatures say their order.
fn recording(rows: std::ops::Range<usize>, with_times: bool) -> String {
    let row = |i: usize| {
        let time = if with_times { format!("2026-02-01T00:{:02}:{:02}Z,", i / 60, i % 60) } else { String::new() };
        format!("{time}{},60.5,0.5\n", temperature(i))
    };
    rows.map(row).collect()
}

fn temperature(i: usize) -> f64 {
    20.0 + i as f64 / 100.0
}

#[track_caller]
fn assert_once_in_order(log: &[LogRow], n: usize) {
    let found: Vec<f64> = log.iter().map(|row| row.values[0]).collect();
    assert_eq!(found, (0..n).map(temperature).collect::<Vec<_>>());
}

#[test]
fn a_spool_keeps_the_readings_of_live_turbines_over_an_outage_and_a_kill() {
    let folder = folder_with_model();
    const INTERVAL: f64 = 0.05;
    let args = ["--interval", "0.05", "--turbines", "3", "--spool", "a.spool"];
    let (api, mut sender) = away(folder.path(), &args, || {});
    let at_start = rows(&api);
    eventually("what was kept and more", || {
        rows(&api) as f64 > at_start as f64 + half_outage().as_secs_f64() / INTERVAL
    });
    sender.signal("INT");
    assert_eq!(sender.wait(), Some(0), "{}", sender.said());
    assert!(sender.said().contains("trying until the service answers"), "{}", sender.said());
    assert!(sender.said().contains("the service answers again after"), "{}", sender.said());
    assert!(sender.said().contains("readings are kept in a.spool and sent first"), "{}", sender.said());

    // In order, once, and without a hole in either run: each time is an interval after the one before.
    let log = LogFile::read(&api.log());
    let times: Vec<jiff::Timestamp> = log.rows.iter().map(|row| row.timestamp.parse().unwrap()).collect();
    let steps: Vec<f64> =
        times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64() / INTERVAL).collect();
    let holes: Vec<&f64> = steps.iter().filter(|step| step.round() != 1.0).collect();
    // The one between the two runs has any length.
    assert!(holes.len() <= 1 && steps.iter().all(|&step| step > 0.0), "{holes:?}");
    let turbines: Vec<&str> = log.rows.iter().map(|row| row.turbine_id.as_str()).collect();
    assert!(turbines.windows(4).filter(|four| four[0] != four[3]).count() <= 3, "{turbines:?}");
}

#[test]
fn a_spooled_replay_without_times_arrives_once_and_in_order() {
    const N: usize = 400;
    for format in [&["--interval", "0.01"][..], &["--interval", "0.01", "--ndjson"]] {
        let folder = folder_with_model();
        let csv = "temperature,humidity,sound_volume\n".to_owned() + &recording(0..N, false);
        std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
        let args = [&["--replay", "rows.csv", "--spool", "a.spool"], format].concat();
        let (api, mut sender) = away(folder.path(), &args, || {});
        assert_eq!(sender.wait(), Some(0), "{}", sender.said());
        assert_once_in_order(&LogFile::read(&api.log()).rows, N);
        assert!(!folder.path().join("a.spool").exists(), "all is answered: nothing is kept");
    }
}

#[test]
fn a_followed_file_is_sent_once_and_in_order_although_it_is_rotated_meanwhile() {
    let folder = folder_with_model();
    let path = folder.path().join("rows.csv");
    let header = "time,temperature,humidity,sound_volume\n";
    let append = |text: &str| {
        OpenOptions::new().append(true).create(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    append(&(header.to_owned() + &recording(0..20, true)));
    let args = ["--replay", "rows.csv", "--follow", "--timestamp", "time"];
    let (api, mut sender) = away(folder.path(), &args, || {
        // While neither runs, the file grows, is rotated, and the new one grows.
        append(&recording(20..30, true));
        std::fs::rename(&path, folder.path().join("rows.csv.1")).unwrap();
        append(&(header.to_owned() + &recording(30..35, true)));
    });
    eventually("both files", || rows(&api) == 35);
    let last = recording(35..36, true);
    append(&last[..10]);
    append(&last[10..]);
    eventually("the row that came in two pieces", || rows(&api) == 36);
    assert!(sender.said().contains("rows.csv was rotated; reading it from its beginning"), "{}", sender.said());
    std::fs::write(&path, header.to_owned() + &recording(36..37, true)).unwrap();
    eventually("the truncated file", || rows(&api) == 37);
    assert!(sender.said().contains("rows.csv was truncated; reading it from its beginning"), "{}", sender.said());
    sender.signal("TERM");
    assert_eq!(sender.wait(), Some(0), "{}", sender.said());
    assert_once_in_order(&LogFile::read(&api.log()).rows, 37);
}

#[test]
fn a_replay_goes_on_at_the_row_it_reached_and_begins_anew_once_it_is_through() {
    const N: usize = 300;
    let folder = folder_with_model();
    let csv = "time,temperature,humidity,sound_volume\n".to_owned() + &recording(0..N, true);
    std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
    let api = Api::start(folder.path(), &[]);
    let args = ["--replay", "rows.csv", "--timestamp", "time", "--interval", "0.01"];
    let mut sender = Sender::start(folder.path(), &api, &args);
    eventually("the first rows", || rows(&api) >= 20);
    sender.signal("KILL");
    sender.wait();
    let mut sender = Sender::start(folder.path(), &api, &args);
    assert_eq!(sender.wait(), Some(0), "{}", sender.said());
    let said = sender.said();
    let reached = said.split("going on behind reading ").nth(1).and_then(|rest| rest.split(';').next());
    let reached: usize = reached.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    assert!(reached >= 19 && said.contains(&format!("sent={} ", N - reached)), "{said}");
    assert_once_in_order(&LogFile::read(&api.log()).rows, N);
    // Through: another run begins with the first row, which the service knows.
    let mut sender = Sender::start(folder.path(), &api, &args[..4]);
    eventually("a third start", || sender.said().matches("[sender] model:").count() == 3);
    sender.signal("INT");
    sender.wait();
    assert_eq!(sender.said().matches("going on behind").count(), 1, "{}", sender.said());
    assert_eq!(LogFile::read(&api.log()).rows.len(), N);
}
