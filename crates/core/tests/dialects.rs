//! A table written in a random dialect reads back the same.

#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::fmt::Write;
use std::io::Write as _;
use turbine_core::dataset::{Request, Source, Table};
use turbine_core::feature::FeatureSet;
use turbine_core::time::zone;

#[derive(Debug, Clone)]
struct Dialect {
    separator: char,
    has_decimal_comma: bool,
    encoding: &'static str,
    head: &'static str,
    line_end: &'static str,
    is_quoted: bool,
    time: &'static str,
    zone: &'static str,
    labels: (&'static str, &'static str),
    compression: &'static str,
}

#[derive(Debug, Clone)]
struct Rows {
    start: i64,
    step: i64,
    values: Vec<[f64; 2]>,
    faults: Vec<bool>,
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let head = prop::sample::select(vec!["", "# Export; of plant 7, WT 23\n#\n", "Export of plant 7\n\n"]);
    let times = prop::sample::select(vec![
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S",
        "%d.%m.%Y %H:%M:%S",
        "%d/%m/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "s",
        "ms",
        "us",
    ]);
    let labels = prop::sample::select(vec![("0", "1"), ("OK", "Fault"), ("false", "true"), ("no", "yes")]);
    (
        prop::sample::select(vec![',', ';', '\t', '|']),
        any::<bool>(),
        prop::sample::select(vec!["utf-8", "bom", "windows-1252", "utf-16le", "utf-16be"]),
        head,
        prop::sample::select(vec!["\n", "\r\n"]),
        any::<bool>(),
        times,
        prop::sample::select(vec!["UTC", "Europe/Berlin"]),
        labels,
        prop::sample::select(vec!["", "gzip"]),
    )
        .prop_map(
            |(separator, has_decimal_comma, encoding, head, line_end, is_quoted, time, zone, labels, compression)| {
                let has_decimal_comma = has_decimal_comma && (separator != ',' || is_quoted);
                Dialect {
                    separator,
                    has_decimal_comma,
                    encoding,
                    head,
                    line_end,
                    is_quoted,
                    time,
                    zone,
                    labels,
                    compression,
                }
            },
        )
}

fn rows() -> impl Strategy<Value = Rows> {
    let values = prop::collection::vec(prop::array::uniform2(-1e6..1e6_f64), 80..160);
    // From 2001 to 2033, over weeks, so that a day above 12 tells days from months.
    (1_000_000_000_i64..2_000_000_000, 12..20_i64, values).prop_flat_map(|(start, hours, values)| {
        let n = values.len();
        let faults = prop::collection::vec(any::<bool>(), n);
        (Just(values), faults).prop_map(move |(values, faults)| Rows {
            start: start / 60 * 60,
            step: hours * 3_600,
            values,
            faults,
        })
    })
}

impl Dialect {
    fn write(&self, rows: &Rows) -> Vec<u8> {
        let cell = |text: &str| if self.is_quoted { format!("\"{text}\"") } else { text.to_owned() };
        let line = |cells: &[String]| {
            cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(&self.separator.to_string()) + self.line_end
        };
        let mut text = self.head.replace('\n', self.line_end);
        text += &line(&["Zeit", "Außen °C", "power", "state"].map(str::to_owned));
        for (i, ([a, b], is_fault)) in rows.values.iter().zip(&rows.faults).enumerate() {
            let number = |value: f64| {
                // The sign of decimals shows at the first number.
                let text = format!("{value:?}");
                if self.has_decimal_comma { text.replace('.', ",") } else { text }
            };
            let label = if *is_fault { self.labels.1 } else { self.labels.0 };
            text += &line(&[self.time(rows.time(i)), number(*a), number(*b), label.to_owned()]);
        }
        self.compress(&self.encode(&text))
    }

    fn time(&self, time: Timestamp) -> String {
        let zone = if self.time.ends_with('Z') { TimeZone::UTC } else { zone(self.zone).unwrap() };
        let mut text = String::new();
        match self.time {
            "s" => write!(text, "{}", time.as_second()),
            "ms" => write!(text, "{}", time.as_millisecond()),
            "us" => write!(text, "{}", time.as_microsecond()),
            format => write!(text, "{}", time.to_zoned(zone).strftime(format)),
        }
        .unwrap();
        text
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.encoding {
            "utf-8" => text.as_bytes().to_vec(),
            "bom" => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            // Each letter of the table has its own number there.
            "windows-1252" => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
            "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    fn compress(&self, bytes: &[u8]) -> Vec<u8> {
        if self.compression.is_empty() {
            return bytes.to_vec();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }
}

impl Rows {
    fn time(&self, i: usize) -> Timestamp {
        Timestamp::from_second(self.start + i as i64 * self.step).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_reads_back_as_it_was_written(dialect in dialects(), rows in rows()) {
        let request = Request {
            features: Some(FeatureSet::from_names(["power", "Außen °C"]).unwrap()),
            label: Some("state".to_owned()),
            finds_times: true,
            zone: zone(dialect.zone).unwrap(),
            ..Request::default()
        };
        let table = Table::open(Source::bytes("plant.csv", dialect.write(&rows)), request).unwrap();
        prop_assert_eq!(&table.time().unwrap().name, "Zeit");
        let form = table.form();
        let mut read = table.rows().unwrap();
        let found: Vec<_> = read.by_ref().map(Result::unwrap).collect();
        prop_assert_eq!(read.skipped().total(), 0, "{}", form);
        prop_assert_eq!(found.len(), rows.values.len(), "{}", form);
        for (i, row) in found.iter().enumerate() {
            let [a, b] = rows.values[i];
            prop_assert_eq!(&row.values, &vec![b, a], "{}", &form);
            prop_assert_eq!(row.label, Some(rows.faults[i]));
            let written = rows.time(i);
            // Where clocks are set back, an hour is written twice.
            let difference = row.timestamp.unwrap().duration_since(written).abs();
            let is_utc = dialect.zone == "UTC" || dialect.time.ends_with('Z') || dialect.time.len() < 3;
            let allowed = if is_utc { SignedDuration::ZERO } else { SignedDuration::from_hours(1) };
            prop_assert!(difference <= allowed, "{} instead of {written}: {}", row.timestamp.unwrap(), &form);
        }
    }
}
