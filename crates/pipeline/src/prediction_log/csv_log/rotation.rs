//! Beginning a new file when the current one is large or old.

use super::super::fault::LogFault;
use super::CsvLog;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait before a rotation that failed is tried again.
const RETRY: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Rotation {
    failed: Option<Instant>,
}

impl CsvLog {
    pub(super) fn rotate_if_full(&mut self, more: usize) {
        if let (Some(file), Some(max)) = (&self.file, self.config.max_bytes)
            && file.len.saturating_add(more as u64) > max.get()
        {
            self.try_to_rotate();
        }
    }

    pub(super) fn rotate_if_old(&mut self) {
        if let (Some(file), Some(max)) = (&self.file, self.config.max_age)
            && file.born.elapsed().is_ok_and(|age| age >= max)
        {
            self.try_to_rotate();
        }
    }

    /// A log that cannot be rotated is written on: rows matter more than the size of a file.
    fn try_to_rotate(&mut self) {
        let too_soon = self.rotation.failed.is_some_and(|when| when.elapsed() < RETRY);
        let header = self.header_len();
        let with_rows = self.file.as_ref().filter(|file| file.len > header && !file.torn).map(|file| file.len);
        if too_soon || !with_rows.is_some_and(|len| self.is_in_place(len)) {
            return;
        }
        match self.rotate() {
            Ok(()) => {
                self.rotation.failed = None;
                self.telemetry.set_problem(None);
            }
            Err(fault) => {
                let problem: Arc<str> =
                    format!("the prediction log is written, but not rotated as asked: {fault}").into();
                if self.telemetry.problem().as_ref() != Some(&problem) {
                    tracing::warn!("{problem}");
                }
                self.rotation.failed = Some(Instant::now());
                self.telemetry.set_problem(Some(problem));
            }
        }
    }

    fn rotate(&mut self) -> Result<(), LogFault> {
        let parts = self.name.parts().map_err(LogFault::io("list", self.name.folder()))?;
        let sequence = parts.last().map_or(1, |(newest, _)| newest + 1);
        let fresh = self.fresh(sequence + 1)?;
        let part = self.name.rotated(sequence);
        std::fs::rename(self.name.path(), &part).map_err(LogFault::io("rotate", self.name.path()))?;
        // Should the new file not get its name now, one is begun before the next row.
        self.file = None;
        self.telemetry.rotations.inc();
        self.put_in_place()?;
        self.file = Some(fresh);
        tracing::info!("the prediction log goes on in a new file; its last rows are in {}", part.display());
        let keep = self.config.keep.map_or(usize::MAX, |keep| keep.get());
        for (_, old) in parts.iter().rev().skip(keep - 1) {
            std::fs::remove_file(old).map_err(LogFault::io("remove", old))?;
        }
        Ok(())
    }
}
