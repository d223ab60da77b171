//! Alarms that people marked as false, from the file of alarms.

use anyhow::{Context, bail};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::Path;
use turbine_core::reading::TurbineId;

/// The columns that are looked at, of which the first four begin the header.
const COLUMNS: [&str; 5] = ["id", "event", "turbine_id", "raised", "cleared"];

/// What the column `event` says of a mark, and of one that was taken back.
const MARKED: &str = "false_alarm";
const UNMARKED: &str = "not_false_alarm";

/// When each turbine was in an alarm that somebody marked as false: it was running normally.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FalseAlarms(HashMap<Option<TurbineId>, BTreeMap<Timestamp, Alarm>>);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Alarm {
    cleared: Option<Timestamp>,
    is_false: bool,
}

impl FalseAlarms {
    /// Reads the file of alarms. A service that never raised one has none. Rows that are not whole are passed over.
    ///
    /// # Errors
    /// If the file cannot be read, or is no file of alarms.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = || format!("cannot read the file of alarms {}", path.display());
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(FalseAlarms::default()),
            Err(error) => return Err(error).with_context(shown),
        };
        let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
        let header = csv.byte_headers().with_context(shown)?;
        if !header.is_empty() && !header.iter().take(COLUMNS.len()).eq(COLUMNS.map(str::as_bytes)) {
            bail!(
                "{} is no file of alarms: its first line should begin with {}; move it away",
                path.display(),
                COLUMNS.join(",")
            );
        }
        let mut alarms = FalseAlarms::default();
        let mut row = csv::StringRecord::new();
        loop {
            match csv.read_record(&mut row) {
                Ok(true) => alarms.take_in(&row),
                Ok(false) => return Ok(alarms),
                Err(error) if error.is_io_error() => return Err(error).with_context(shown),
                Err(_) => {}
            }
        }
    }

    fn take_in(&mut self, row: &csv::StringRecord) {
        let cell = |place: usize| row.get(place).unwrap_or_default();
        let Ok(raised) = cell(3).parse::<Timestamp>() else { return };
        let Ok(turbine) = Some(cell(2)).filter(|name| !name.is_empty()).map(str::parse::<TurbineId>).transpose() else {
            return;
        };
        let alarm = self.0.entry(turbine).or_default().entry(raised).or_default();
        match cell(1) {
            MARKED => alarm.is_false = true,
            UNMARKED => alarm.is_false = false,
            _ => alarm.cleared = cell(4).parse().ok().or(alarm.cleared),
        }
    }

    /// Whether that turbine was in a false alarm at that time, if it was in alarm.
    pub(super) fn contains(&self, turbine: Option<&TurbineId>, time: Timestamp) -> bool {
        let Some(alarms) = self.0.get(&turbine.cloned()) else { return false };
        let begun = alarms.range(..=time).next_back();
        begun.is_some_and(|(_, alarm)| alarm.is_false && alarm.cleared.is_none_or(|cleared| time < cleared))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HEADER: &str = "id,event,turbine_id,raised,cleared,peak,peaked,model_version,why,at,by,until,comment\n";

    fn time(minute: u32) -> String {
        format!("2026-01-01T00:{minute:02}:00Z")
    }

    fn contains(alarms: &FalseAlarms, turbine: &str, minute: u32) -> bool {
        let turbine: Option<TurbineId> = (turbine != "-").then(|| turbine.parse().unwrap());
        alarms.contains(turbine.as_ref(), time(minute).parse().unwrap())
    }

    #[test]
    fn marks_hold_from_raised_to_cleared_until_they_are_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.csv");
        assert_eq!(FalseAlarms::read(&path).unwrap(), FalseAlarms::default());
        let (t0, t1, t2, t3, t4) = (time(0), time(1), time(2), time(3), time(4));
        let rows = [
            format!("T1@{t1},raised,T1,{t1},,9,{t1},m1,\"[{{\"\"feature\"\":\"\"a\"\"}}]\",,,,"),
            format!("T1@{t1},cleared,T1,{t1},{t3},9,{t1},m1,[],,,,"),
            format!("T1@{t1},false_alarm,T1,{t1},,,,,,{t4},Ann,,\"calm, sunny\""),
            format!("-@{t2},raised,,{t2},,9,{t2},m1,[],,,,"),
            format!("-@{t2},false_alarm,,{t2},,,,,,{t4},Ann,,"),
            format!("T2@{t0},raised,T2,{t0},,9,{t0},m1,[],,,,"),
            format!("T2@{t0},false_alarm,T2,{t0},,,,,,{t4},Ann,,"),
            format!("T2@{t0},not_false_alarm,T2,{t0},,,,,,{t4},Ann,,"),
            format!("T3@{t0},raised,T3,{t0},,9,{t0},m1,[],,,,"),
            format!("T3@{t0},acknowledged,T3,{t0},,,,,,{t4},Ann,,"),
            "torn,fal".to_owned(),
        ];
        std::fs::write(&path, HEADER.to_owned() + &rows.join("\n")).unwrap();
        let alarms = FalseAlarms::read(&path).unwrap();
        for (turbine, minute, expected) in [
            ("T1", 0, false),
            ("T1", 1, true),
            ("T1", 2, true),
            ("T1", 3, false),
            ("-", 1, false),
            ("-", 2, true),
            ("-", 9, true),
            ("T2", 1, false),
            ("T3", 1, false),
            ("T4", 1, false),
        ] {
            assert_eq!(contains(&alarms, turbine, minute), expected, "{turbine} {minute}");
        }
    }

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let error = FalseAlarms::read(&path).unwrap_err().to_string();
        assert!(error.contains("alarms.csv") && error.contains("id,event,turbine_id"), "{error}");
    }
}
