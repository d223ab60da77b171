//! `kill -9` at random moments under load: every answered prediction is in the log once, and the log is whole after the next
//! start.
//!
//! `KILL_ROUNDS` sets the number of kills, 50 if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Ledger, Told, folder_with_model, load};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Size of a few hundred rows, so that some kills fall into a rotation.
const FILE_SIZE: &str = "32KiB";

/// Kills of one log; then a new one begins, since each start reads some hundred thousand rows.
const ROUNDS_A_LOG: u32 = 50;

fn rounds() -> u32 {
    let rounds = std::env::var("KILL_ROUNDS").unwrap_or_else(|_| "50".to_owned());
    rounds.parse().unwrap_or_else(|_| panic!("KILL_ROUNDS is a number, not {rounds:?}"))
}

/// Starts the service, loads it, and kills it after `life`.
fn killed_round(folder: &std::path::Path, sync: &str, mark: &str, life: Duration) -> Vec<Told> {
    let api = Api::start(folder, &["--log-sync", sync, "--log-max-bytes", FILE_SIZE]);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| load(&api, mark, &AtomicBool::new(false)));
        std::thread::sleep(life);
        api.signal("KILL");
        clients.join().unwrap()
    })
}

fn survives_being_killed(sync: &str, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut answered, mut logged, mut torn) = (0, 0, 0);
    for first in (0..rounds()).step_by(ROUNDS_A_LOG as usize) {
        let folder = folder_with_model();
        let log = folder.path().join("outputs/predictions_log.csv");
        let mut told = Vec::new();
        for round in first..rounds().min(first + ROUNDS_A_LOG) {
            let life = Duration::from_micros(u64::from(rng.next_u32() % 300_000));
            told.extend(killed_round(folder.path(), sync, &format!("r{round}"), life));
        }
        let api = Api::start(folder.path(), &["--log-sync", sync]);
        assert_eq!(api.get("/health").json()["status"], "healthy");
        assert_eq!(api.terminate().code(), Some(0));

        assert!(told.iter().all(|told| told.outcome.is_ok()), "nothing is refused");
        let ledger = Ledger::of_set(&log);
        ledger.holds(&told);
        let files = std::fs::read_dir(log.parent().unwrap()).unwrap();
        torn += files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|it| it == "torn")).count();
        answered += told.len();
        logged += ledger.rows();
    }
    eprintln!(
        "{sync}: {} rounds, {answered} predictions answered, {logged} logged, {torn} torn ends kept aside",
        rounds()
    );
    assert!(answered > rounds() as usize, "too few predictions were answered to show anything");
}

#[test]
fn answered_predictions_are_logged_once_with_write() {
    survives_being_killed("write", 1);
}

#[test]
fn answered_predictions_are_logged_once_with_fsync() {
    survives_being_killed("fsync", 2);
}
