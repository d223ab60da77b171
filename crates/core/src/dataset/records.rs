//! The records of one file, whatever its form.

use super::compression::{Bytes, decompress};
use super::dialect::{self, Dialect, Separator};
use super::encoding::{Encoding, Utf8Reader};
use super::error::DatasetError;
use super::number::Decimal;
use super::source::Part;
use csv::StringRecord;
use std::io::{self, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How much of a file the dialect is detected from.
const SAMPLE_BYTES: usize = 1 << 16;
/// Of a stream, whose next rows may be a long time coming, so many lines are enough.
const SAMPLE_LINES: usize = 20;
/// Of a file that is closed again, so many records are kept, to find its first time in.
const KEPT_RECORDS: usize = 20;

/// What is known of a file's form and need not be detected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) separator: Option<Separator>,
    pub(super) decimal: Option<Decimal>,
    pub(super) encoding: Option<Encoding>,
}

/// The records below the header, one after the other.
pub(super) struct Records {
    /// The names of the columns, without blanks at their ends.
    pub(super) header: Vec<String>,
    /// What was detected, in the words of the console.
    pub(super) form: Vec<String>,
    pub(super) decimal: Option<Decimal>,
    /// What was detected of its form, or given.
    pub(super) settled: Form,
    /// Lines before the header.
    pub(super) head_lines: usize,
    /// The first records, which are read again.
    pub(super) sample: Vec<StringRecord>,
    rows: Rows,
}

enum Rows {
    Closed,
    Text(Box<csv::Reader<Chain<Cursor<Vec<u8>>, Utf8Reader>>>),
    #[cfg(feature = "parquet")]
    Parquet(super::parquet::Records),
}

impl Records {
    /// Opens a file and detects its form.
    ///
    /// # Errors
    /// A [`DatasetError`] if it cannot be read, is empty, or has no header.
    pub(super) fn open(part: &Part, known: Form, read: &Arc<AtomicU64>) -> Result<Self, DatasetError> {
        let failed = |problem| DatasetError::Open { name: part.name.clone(), problem };
        let mut raw = part.open(read)?;
        let mut magic = Vec::new();
        raw.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
        if magic == *b"PAR1" {
            return Records::open_parquet(part);
        }
        let raw: Bytes = Box::new(Cursor::new(magic).chain(raw));
        let (bytes, compression) = decompress(raw).map_err(failed)?;
        let mut text = Utf8Reader::new(bytes, known.encoding);
        let sample = take_sample(&mut text, part.is_repeatable()).map_err(failed)?;
        if sample.trim().is_empty() {
            return Err(DatasetError::Empty(part.name.clone()));
        }
        let dialect = dialect::detect(&sample, known.separator, known.decimal);
        if dialect.lacks_header {
            let line = sample[dialect.header_at..].lines().next().unwrap_or_default().to_owned();
            return Err(DatasetError::NoHeader { name: part.name.clone(), line });
        }
        let decided = text.decided();
        let form = words(&dialect, text.encoding(), compression);
        let mut first = reader(&dialect, &sample.as_bytes()[dialect.header_at..]);
        let header = first.headers()?.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows: Vec<StringRecord> = first.into_records().map_while(Result::ok).collect();
        if rows.len() > 1 && sample.len() >= SAMPLE_BYTES {
            // It may be cut.
            rows.pop();
        }
        let mut sample = sample.into_bytes();
        sample.drain(..dialect.header_at);
        let mut csv = reader(&dialect, Cursor::new(sample).chain(text));
        csv.headers()?;
        let decimal = dialect.decimal.or(known.decimal);
        let settled = Form { separator: Some(dialect.separator), decimal, encoding: decided };
        let head_lines = dialect.head_lines;
        Ok(Records { header, form, decimal, settled, head_lines, sample: rows, rows: Rows::Text(Box::new(csv)) })
    }

    #[cfg(feature = "parquet")]
    fn open_parquet(part: &Part) -> Result<Self, DatasetError> {
        let (header, sample, rows) = super::parquet::open(part)?;
        let (form, decimal) = (vec!["Parquet".to_owned()], Some(Decimal::Point));
        let settled = Form { decimal, ..Form::default() };
        Ok(Records { header, form, decimal, settled, head_lines: 0, sample, rows: Rows::Parquet(rows) })
    }

    #[cfg(not(feature = "parquet"))]
    fn open_parquet(part: &Part) -> Result<Self, DatasetError> {
        Err(DatasetError::NoParquet(part.name.clone()))
    }

    /// What is known of the file, without holding it open.
    pub(super) fn close(mut self) -> Self {
        self.rows = Rows::Closed;
        self.sample.truncate(KEPT_RECORDS);
        self
    }

    /// Reads the next record; false at the end.
    pub(super) fn read(&mut self, record: &mut StringRecord) -> Result<bool, DatasetError> {
        match &mut self.rows {
            Rows::Closed => Ok(false),
            Rows::Text(csv) => Ok(csv.read_record(record)?),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.read(record),
        }
    }
}

fn reader<R: Read>(dialect: &Dialect, text: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(dialect.separator.byte())
        .comment(dialect.has_comments.then_some(b'#'))
        .from_reader(text)
}

/// The beginning of the text, to whole letters.
fn take_sample(text: &mut Utf8Reader, is_file: bool) -> io::Result<String> {
    let mut sample = Vec::new();
    let mut buffer = vec![0; SAMPLE_BYTES];
    loop {
        let length = text.read(&mut buffer)?;
        sample.extend_from_slice(&buffer[..length]);
        let lines = || sample.iter().filter(|&&byte| byte == b'\n').count();
        // What is handed out ends within a letter only if the buffer was full.
        let is_enough = sample.len() >= SAMPLE_BYTES || (!is_file && lines() > SAMPLE_LINES);
        if length == 0 || (is_enough && std::str::from_utf8(&sample).is_ok()) {
            return String::from_utf8(sample).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
        }
    }
}

fn words(dialect: &Dialect, encoding: Encoding, compression: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = compression.map(str::to_owned).into_iter().collect();
    if dialect.head_lines > 0 {
        let s = if dialect.head_lines == 1 { "" } else { "s" };
        words.push(format!("{} line{s} before the header", dialect.head_lines));
    }
    words.push(dialect.separator.to_string());
    words.extend(dialect.decimal.map(|decimal| decimal.to_string()));
    words.push(encoding.to_string());
    words
}
