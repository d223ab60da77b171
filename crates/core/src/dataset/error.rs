//! Why a data set cannot be read.

use super::skipped::SkippedRows;
use crate::feature::{FeatureError, MAX_FEATURES};
use std::path::PathBuf;

/// Why files cannot be read as a data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file cannot be opened.
    #[error("cannot read {name}: {problem}")]
    Open {
        /// The file.
        name: String,
        /// The system's error.
        problem: std::io::Error,
    },
    /// A path leads to no file.
    #[error("{}", if *.is_folder {
        format!("the folder {} has no file that ends in .csv, .tsv, .txt, .dat or .parquet, or one of these with .gz or .zst", .path.display())
    } else {
        format!("cannot read {}: there is no such file; is the path right?", .path.display())
    })]
    NoFile {
        /// The path.
        path: PathBuf,
        /// Whether it is a folder.
        is_folder: bool,
    },
    /// There is no text.
    #[error("{0} is empty; a header with the names of the columns and at least one row are needed")]
    Empty(String),
    /// The first line has readings instead of names.
    #[error("{name} has no header: its first line is {line:?}; add a line with the names of the columns above it")]
    NoHeader {
        /// The file.
        name: String,
        /// Its first line.
        line: String,
    },
    /// The program was built without Parquet.
    #[error("{0} is a Parquet file, which this program was built without; build it with --features parquet")]
    NoParquet(String),
    /// A Parquet file is damaged or has a form that is not read.
    #[error("{name}: {problem}")]
    Parquet {
        /// The file.
        name: String,
        /// The problem.
        problem: String,
    },
    /// The parts of a recording have different columns.
    #[error("{part} has other columns than {first}: {}", describe(.missing, .more))]
    OtherColumns {
        /// The part.
        part: String,
        /// The part that it is compared with.
        first: String,
        /// Columns that it lacks.
        missing: Vec<String>,
        /// Columns that only it has.
        more: Vec<String>,
    },
    /// The header has no such column.
    #[error("there is no column {column:?}; the columns are {}", .columns.join(", "))]
    NoColumn {
        /// The missing column.
        column: String,
        /// The columns of the header.
        columns: Vec<String>,
    },
    /// The header has the column twice.
    #[error("column {0:?} occurs twice in the header; rename one")]
    ColumnTwice(String),
    /// The columns are not a valid feature set.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A column has two roles.
    #[error("column {0:?} is selected as {1} and as {2}; remove one")]
    TwoRoles(String, &'static str, &'static str),
    /// No column is left to read.
    #[error("no column is left to read as a feature ({0}); name the columns to read with --features")]
    NoFeatures(String),
    /// There are more columns than a model reads.
    #[error(
        "{0} columns can be read and a model reads at most {MAX_FEATURES}; name them with --features, or leave some out with --exclude"
    )]
    TooManyFeatures(usize),
    /// No row has a number in every column.
    #[error(
        "no row has a number in every selected column (skipped rows by column: {0}); select columns with --features"
    )]
    NoRows(SkippedRows),
    /// The file cannot be read or is not a CSV.
    #[error("cannot read the rows: {0}")]
    Csv(#[from] csv::Error),
    /// The label column contains words that are not known.
    #[error(
        "column {column:?} contains {}, which say neither normal nor fault: name each that marks a fault with --fault VALUE",
        quoted(.words)
    )]
    UnknownLabels {
        /// The column.
        column: String,
        /// Some of the words, in the order of the file.
        words: Vec<String>,
    },
    /// A value that marks a fault does not occur.
    #[error(
        "no row has the value {value:?} of --fault in the column {column:?}, whose values are {}; correct it, or leave it out if this recording has no such fault",
        quoted(.words)
    )]
    NoSuchFault {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// Some of the values there are.
        words: Vec<String>,
    },
    /// The cells of the time column are not times.
    #[error(
        "the values of column {column:?} are not read as times, such as {}; name their format with --time-format, or leave the column out with --exclude",
        quoted(.examples)
    )]
    NoTimes {
        /// The column.
        column: String,
        /// Some of the cells.
        examples: Vec<String>,
    },
    /// Day and month cannot be told apart.
    #[error(
        "the times of column {column:?}, such as {example:?}, may be dd/mm/yyyy or mm/dd/yyyy: add --time-format dd/mm/yyyy or --time-format mm/dd/yyyy"
    )]
    AmbiguousTimes {
        /// The column.
        column: String,
        /// One of the cells.
        example: String,
    },
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn describe(missing: &[String], more: &[String]) -> String {
    let side = |words: &[String], what: &str| (!words.is_empty()).then(|| format!("it {what} {}", words.join(", ")));
    [side(missing, "lacks"), side(more, "has in addition")].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
