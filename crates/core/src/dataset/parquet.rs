//! Parquet files, whose cells are handed on as text, so that one reader serves all forms.

use super::error::DatasetError;
use super::source::{Part, Whole};
use csv::StringRecord;
use jiff::Timestamp;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use std::fmt::Write;

/// Rows that the form of times is told from.
const SAMPLE: usize = 1_000;

/// The rows of a Parquet file.
pub(super) struct Records {
    name: String,
    kinds: Vec<Kind>,
    rows: RowIter<'static>,
    text: String,
}

/// What a column holds, as far as its values do not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Times by the clocks of some zone.
    LocalTime,
    Nanoseconds {
        is_utc: bool,
    },
}

/// The names of the columns, the first records, and all records.
pub(super) fn open(part: &Part) -> Result<(Vec<String>, Vec<StringRecord>, Records), DatasetError> {
    let mut first = Records::open(part)?;
    let mut sample = Vec::new();
    let mut record = StringRecord::new();
    while sample.len() < SAMPLE && first.1.read(&mut record)? {
        sample.push(record.clone());
    }
    let (header, records) = Records::open(part)?;
    Ok((header, sample, records))
}

impl Records {
    fn open(part: &Part) -> Result<(Vec<String>, Self), DatasetError> {
        let failed = |error: parquet::errors::ParquetError| DatasetError::Parquet {
            name: part.name.clone(),
            problem: error.to_string(),
        };
        let reader: Box<dyn FileReader> = match part.content()? {
            Whole::File(file) => Box::new(SerializedFileReader::new(file).map_err(failed)?),
            Whole::Bytes(bytes) => {
                Box::new(SerializedFileReader::new(bytes::Bytes::from_owner(bytes)).map_err(failed)?)
            }
        };
        let fields = reader.metadata().file_metadata().schema().get_fields().to_vec();
        let header = fields.iter().map(|field| field.name().trim().to_owned()).collect();
        let kinds = fields.iter().map(|field| Kind::of(field.get_basic_info().logical_type_ref())).collect();
        let rows = RowIter::from_file_into(reader);
        Ok((header, Records { name: part.name.clone(), kinds, rows, text: String::new() }))
    }

    pub(super) fn read(&mut self, record: &mut StringRecord) -> Result<bool, DatasetError> {
        record.clear();
        let row: Row = match self.rows.next() {
            None => return Ok(false),
            Some(row) => {
                row.map_err(|error| DatasetError::Parquet { name: self.name.clone(), problem: error.to_string() })?
            }
        };
        for ((_, field), kind) in row.get_column_iter().zip(&self.kinds) {
            self.text.clear();
            write(&mut self.text, field, *kind);
            record.push_field(&self.text);
        }
        Ok(true)
    }
}

impl Kind {
    fn of(logical: Option<&LogicalType>) -> Self {
        match logical {
            Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS => {
                Kind::Nanoseconds { is_utc: time.is_adjusted_to_u_t_c }
            }
            Some(LogicalType::Timestamp(time)) if !time.is_adjusted_to_u_t_c => Kind::LocalTime,
            _ => Kind::Plain,
        }
    }
}

/// Writes a cell; nothing for a missing value.
fn write(text: &mut String, field: &Field, kind: Kind) {
    let time = |time: Result<Timestamp, jiff::Error>| {
        let time = time.map(|time| time.to_string()).unwrap_or_default();
        let is_utc = matches!(kind, Kind::Plain | Kind::Nanoseconds { is_utc: true });
        if is_utc { time } else { time.trim_end_matches('Z').to_owned() }
    };
    let written = match field {
        Field::Null => Ok(()),
        Field::Str(word) => text.write_str(word),
        Field::TimestampMillis(value) => text.write_str(&time(Timestamp::from_millisecond(*value))),
        Field::TimestampMicros(value) => text.write_str(&time(Timestamp::from_microsecond(*value))),
        Field::Long(value) if matches!(kind, Kind::Nanoseconds { .. }) => {
            text.write_str(&time(Timestamp::from_nanosecond((*value).into())))
        }
        // Shown with their shortest digits, which read back as the same number.
        Field::Float(value) => write!(text, "{value}"),
        Field::Double(value) => write!(text, "{value}"),
        other => write!(text, "{other}"),
    };
    written.expect("a text can be written to");
}
