//! Rows that cannot be used.

use std::fmt;

/// Numbers of skipped rows, by the first unusable column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SkippedRows {
    by_column: Vec<(String, u64)>,
}

impl SkippedRows {
    /// The number of skipped rows.
    pub fn total(&self) -> u64 {
        self.by_column.iter().map(|(_, rows)| rows).sum()
    }

    /// The columns with unusable cells, and the numbers of rows skipped for them.
    pub fn by_column(&self) -> impl Iterator<Item = (&str, u64)> {
        self.by_column.iter().map(|(column, rows)| (column.as_str(), *rows))
    }

    pub(super) fn add(&mut self, column: &str) {
        self.add_many(column, 1);
    }

    /// Adds those of another file.
    pub fn merge(&mut self, other: &SkippedRows) {
        other.by_column().for_each(|(column, rows)| self.add_many(column, rows));
    }

    fn add_many(&mut self, column: &str, more: u64) {
        match self.by_column.iter_mut().find(|(name, _)| name == column) {
            Some((_, rows)) => *rows += more,
            None => self.by_column.push((column.to_owned(), more)),
        }
    }
}

impl fmt::Display for SkippedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.by_column.is_empty() {
            return f.write_str("none");
        }
        for (i, (column, rows)) in self.by_column().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{column}: {rows}")?;
        }
        Ok(())
    }
}
