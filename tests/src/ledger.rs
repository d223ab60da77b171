//! Compares answers with the log.

use crate::load::{Told, Verdict};
use crate::log_file::{LogFile, LogRow};
use std::collections::HashMap;
use std::path::Path;
use turbine_core::prediction::log_files;

/// The rows of a log by turbine, for readings that each name another turbine.
#[derive(Debug)]
pub struct Ledger(HashMap<String, LogRow>);

impl Ledger {
    /// Reads the log at `path` with its rotated parts.
    ///
    /// # Panics
    /// As [`LogFile::read`], or if a turbine has two rows.
    pub fn of_set(path: &Path) -> Self {
        let files = log_files(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!files.is_empty(), "there is no log at {}", path.display());
        Self::of(files.iter().map(|file| LogFile::read(&file.path)))
    }

    /// Takes the rows of several files.
    ///
    /// # Panics
    /// If a turbine has two rows.
    pub fn of(files: impl IntoIterator<Item = LogFile>) -> Self {
        let mut rows = HashMap::new();
        for row in files.into_iter().flat_map(|file| file.rows).filter(|row| !row.turbine_id.is_empty()) {
            if let Some(twice) = rows.insert(row.turbine_id.clone(), row) {
                panic!("logged twice: {twice:?}");
            }
        }
        Ledger(rows)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.0.len()
    }

    /// Whether the turbine has a row.
    pub fn has(&self, turbine_id: &str) -> bool {
        self.0.contains_key(turbine_id)
    }

    /// Asserts that every answered prediction is logged as it was answered.
    ///
    /// # Panics
    /// If one is not.
    pub fn holds(&self, told: &[Told]) {
        for Told { turbine_id, outcome, .. } in told {
            let Ok(verdict) = outcome else { continue };
            let row = self.0.get(turbine_id).unwrap_or_else(|| panic!("answered and lost: {turbine_id} {verdict:?}"));
            let logged = Verdict::of_row(row);
            assert_eq!(*verdict, logged, "{turbine_id} is logged as something else");
        }
    }
}
