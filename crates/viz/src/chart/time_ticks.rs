//! Ticks of time axes (seconds since 1970, UTC), from seconds to decades apart.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A tick of a time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeTick {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub at: f64,
    /// First line, on every tick: `14:05`, `3 Nov`, `Nov`.
    pub label: String,
    /// Second line, the date or the year, on ticks where it changes.
    pub below: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Seconds(i64),
    Days(i64),
    Months(i32),
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Offset of the weeks, which begin on Monday: 1970-01-01 was a Thursday.
const FIRST_MONDAY: i64 = 4;

const STEPS: [Step; 29] = [
    Step::Seconds(1),
    Step::Seconds(2),
    Step::Seconds(5),
    Step::Seconds(10),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(MINUTE),
    Step::Seconds(2 * MINUTE),
    Step::Seconds(5 * MINUTE),
    Step::Seconds(10 * MINUTE),
    Step::Seconds(15 * MINUTE),
    Step::Seconds(30 * MINUTE),
    Step::Seconds(HOUR),
    Step::Seconds(2 * HOUR),
    Step::Seconds(3 * HOUR),
    Step::Seconds(6 * HOUR),
    Step::Seconds(12 * HOUR),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
];

impl Step {
    fn seconds(self) -> f64 {
        match self {
            Self::Seconds(s) => s as f64,
            Self::Days(d) => (d * DAY) as f64,
            // The mean length of a month, to choose a step.
            Self::Months(m) => f64::from(m) * 30.44 * DAY as f64,
        }
    }

    /// Minimum distance between two ticks in logical pixels. Below a day the second line is a whole date, which two
    /// neighbours may both have.
    fn min_distance(self) -> f64 {
        match self {
            Self::Seconds(_) => 84.0,
            Self::Days(_) => 56.0,
            Self::Months(_) => 44.0,
        }
    }

    fn marks(self, low: f64, high: f64) -> Vec<f64> {
        let even = |step: i64, offset: i64| -> Vec<f64> {
            let first = ((low - offset as f64) / step as f64).ceil() as i64;
            let last = ((high - offset as f64) / step as f64).floor() as i64;
            (first..=last).map(|i| (i * step + offset) as f64).collect()
        };
        match self {
            Self::Seconds(s) => even(s, 0),
            Self::Days(d) => even(d * DAY, if d % 7 == 0 { FIRST_MONDAY * DAY } else { 0 }),
            Self::Months(step) => month_starts(step, low, high),
        }
    }
}

fn civil(at: f64) -> DateTime {
    let timestamp = Timestamp::from_second(at.floor() as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(timestamp)
}

fn month_starts(step: i32, low: f64, high: f64) -> Vec<f64> {
    let start = civil(low).date();
    // Counted from year 0, so that steps of a year or more are at round years.
    let first = (i32::from(start.year()) * 12 + i32::from(start.month()) - 1).div_euclid(step) * step;
    (0..)
        .map_while(|i| {
            let months = first + i * step;
            let year = i16::try_from(months.div_euclid(12)).ok()?;
            let date = Date::new(year, (months.rem_euclid(12) + 1) as i8, 1).ok()?;
            let at = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second() as f64;
            (at <= high).then_some(at)
        })
        .filter(|at| *at >= low)
        .collect()
}

/// Ticks within `low..=high` (seconds since 1970), as many as fit an axis of `width` logical pixels.
pub fn time_ticks((low, high): (f64, f64), width: f64) -> Vec<TimeTick> {
    let fits = |step: &Step| step.seconds() / (high - low) * width >= step.min_distance();
    let step = STEPS.into_iter().find(fits).unwrap_or(Step::Months(1200));
    let mut previous: Option<DateTime> = None;
    let label = |at: f64| {
        let now = civil(at);
        let (label, below, changed) = match step {
            Step::Seconds(s) => {
                let label = if s < MINUTE { now.strftime("%H:%M:%S") } else { now.strftime("%H:%M") };
                let changed = previous.is_none_or(|p| p.date() != now.date());
                (label.to_string(), now.strftime("%-d %b %Y").to_string(), changed)
            }
            Step::Days(_) => (now.strftime("%-d %b").to_string(), now.year().to_string(), year_changed(previous, now)),
            Step::Months(m) if m < 12 => {
                (now.strftime("%b").to_string(), now.year().to_string(), year_changed(previous, now))
            }
            Step::Months(_) => (now.year().to_string(), String::new(), false),
        };
        previous = Some(now);
        TimeTick { at, label, below: changed.then_some(below) }
    };
    step.marks(low, high).into_iter().map(label).collect()
}

fn year_changed(previous: Option<DateTime>, now: DateTime) -> bool {
    previous.is_none_or(|p| p.year() != now.year())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> f64 {
        text.parse::<Timestamp>().unwrap().as_second() as f64
    }

    fn labels(from: &str, to: &str, width: f64) -> Vec<String> {
        let ticks = time_ticks((at(from), at(to)), width);
        ticks.into_iter().map(|t| t.below.map_or(t.label.clone(), |below| format!("{} / {below}", t.label))).collect()
    }

    #[test]
    fn two_minutes() {
        // 120 s on 336 px: 30 s are 84 px.
        assert_eq!(
            labels("2026-03-01T10:00:05Z", "2026-03-01T10:02:05Z", 336.0),
            ["10:00:30 / 1 Mar 2026", "10:01:00", "10:01:30", "10:02:00"]
        );
    }

    #[test]
    fn the_date_is_shown_where_it_changes() {
        // 4 h on 400 px: 1 h is 100 px, 30 min are 50.
        assert_eq!(
            labels("2026-02-28T21:30:00Z", "2026-03-01T01:30:00Z", 400.0),
            ["22:00 / 28 Feb 2026", "23:00", "00:00 / 1 Mar 2026", "01:00"]
        );
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 30 days on 300 px: 7 days are 70 px, 2 days 20. 2 March 2026 is a Monday.
        assert_eq!(
            labels("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z", 300.0),
            ["2 Mar / 2026", "9 Mar", "16 Mar", "23 Mar", "30 Mar"]
        );
    }

    #[test]
    fn a_year_in_months() {
        // 365 days on 300 px: 2 months (60.88 d) are 50 px, 1 month 25; counted from January.
        assert_eq!(
            labels("2025-06-15T00:00:00Z", "2026-06-15T00:00:00Z", 300.0),
            ["Jul / 2025", "Sep", "Nov", "Jan / 2026", "Mar", "May"]
        );
    }

    #[test]
    fn decades_are_at_round_years() {
        // 32 years on 200 px: 10 years are 62 px, 5 years 31.
        assert_eq!(labels("1994-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 200.0), ["2000", "2010", "2020"]);
    }

    #[test]
    fn times_outside_the_calendar_do_not_panic() {
        assert!(time_ticks((-1e18, 1e18), 800.0).len() < 10_000);
    }
}
