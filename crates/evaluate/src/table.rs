//! The comparison as a table: for the terminal, as CSV, and for the picture.

use crate::comparison::Entry;
use comfy_table::{CellAlignment, presets};
use jiff::SignedDuration;
use viz::chart::Table;

/// For people; what is undefined or not available is a dash.
const HEADER: [&str; 10] = [
    "detector",
    "ROC AUC",
    "average precision",
    "events found",
    "delay",
    "lead",
    "false alarms",
    "a day",
    "normal time in alarm",
    "F1",
];

/// The columns of the picture's table, by their place in [`HEADER`], and what fits above them.
const CHART_COLUMNS: [(usize, &str); 6] =
    [(0, "detector"), (1, "ROC AUC"), (3, "events found"), (6, "false alarms"), (8, "in false alarm"), (9, "F1")];

/// For programs; what is undefined or not available is an empty cell.
const CSV_HEADER: [&str; 12] = [
    "Detector",
    "ROC_AUC",
    "Average_Precision",
    "Events_Found",
    "Events",
    "Median_Delay_Sec",
    "Median_Lead_Sec",
    "False_Alarms",
    "Normal_Days",
    "False_Alarms_Per_Day",
    "Normal_Time_In_Alarm",
    "F1",
];

/// The table for a terminal.
pub fn terminal(entries: &[Entry]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEADER);
    for entry in entries {
        table.add_row(cells(entry));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The table for a picture, where there is room for a few columns only.
pub fn chart(entries: &[Entry]) -> Table {
    let chosen = |cells: Vec<String>| CHART_COLUMNS.map(|(column, _)| cells[column].clone()).to_vec();
    let header = CHART_COLUMNS.map(|(_, title)| title.to_owned()).to_vec();
    Table::new("", header, entries.iter().map(|entry| chosen(cells(entry))).collect())
}

/// The table as a CSV, shares and rates with six decimals.
///
/// # Errors
/// None that can happen in memory.
pub fn csv(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(CSV_HEADER)?;
    for entry in entries {
        let (all, alarms) = (entry.evaluation.as_ref(), entry.alarms());
        let seconds = |duration: SignedDuration| duration.as_secs_f64().to_string();
        let share = |share: f64| format!("{share:.6}");
        let cells = [
            all.and_then(|all| all.roc_auc).map(share),
            all.and_then(|all| all.average_precision).map(share),
            alarms.map(|alarms| alarms.events_found().to_string()),
            all.map(|all| all.events.len().to_string()),
            alarms.and_then(|alarms| alarms.median_delay()).map(seconds),
            alarms.and_then(|alarms| alarms.median_lead()).map(seconds),
            alarms.map(|alarms| alarms.false_alarms.to_string()),
            all.and_then(|all| all.normal_days).map(share),
            alarms.and_then(|alarms| alarms.false_alarms_per_day()).map(share),
            alarms.and_then(|alarms| alarms.normal_time_in_alarm()).map(share),
            alarms.and_then(|alarms| alarms.f1()).map(share),
        ];
        csv.write_record(std::iter::once(entry.detector.clone()).chain(cells.map(Option::unwrap_or_default)))?;
    }
    Ok(csv.into_inner()?)
}

fn cells(entry: &Entry) -> Vec<String> {
    let (all, alarms) = (entry.evaluation.as_ref(), entry.alarms());
    let cells = [
        all.and_then(|all| all.roc_auc).map(|auc| format!("{auc:.3}")),
        all.and_then(|all| all.average_precision).map(|precision| format!("{precision:.3}")),
        alarms.map(|alarms| format!("{} of {}", alarms.events_found(), alarms.events.len())),
        alarms.and_then(|alarms| alarms.median_delay()).map(duration),
        alarms.and_then(|alarms| alarms.median_lead()).map(duration),
        alarms.map(|alarms| alarms.false_alarms.to_string()),
        alarms.and_then(|alarms| alarms.false_alarms_per_day()).map(|rate| format!("{rate:.2}")),
        alarms.and_then(|alarms| alarms.normal_time_in_alarm()).map(|share| format!("{:.1} %", 100.0 * share)),
        alarms.and_then(|alarms| alarms.f1()).map(|f1| format!("{f1:.3}")),
    ];
    let dashed = cells.map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
    std::iter::once(entry.detector.clone()).chain(dashed).collect()
}

/// A duration in the largest unit of which it has two or more.
pub fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds >= 2.0 * 86_400.0 => format!("{:.1} d", seconds / 86_400.0),
        _ if seconds >= 2.0 * 3_600.0 => format!("{:.1} h", seconds / 3_600.0),
        _ if seconds >= 120.0 => format!("{:.0} min", seconds / 60.0),
        _ if seconds >= 10.0 || seconds.fract() == 0.0 => format!("{seconds:.0} s"),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use turbine_core::evaluation::{Moment, TimeEvaluation};

    /// A reading an hour: 3 normal, one of them in alarm, then a fault of 5 that is found at its third.
    fn entry(has_alarms: bool) -> Entry {
        let moment = |(i, c): (usize, char)| Moment {
            timestamp: Timestamp::from_second(i as i64 * 3_600).unwrap(),
            label: matches!(c, 'F' | 'f'),
            score: i as f64,
            in_alarm: c.is_uppercase(),
        };
        let evaluation = TimeEvaluation::new(&"nNnffFFF".chars().enumerate().map(moment).collect::<Vec<_>>());
        Entry { detector: "model".to_owned(), evaluation: Some(evaluation), has_alarms }
    }

    #[test]
    fn each_cell_by_hand() {
        // 1 false alarm in 3 hours: 8 a day; F1 = 2 · 3 / (2 · 3 + 1 + 2).
        assert_eq!(
            cells(&entry(true)),
            ["model", "1.000", "1.000", "1 of 1", "2.0 h", "2.0 h", "1", "8.00", "33.3 %", "0.667"]
        );
        assert_eq!(cells(&entry(false)), ["model", "1.000", "1.000", "–", "–", "–", "–", "–", "–", "–"]);
        let text = String::from_utf8(csv(&[entry(true), entry(false), Entry::unavailable("none")]).unwrap()).unwrap();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "model,1.000000,1.000000,1,1,7200,7200,1,0.125000,8.000000,0.333333,0.666667",
                "model,1.000000,1.000000,,1,,,,0.125000,,,",
                "none,,,,,,,,,,,",
            ]
        );
    }

    #[test]
    fn the_terminal_has_a_line_for_each() {
        let text = terminal(&[entry(true), Entry::unavailable("none")]);
        assert!(["normal time in alarm", "model", "none", "33.3 %"].iter().all(|part| text.contains(part)), "{text}");
    }

    #[test]
    fn durations_have_two_of_their_unit() {
        let texts = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|s| duration(SignedDuration::from_secs(s)));
        assert_eq!(texts, ["0 s", "119 s", "2 min", "120 min", "2.0 h", "48.0 h", "2.0 d"]);
        assert_eq!(duration(SignedDuration::from_millis(500)), "0.5 s");
    }
}
