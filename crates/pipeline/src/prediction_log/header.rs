//! The first line of the log, and which rows stand under it.

use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;

/// No header is longer than this, and no row.
pub(super) const MAX_LINE: u64 = 32 * 1024;

/// The columns of a log.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<String>,
    line: Vec<u8>,
    features: FeatureSet,
}

impl Header {
    pub(super) fn new(features: &FeatureSet) -> Self {
        let columns: Vec<String> = PredictionRecord::header(features).into_iter().map(str::to_owned).collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(&columns).expect("a vector takes every write");
        let line = csv.into_inner().expect("a vector takes every write");
        Header { columns, line, features: features.clone() }
    }

    /// The features of its rows.
    pub(super) fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Whether `line` names the same columns, however a spreadsheet may have quoted them.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        record(line, true).is_some_and(|found| found == self.columns)
    }

    /// Whether `line` is a whole row of this log.
    pub(super) fn is_row(&self, line: &[u8]) -> bool {
        // No cell of a row is quoted. This spares most junk the parser.
        let cells = line.iter().filter(|byte| **byte == b',').count() + 1;
        cells == self.columns.len()
            && record(line, false).is_some_and(|row| PredictionRecord::parse(&row, &self.features).is_some())
    }
}

fn record(line: &[u8], quoting: bool) -> Option<csv::StringRecord> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).quoting(quoting).from_reader(line);
    let mut record = csv::StringRecord::new();
    csv.read_record(&mut record).ok()?.then_some(record)
}
