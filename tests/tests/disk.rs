//! Full disks, read-only folders and deleted logs under load: readings are refused, none is lost, and the service recovers
//! without a restart.
//!
//! Tests that need root (a mounted file system, an immutable file) have a counterpart without root: a limit on the size of
//! files. Failures at every byte are in the unit tests of the log.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Ledger, LogFile, NORMAL, Refusal, Told, eventually, folder_with_model, load, not_run};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Loads the service while `act` runs.
fn under_load<T>(api: &Api, act: impl FnOnce() -> T) -> (Vec<Told>, T) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| load(api, "t", &stop));
        sleep(Duration::from_millis(200));
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        stop.store(true, Ordering::Relaxed);
        let told = clients.join().unwrap();
        (told, acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Waits until `/health` says that the service is degraded for `reason`.
fn wait_until_degraded(api: &Api, reason: &str) {
    eventually(&format!("degraded for {reason:?}"), || {
        let health = api.get("/health").json();
        health["status"] == "degraded" && health["reasons"].to_string().contains(reason)
    });
    assert_eq!((api.get("/health").status, api.get("/health/live").status), (200, 200));
}

fn wait_until_healthy(api: &Api) {
    eventually("healthy", || api.get("/health").json()["status"] == "healthy");
    assert_eq!(api.get("/health/ready").status, 200);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
}

/// Checks that refused readings are not in the log, so that they can be sent again; returns their number.
fn refusals(told: &[Told], ledger: &Ledger) -> usize {
    let refused = told.iter().filter_map(|told| Some((&told.turbine_id, told.outcome.as_ref().err()?)));
    let mut n = 0;
    for (turbine_id, Refusal { status, retry_after, error }) in refused {
        // A refusal that says "unknown" promises nothing about the log.
        if error.contains("unknown") {
            continue;
        }
        // A refused line of newline-delimited JSON: the response has begun with 200 by then.
        assert!(*status == 200 || (*status == 503 && retry_after.as_deref() == Some("1")), "{status} {retry_after:?}");
        assert!(error.contains("cannot be logged"), "{error}");
        assert!(!ledger.has(turbine_id), "{turbine_id} was refused and is logged");
        n += 1;
    }
    n
}

#[test]
fn a_limited_file_size_refuses_readings_until_it_is_lifted() {
    for sync in ["write", "fsync"] {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        let (told, ()) = under_load(&api, || {
            for _ in 0..3 {
                // The limit falls inside a row.
                api.limit_files(Some(api.log_len() + 1_234));
                wait_until_degraded(&api, "File too large");
                assert_eq!(api.get("/health/ready").status, 503);
                LogFile::read(&api.log());
                api.limit_files(None);
                wait_until_healthy(&api);
            }
            sleep(Duration::from_millis(100));
        });
        assert_eq!(api.terminate().code(), Some(0));
        let ledger = Ledger::of_set(&folder.path().join("outputs/predictions_log.csv"));
        ledger.holds(&told);
        assert!(refusals(&told, &ledger) > 0, "{sync}");
    }
}

#[test]
fn best_effort_answers_and_counts_unlogged_readings() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--log-policy", "best-effort"]);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    api.limit_files(Some(api.log_len() + 10));
    for _ in 0..5 {
        assert_eq!(api.post("/predict", NORMAL).status, 200);
    }
    wait_until_degraded(&api, "File too large");
    assert_eq!(api.figures()["turbine_log_unlogged_total"], 5.0);
    api.limit_files(None);
    wait_until_healthy(&api);
    // The first, and the one after the recovery.
    assert_eq!(LogFile::read(&api.log()).rows.len(), 2);
    assert_eq!(api.figures()["turbine_log_unlogged_total"], 5.0);
}

/// A mounted file system, unmounted on drop.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// `None` if this user may not mount.
    fn small(at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        succeeds(Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(at)).then_some(Mounted(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(succeeds(Command::new("umount").arg("-l").arg(self.0)), "{} stays mounted", self.0.display());
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_file_system_refuses_readings_until_there_is_room() {
    let folder = folder_with_model();
    let outputs = folder.path().join("outputs");
    let Some(_mounted) = Mounted::small(&outputs) else {
        not_run("a full file system: this user may not mount; a limited file size shows the same without root");
        return;
    };
    let ballast = outputs.join("ballast");
    std::fs::write(&ballast, vec![0; 64 << 10]).unwrap();
    let api = Api::start(folder.path(), &[]);
    let (told, ()) = under_load(&api, || {
        wait_until_degraded(&api, "No space left on device");
        LogFile::read(&api.log());
        let logged = || api.figures()["turbine_log_rows_total"];
        let before = logged();
        std::fs::remove_file(&ballast).unwrap();
        // The file system may be full again before `/health` is asked.
        eventually("rows are taken again", || logged() > before);
        wait_until_degraded(&api, "No space left on device");
    });
    assert_eq!(api.terminate().code(), Some(0));
    let ledger = Ledger::of_set(&outputs.join("predictions_log.csv"));
    ledger.holds(&told);
    assert!(refusals(&told, &ledger) > 0);
    // 64 KiB hold more than 400 rows of at most 150 bytes.
    assert!(ledger.rows() > 400, "{}", ledger.rows());
}

/// A folder or file that is read-only until this is dropped.
struct ReadOnly<'a>(&'a Path, &'static str);

impl<'a> ReadOnly<'a> {
    /// Uses the immutable attribute, which binds root, else permissions. `None` if neither has an effect.
    fn folder(path: &'a Path) -> Option<Self> {
        if let Some(immutable) = Self::immutable(path) {
            return Some(immutable);
        }
        assert!(succeeds(Command::new("chmod").arg("a-w").arg(path)));
        let read_only = ReadOnly(path, "chmod");
        std::fs::write(path.join("probe"), "").is_err().then_some(read_only)
    }

    /// `None` if this user may not, or the file system has no such attribute.
    fn immutable(path: &'a Path) -> Option<Self> {
        succeeds(Command::new("chattr").arg("+i").arg(path)).then_some(ReadOnly(path, "chattr"))
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let undo = if self.1 == "chattr" { "-i" } else { "u+w" };
        assert!(succeeds(Command::new(self.1).arg(undo).arg(self.0)), "{} stays read-only", self.0.display());
    }
}

#[test]
fn in_a_read_only_folder_rows_are_written_and_files_are_not_rotated() {
    let folder = folder_with_model();
    let outputs = folder.path().join("outputs");
    let api = Api::start(folder.path(), &["--log-max-bytes", "32KiB"]);
    let (told, ran) = under_load(&api, || {
        let Some(read_only) = ReadOnly::folder(&outputs) else { return false };
        wait_until_degraded(&api, "not rotated as asked");
        assert_eq!(api.get("/health/ready").status, 200);
        let rotated = api.figures()["turbine_log_rotations_total"];
        assert_eq!(api.post("/predict", NORMAL).status, 200);
        assert_eq!(api.figures()["turbine_log_rotations_total"], rotated);
        drop(read_only);
        wait_until_healthy(&api);
        eventually("rotated", || api.figures()["turbine_log_rotations_total"] > rotated);
        true
    });
    if !ran {
        not_run(
            "a read-only folder: nothing is read-only for this user; unit tests of the log block a rotation otherwise",
        );
    }
    assert_eq!(api.terminate().code(), Some(0));
    let ledger = Ledger::of_set(&outputs.join("predictions_log.csv"));
    ledger.holds(&told);
    assert_eq!(refusals(&told, &ledger), 0);
}

#[test]
fn a_read_only_log_refuses_readings_until_it_can_be_written() {
    let folder = folder_with_model();
    let outputs = folder.path().join("outputs");
    let log = outputs.join("predictions_log.csv");
    let api = Api::start(folder.path(), &[]);
    let (told, ran) = under_load(&api, || {
        // An immutable file cannot be written even if it is open, nor replaced.
        let Some(file) = ReadOnly::immutable(&log) else { return false };
        let Some(folder) = ReadOnly::immutable(&outputs) else { return false };
        wait_until_degraded(&api, "Operation not permitted");
        LogFile::read(&log);
        drop((file, folder));
        wait_until_healthy(&api);
        true
    });
    if !ran {
        not_run("a read-only log: this user cannot make files immutable; a limited file size shows the same");
    }
    assert_eq!(api.terminate().code(), Some(0));
    let ledger = Ledger::of_set(&log);
    ledger.holds(&told);
    assert_eq!(refusals(&told, &ledger) > 0, ran);
}

#[test]
fn readings_answered_after_the_log_was_deleted_are_not_lost() {
    for sync in ["write", "fsync"] {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        let mut deleted = Vec::new();
        let (told, ()) = under_load(&api, || {
            for _ in 0..10 {
                eventually("the log exists", || api.log().exists());
                // An open handle still reads the deleted file; a hard link would keep it from being deleted.
                let held = std::fs::File::open(api.log()).unwrap();
                std::fs::remove_file(api.log()).unwrap();
                deleted.push((held, Instant::now()));
                sleep(Duration::from_millis(50));
            }
            wait_until_healthy(&api);
        });
        assert_eq!(api.terminate().code(), Some(0));
        let mut dead = Vec::new();
        for (i, (mut held, when)) in deleted.into_iter().enumerate() {
            let copy = folder.path().join(format!("deleted-{i}.csv"));
            std::io::copy(&mut held, &mut std::fs::File::create(&copy).unwrap()).unwrap();
            dead.push((copy, when));
        }
        let living = LogFile::read(&folder.path().join("outputs/predictions_log.csv"));
        let files = dead.iter().map(|(copy, _)| LogFile::read(copy)).chain([living]);
        let ledger = Ledger::of(files);
        ledger.holds(&told);
        for (copy, when) in &dead {
            let dead = Ledger::of([LogFile::read(copy)]);
            for told in told.iter().filter(|told| told.begun > *when && told.outcome.is_ok()) {
                assert!(!dead.has(&told.turbine_id), "{} was answered from a deleted file", told.turbine_id);
            }
        }
    }
}

#[test]
fn a_second_service_on_the_same_log_is_refused() {
    let folder = folder_with_model();
    let first = Api::start(folder.path(), &[]);
    let second = e2e::run("api", folder.path(), &["--port", "0"], &[]);
    assert_eq!(second.code, Some(1));
    let expected = format!("predictions_log.csv is in use by process {}", first.id());
    assert!(second.stderr.contains(&expected) && second.stderr.contains("stop that service"), "{}", second.stderr);
    assert_eq!(first.post("/predict", NORMAL).status, 200);
}
