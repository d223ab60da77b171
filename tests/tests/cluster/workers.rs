//! Workers of a cluster, and what is disturbed about them.

use e2e::{Api, NatsCluster};
use std::path::Path;
use tempfile::TempDir;

/// Workers, each in a folder of its own.
pub struct Workers {
    flags: Vec<String>,
    more: Vec<String>,
    pub running: Vec<(Api, TempDir)>,
}

impl Workers {
    pub fn start(count: usize, cluster: &NatsCluster, model: &Path, more: &[&str]) -> Self {
        Self::start_with(count, cluster, &[&["--model", model.to_str().unwrap()], more].concat())
    }

    /// The same, with the model that these flags name.
    pub fn start_with(count: usize, cluster: &NatsCluster, more: &[&str]) -> Self {
        let more = more.iter().map(|&flag| flag.to_owned()).collect();
        let mut workers = Workers { flags: cluster.flags(), more, running: Vec::new() };
        (0..count).for_each(|_| workers.add());
        workers
    }

    pub fn add(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let args: Vec<&str> = self.flags.iter().chain(&self.more).map(String::as_str).collect();
        let worker = Api::start_program("worker", 0, folder.path(), &args, &[]);
        self.running.push((worker, folder));
    }

    /// The sum of a counter over all that run.
    pub fn sum(&self, name: &str) -> f64 {
        self.running.iter().map(|(worker, _)| worker.figures().get(name).copied().unwrap_or_default()).sum()
    }
}

/// What is done to a worker.
#[derive(Debug, Clone, Copy)]
pub enum Blow {
    /// Killed at once, and another one started.
    Kill,
    /// Told to stop, and another one started.
    Terminate,
    /// Stopped for some seconds, and then let go on as if nothing had happened.
    Suspend(u64),
}

impl Workers {
    pub fn strike(&mut self, blow: Blow) {
        // The oldest one: it has partitions.
        let (worker, folder) = self.running.remove(0);
        match blow {
            Blow::Kill => {
                drop(worker);
                self.add();
            }
            Blow::Terminate => {
                let stderr = worker.stderr();
                assert!(worker.terminate().success(), "{stderr}");
                self.add();
            }
            Blow::Suspend(seconds) => {
                worker.signal("STOP");
                std::thread::sleep(std::time::Duration::from_secs(seconds));
                worker.signal("CONT");
                self.running.push((worker, folder));
            }
        }
    }
}
