//! How many rows of a log came from where, and what became of them.

use comfy_table::{CellAlignment, presets};
use turbine_core::reading::TurbineId;
use viz::chart::count;

/// The most turbines that the table lists; the others are summed up.
const MOST_LISTED: usize = 20;

/// What becomes of a row of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Fitted to: no alarm was on.
    Normal,
    /// Fitted to: somebody marked the alarm as false.
    FalseAlarm,
    /// Fitted to although an alarm was on.
    Alarm,
    /// Left out: an alarm was on.
    Excluded,
    /// Left out: a value was not measured, or is out of range.
    Incomplete,
    /// Left out: it is not before the time of --until.
    TooLate,
}

impl Fate {
    const COUNT: usize = 6;

    pub(super) fn is_fitted(self) -> bool {
        matches!(self, Fate::Normal | Fate::FalseAlarm | Fate::Alarm)
    }
}

/// Rows by turbine, in the order in which turbines came.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<(String, [u64; Fate::COUNT])>);

impl Tally {
    /// Counts a row of the turbine with that number.
    pub(super) fn count(&mut self, place: usize, turbine: Option<&TurbineId>, fate: Fate) {
        if place == self.0.len() {
            self.0.push((TurbineId::name(turbine).to_owned(), [0; Fate::COUNT]));
        }
        self.0[place].1[fate as usize] += 1;
    }

    fn sum(rows: &[(String, [u64; Fate::COUNT])]) -> [u64; Fate::COUNT] {
        let mut sum = [0; Fate::COUNT];
        for (_, fates) in rows {
            sum.iter_mut().zip(fates).for_each(|(sum, rows)| *sum += rows);
        }
        sum
    }

    /// The rows of each turbine.
    pub(super) fn table(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort();
        let mut table = comfy_table::Table::new();
        let header = [
            "Turbine",
            "Rows",
            "Fitted to",
            "of these: in alarm",
            "false alarm",
            "Left out: in alarm",
            "incomplete",
            "too late",
        ];
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
        let (listed, others) = sorted.split_at(sorted.len().min(MOST_LISTED));
        for (turbine, fates) in listed {
            table.add_row(cells(turbine, fates));
        }
        if !others.is_empty() {
            table.add_row(cells(&format!("{} others", others.len()), &Tally::sum(others)));
        }
        if sorted.len() > 1 {
            table.add_row(cells("all", &Tally::sum(&sorted)));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    /// What should be known besides.
    pub(super) fn remarks(&self, damaged: u64, excludes: bool) -> Vec<String> {
        let sum = Tally::sum(&self.0);
        let in_alarm = sum[Fate::Alarm as usize];
        let damaged = (damaged > 0).then(|| format!("{} damaged lines of the log skipped", count(damaged)));
        let alarms = (in_alarm > 0 && !excludes).then(|| {
            format!(
                "WARNING: {} readings are of alarms and are learnt as normal: leave them out with --exclude-alarms, which keeps alarms that were marked as false",
                count(in_alarm)
            )
        });
        damaged.into_iter().chain(alarms).collect()
    }
}

fn cells(turbine: &str, fates: &[u64; Fate::COUNT]) -> Vec<String> {
    let of = |fate: Fate| fates[fate as usize];
    let fitted = of(Fate::Normal) + of(Fate::FalseAlarm) + of(Fate::Alarm);
    let numbers = [
        fates.iter().sum(),
        fitted,
        of(Fate::Alarm),
        of(Fate::FalseAlarm),
        of(Fate::Excluded),
        of(Fate::Incomplete),
        of(Fate::TooLate),
    ];
    std::iter::once(turbine.to_owned()).chain(numbers.map(count)).collect()
}
