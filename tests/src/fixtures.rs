//! Fixtures shared by many tests.

use crate::api::EVENT_TIMEOUT;
use crate::programs::run;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use turbine_core::simulation::{TRAINING_READINGS, training_set};
use turbine_core::training::{TrainingParams, train};

/// Where a service looks for its model, seen from its folder.
pub const MODEL_PATH: &str = "models/turbine_iforest.json";

/// A normal reading.
pub const NORMAL: &str = r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}"#;

/// An anomalous reading.
pub const ANOMALY: &str = r#"{"temperature":45.1,"humidity":90.2,"sound_volume":1.51}"#;

/// A folder that holds the default model, so that a service started there need not train it.
///
/// # Panics
/// If the model cannot be trained or saved.
pub fn folder_with_model() -> TempDir {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("models")).expect("a folder for the model");
    let model = MODEL.get_or_init(|| model_file(TrainingParams::default().forest.seed));
    std::fs::write(folder.path().join(MODEL_PATH), model).expect("the model can be written");
    folder
}

/// The file of a model of the default turbine, trained with this seed.
///
/// # Panics
/// If the model cannot be trained or saved.
pub fn model_file(seed: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.json");
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut params = TrainingParams { threads, ..TrainingParams::default() };
    params.forest.seed = seed;
    let dataset = training_set(TRAINING_READINGS, params.contamination, seed);
    train(&dataset, &params).expect("the default model").model.save(&path).expect("the model can be saved");
    std::fs::read(&path).expect("the model can be read")
}

/// Trains a model of that many made-up sensors, `s0` to `sN`, with the real program and saves it where a service in `folder` looks.
///
/// # Panics
/// If `train` fails.
pub fn train_other_features(folder: &Path, features: usize) {
    let names: Vec<String> = (0..features).map(|i| format!("s{i}")).collect();
    let mut csv = names.join(",") + "\n";
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..400 {
        let cells: Vec<String> = (0..features).map(|_| format!("{}", rng.next_u32() % 1_000)).collect();
        csv += &(cells.join(",") + "\n");
    }
    std::fs::write(folder.join("data.csv"), csv).expect("a file");
    let args = ["--data", "data.csv", "--n-estimators", "20", "--model", MODEL_PATH, "--outputs", "pictures"];
    let trained = run("train", folder, &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
}

/// Trains a model on a fault of the default turbine with the real program and saves it as `models/worse.json` in `folder`:
/// normal readings are strange to it, and it raises alarms.
///
/// # Panics
/// If `train` fails.
pub fn train_worse_model(folder: &Path) {
    let mut csv = "time,temperature,humidity,sound_volume\n".to_owned();
    for i in 0..600 {
        let noise = f64::from(i * 7919 % 1000) / 1000.0;
        let (hour, minute) = (i / 60, i % 60);
        csv += &format!(
            "2026-01-01T{hour:02}:{minute:02}:00Z,{:.3},{:.3},{:.3}\n",
            44.0 + 3.0 * noise,
            88.0 + 4.0 * noise,
            1.4 + 0.3 * noise
        );
    }
    std::fs::write(folder.join("fault.csv"), csv).expect("a file");
    let args = ["--data", "fault.csv", "--model", "models/worse.json", "--outputs", "pictures", "--detector", "forest"];
    let trained = run("train", folder, &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
}

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within two minutes.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < EVENT_TIMEOUT, "timeout while waiting for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says on standard error, past the capture of the test harness, that a test was not run and what it needs.
pub fn not_run(needs: &str) {
    // `eprintln!` would be captured, and shown only if the test failed.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {needs}");
}

/// Raises the limit of open files of this process to the hard limit; returns it.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If this is refused, the old limit stays and is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
