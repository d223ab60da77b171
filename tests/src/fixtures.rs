//! What many tests begin with.

use crate::api::PATIENCE;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use turbine_core::simulation::{TRAINING_READINGS, training_set};
use turbine_core::training::{TrainingParams, train};

/// A reading of a turbine that runs as it should.
pub const NORMAL: &str = r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}"#;

/// A reading of one that does not.
pub const ANOMALY: &str = r#"{"temperature":45.1,"humidity":90.2,"sound_volume":1.51}"#;

/// A folder that holds the default model, so that a service that is started there need not train it.
///
/// # Panics
/// If the model cannot be trained or saved.
pub fn folder_with_model() -> TempDir {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("models/turbine_iforest.json");
    std::fs::create_dir(folder.path().join("models")).expect("a folder for the model");
    let model = MODEL.get_or_init(|| {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let params = TrainingParams { threads, ..TrainingParams::default() };
        let dataset = training_set(TRAINING_READINGS, params.contamination, params.forest.seed);
        train(&dataset, &params).expect("the default model").model.save(&path).expect("the model can be saved");
        std::fs::read(&path).expect("the model can be read")
    });
    std::fs::write(&path, model).expect("the model can be written");
    folder
}

/// Waits until `condition` holds. How long that takes is nobody's concern, as long as it happens.
///
/// # Panics
/// If it does not happen.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "it never came to be: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says on standard error, past the capture of the test harness, that a test was not run and what it needs.
pub fn not_run(needs: &str) {
    // `eprintln!` would be captured, and shown only if the test failed.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {needs}");
}

/// Lets this process open as many files as the system allows at all, and says how many those are.
pub fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, the old limit stands, and that is what is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
