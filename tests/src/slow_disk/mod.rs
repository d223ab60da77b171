//! A disk that stalls at random, without the rights to make one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Delays of `fsync` and `fdatasync` in a program that is started with its variables.
#[derive(Debug)]
pub struct SlowDisk {
    folder: TempDir,
    env: Vec<(&'static str, String)>,
}

impl SlowDisk {
    /// One in `every` syncs takes `delay` longer; `seed` says which.
    ///
    /// # Panics
    /// If the library cannot be compiled.
    pub fn new(every: u32, delay: Duration, seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let env = vec![
            ("LD_PRELOAD", library().display().to_string()),
            ("SLOW_DISK_EVERY", every.to_string()),
            ("SLOW_DISK_MILLISECONDS", delay.as_millis().to_string()),
            ("SLOW_DISK_SEED", seed.to_string()),
            ("SLOW_DISK_REPORT", report(&folder).display().to_string()),
        ];
        SlowDisk { folder, env }
    }

    /// The variables to start a program with.
    pub fn env(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// How many syncs have been delayed so far.
    pub fn delays(&self) -> u64 {
        std::fs::metadata(report(&self.folder)).map_or(0, |report| report.len())
    }
}

fn report(folder: &TempDir) -> PathBuf {
    folder.path().join("delays")
}

/// The library to preload, compiled once per test process beside the tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let this = std::env::current_exe().expect("a test knows its own path");
        let library = this.with_file_name("libslow_disk.so");
        // Another test process may have the library loaded: it is replaced, not written to.
        let fresh = this.with_file_name(format!("libslow_disk.{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/slow_disk/preload.rs");
        let compiled = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"))
            .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "opt-level=1", "-o"])
            .arg(&fresh)
            .arg(source)
            .status();
        assert!(compiled.expect("rustc runs").success(), "the library does not compile");
        std::fs::rename(&fresh, &library).expect("the library can be renamed");
        library
    })
}
