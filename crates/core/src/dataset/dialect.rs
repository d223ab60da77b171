//! How a text file is laid out: what comes before the header, the separator, the decimal sign.

use super::number::{Decimal, decimal_of, number};
use crate::time::is_time;
use csv::StringRecord;
use std::fmt;
use std::str::FromStr;

/// Records that are looked at to tell separators apart.
const RECORDS: usize = 200;

/// What begins a line of comment.
const COMMENTS: [&str; 3] = ["#", "//", "%"];

/// The sign between the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Bar,
}

impl Separator {
    const ALL: [Separator; 4] = [Separator::Semicolon, Separator::Tab, Separator::Bar, Separator::Comma];

    pub(super) fn byte(self) -> u8 {
        match self {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
            Separator::Tab => b'\t',
            Separator::Bar => b'|',
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Separator::Comma => "comma",
            Separator::Semicolon => "semicolon",
            Separator::Tab => "tab",
            Separator::Bar => "bar",
        })
    }
}

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "," | "comma" => Ok(Separator::Comma),
            ";" | "semicolon" => Ok(Separator::Semicolon),
            "\t" | "\\t" | "tab" => Ok(Separator::Tab),
            "|" | "bar" => Ok(Separator::Bar),
            _ => Err("use comma, semicolon, tab or bar".to_owned()),
        }
    }
}

/// The layout of a text file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dialect {
    pub(super) separator: Separator,
    /// `None` if the first rows have whole numbers only.
    pub(super) decimal: Option<Decimal>,
    /// Where the header begins, in bytes.
    pub(super) header_at: usize,
    /// Lines before the header.
    pub(super) head_lines: usize,
    /// Whether lines of comment may stand between the rows.
    pub(super) has_comments: bool,
    /// Whether the header has the look of a row of readings.
    pub(super) lacks_header: bool,
}

/// Detects the dialect from the beginning of a file, given what is known of it.
pub(super) fn detect(sample: &str, separator: Option<Separator>, decimal: Option<Decimal>) -> Dialect {
    let head = Head::of(sample);
    let separators = match separator.or(head.separator) {
        Some(separator) => vec![separator],
        None => Separator::ALL.to_vec(),
    };
    let tried = separators.into_iter().map(|separator| Layout::of(sample, &head, separator));
    // The last of equals is the comma, which a file of one column may as well have.
    let best = tried.max_by(|a, b| a.plausibility.total_cmp(&b.plausibility)).expect("there is a separator to try");
    let decimal = decimal.or_else(|| {
        let signs: Vec<Decimal> = best
            .rows
            .iter()
            .flatten()
            .filter(|cell| !is_time(cell))
            .filter_map(|cell| decimal_of(cell.trim()))
            .collect();
        let commas = signs.iter().filter(|sign| **sign == Decimal::Comma).count();
        let most = if 2 * commas > signs.len() { Decimal::Comma } else { Decimal::Point };
        (!signs.is_empty()).then_some(most)
    });
    let head_lines = sample[..best.header_at].lines().count();
    Dialect {
        separator: best.separator,
        decimal,
        header_at: best.header_at,
        head_lines: if best.is_commented { head_lines - 1 } else { head_lines },
        has_comments: head.last_comment.is_some(),
        lacks_header: best.lacks_header,
    }
}

/// The lines of comment at the beginning.
struct Head {
    /// Where they end, in bytes.
    end: usize,
    /// The last of them: where it begins, without what makes it a comment.
    last_comment: Option<usize>,
    /// The separator that a line such as `sep=;` declares.
    separator: Option<Separator>,
}

impl Head {
    fn of(sample: &str) -> Self {
        let mut head = Head { end: 0, last_comment: None, separator: None };
        for line in sample.split_inclusive('\n') {
            let text = line.trim();
            if let Some(mark) = COMMENTS.iter().find(|mark| text.starts_with(**mark)) {
                let before = line.find(mark).unwrap_or(0) + mark.len();
                let blanks = line[before..].len() - line[before..].trim_start_matches([' ', '#']).len();
                head.last_comment = Some(head.end + before + blanks);
            } else if let Some(declared) = text.strip_prefix("sep=").or_else(|| text.strip_prefix("\"sep=")) {
                head.separator = declared.trim_end_matches('"').parse().ok();
            } else if !text.is_empty() {
                break;
            }
            head.end += line.len();
        }
        head
    }
}

/// A file as it is with one separator.
struct Layout {
    separator: Separator,
    header_at: usize,
    is_commented: bool,
    lacks_header: bool,
    /// The rows below the header.
    rows: Vec<StringRecord>,
    /// Higher = more plausible.
    plausibility: f64,
}

impl Layout {
    fn of(sample: &str, head: &Head, separator: Separator) -> Self {
        let records = records(&sample[head.end..], separator);
        let width = most_frequent_width(&records);
        let first = records.iter().position(|(_, record)| record.len() == width).unwrap_or(0);
        let (mut header_at, mut is_commented) = (head.end, false);
        let mut header = StringRecord::new();
        let mut rows: Vec<StringRecord> = Vec::new();
        if let Some((at, record)) = records.get(first) {
            header_at += at;
            header = record.clone();
            rows = records[first + 1..].iter().map(|(_, record)| record.clone()).collect();
            let comment = head.last_comment.filter(|_| first == 0 && is_of_readings(record));
            if let Some(at) = comment
                && let Some((_, names)) = self::records(&sample[at..], separator).into_iter().next()
                && names.len() == width
                && !is_of_readings(&names)
            {
                (header_at, is_commented) = (at, true);
                rows.insert(0, std::mem::replace(&mut header, names));
            }
        }
        let lacks_header = is_of_readings(&header);
        let wide = rows.iter().filter(|row| row.len() == width).count() as f64;
        let consistency = (wide + 1.0) / (records.len().max(rows.len() + 1) as f64);
        let cells: Vec<f64> = rows.iter().flatten().map(legibility).collect();
        let legible = if cells.is_empty() { 1.0 } else { cells.iter().sum::<f64>() / cells.len() as f64 };
        let penalty = if lacks_header { 0.5 } else { 1.0 };
        let plausibility = if width < 2 { 0.0 } else { consistency * (0.2 + legible) * penalty + width as f64 * 1e-6 };
        Layout { separator, header_at, is_commented, lacks_header, rows, plausibility }
    }
}

/// The records at the beginning of a text, each with where it begins; not the last one, which may be cut.
fn records(text: &str, separator: Separator) -> Vec<(usize, StringRecord)> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator.byte())
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = StringRecord::new();
    while records.len() < RECORDS && reader.read_record(&mut record).unwrap_or(false) {
        let at = record.position().map_or(0, |position| position.byte() as usize);
        // The position is that of the line before, where it was empty.
        let blanks = text[at..].len() - text[at..].trim_start_matches(['\r', '\n']).len();
        records.push((at + blanks, record.clone()));
    }
    if records.len() > 2 && records.len() < RECORDS && !text.ends_with('\n') {
        records.pop();
    }
    records
}

fn most_frequent_width(records: &[(usize, StringRecord)]) -> usize {
    let mut widths: Vec<usize> = records.iter().map(|(_, record)| record.len()).collect();
    widths.sort_unstable();
    let longest = widths.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    longest.map_or(0, |run| run[0])
}

/// Whether half of the cells that are not empty are numbers or times.
fn is_of_readings(record: &StringRecord) -> bool {
    let cells: Vec<&str> = record.iter().map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let readings = cells.iter().filter(|cell| number(cell, None).is_some() || is_time(cell)).count();
    readings > 0 && 2 * readings >= cells.len()
}

/// How much of a cell is understood: a number or a time, a word, or what another separator would part.
fn legibility(cell: &str) -> f64 {
    let cell = cell.trim();
    if cell.is_empty() || number(cell, None).is_some() || decimal_of(cell).is_some() || is_time(cell) {
        1.0
    } else if cell.contains([';', '\t', '|']) {
        0.0
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sample: &str) -> (Separator, Option<Decimal>, &str) {
        let dialect = detect(sample, None, None);
        (dialect.separator, dialect.decimal, sample[dialect.header_at..].lines().next().unwrap_or_default())
    }

    #[test]
    fn separator_and_decimal_sign_are_detected() {
        use Decimal::{Comma, Point};
        let cases = [
            ("a,b\n1.5,2\n", Separator::Comma, Some(Point), "a,b"),
            ("a;b\n1,5;2\n", Separator::Semicolon, Some(Comma), "a;b"),
            ("t;a;b\n28.03.2025 20:00;1,5;2,5\n28.03.2025 20:10;1,5;2,5\n", Separator::Semicolon, Some(Comma), "t;a;b"),
            // Cut at the commas, each row has two cells as well.
            ("state;more;b\nOK;run;1,5\nOK;run;2,5\n", Separator::Semicolon, Some(Comma), "state;more;b"),
            ("a, avg;b, avg\n1,5;2,5\n1,5;2,5\n", Separator::Semicolon, Some(Comma), "a, avg;b, avg"),
            ("a\tb\n1\t2\n", Separator::Tab, None, "a\tb"),
            ("a|b\n1|2.5\n", Separator::Bar, Some(Point), "a|b"),
            ("a,b\n\"1,5\",\"2,5\"\n", Separator::Comma, Some(Comma), "a,b"),
            ("sep=;\r\na;b\r\n1;2\r\n", Separator::Semicolon, None, "a;b"),
            ("# Export; of 28.03.2025\n#\na,b\n1,2\n", Separator::Comma, None, "a,b"),
            (
                "# Turbine: 1\n# Date and time,Wind speed\n2025-03-28 20:00,7.5\n",
                Separator::Comma,
                Some(Point),
                "Date and time,Wind speed",
            ),
            (
                "Export of plant 7\nWT 23\n\ntime;a;b\n20:00;1;2\n20:10;1;2\n20:20;1;2\n",
                Separator::Semicolon,
                None,
                "time;a;b",
            ),
            ("x\n1.5\n2\n", Separator::Comma, Some(Point), "x"),
            ("", Separator::Comma, None, ""),
        ];
        for (sample, separator, decimal, header) in cases {
            assert_eq!(found(sample), (separator, decimal, header), "{sample:?}");
        }
    }

    #[test]
    fn what_is_known_is_not_detected() {
        let dialect = detect("a;b,c\n1;2,3\n", Some(Separator::Comma), Some(Decimal::Comma));
        assert_eq!((dialect.separator, dialect.decimal), (Separator::Comma, Some(Decimal::Comma)));
    }

    #[test]
    fn a_file_without_a_header_is_recognised() {
        assert!(detect("2025-03-28,1,2\n2025-03-29,3,4\n", None, None).lacks_header);
        assert!(!detect("time,1,b\n2025-03-29,3,4\n", None, None).lacks_header);
    }
}
