//! How good alarms are, given a labelled recording.

use super::{Confusion, average_precision, roc_auc};
use jiff::{SignedDuration, Timestamp};

/// One reading of a recording in the order of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// When it was taken.
    pub timestamp: Timestamp,
    /// Whether it is labelled as anomalous.
    pub label: bool,
    /// What readings are ranked by, such as the smoothed surprisal: higher = more anomalous.
    pub score: f64,
    /// Whether the alarm was on after it.
    pub in_alarm: bool,
}

/// Readings one after the other that are labelled as anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The time of its first reading.
    pub begin: Timestamp,
    /// The time of its last reading.
    pub end: Timestamp,
    /// The time of its first reading with the alarm on; `None` if it was missed.
    pub found: Option<Timestamp>,
}

impl Event {
    /// From its beginning to the alarm, at least 0; `None` if it was missed.
    pub fn delay(&self) -> Option<SignedDuration> {
        Some(self.found?.duration_since(self.begin))
    }

    /// From the alarm to its end, at least 0: the time that the alarm leaves to act; `None` if it was missed.
    pub fn lead(&self) -> Option<SignedDuration> {
        Some(self.end.duration_since(self.found?))
    }
}

/// How a detector did in time. Shares are 0 to 1; what is undefined is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeEvaluation {
    /// See [`roc_auc`].
    pub roc_auc: Option<f64>,
    /// See [`average_precision`].
    pub average_precision: Option<f64>,
    /// The labelled events, in order.
    pub events: Vec<Event>,
    /// Alarms that were raised at a reading that is labelled normal.
    pub false_alarms: u64,
    /// Days of normal running: readings labelled normal times the median time between readings. `None` without two
    /// different times.
    pub normal_days: Option<f64>,
    /// Readings in alarm against labels.
    pub confusion: Confusion,
}

impl TimeEvaluation {
    /// Holds a recording of one turbine against its labels.
    pub fn new(moments: &[Moment]) -> Self {
        let scores: Vec<f64> = moments.iter().map(|moment| moment.score).collect();
        let labels: Vec<bool> = moments.iter().map(|moment| moment.label).collect();
        let confusion = Confusion::count(moments.iter().map(|moment| (moment.in_alarm, moment.label)));
        let normal_readings = (confusion.false_positives + confusion.true_negatives) as f64;
        let before = std::iter::once(false).chain(moments.iter().map(|moment| moment.in_alarm));
        let raised = moments.iter().zip(before).filter(|(moment, before)| moment.in_alarm && !before);
        TimeEvaluation {
            roc_auc: roc_auc(&scores, &labels),
            average_precision: average_precision(&scores, &labels),
            events: events(moments),
            false_alarms: raised.filter(|(moment, _)| !moment.label).count() as u64,
            normal_days: median_interval(moments).map(|seconds| normal_readings * seconds / 86_400.0),
            confusion,
        }
    }

    /// How many events were in alarm at one of their readings at least.
    pub fn events_found(&self) -> usize {
        self.events.iter().filter(|event| event.found.is_some()).count()
    }

    /// The median [`Event::delay`] of the events found; `None` if none was.
    pub fn median_delay(&self) -> Option<SignedDuration> {
        median(self.events.iter().filter_map(Event::delay).collect())
    }

    /// The median [`Event::lead`] of the events found; `None` if none was.
    pub fn median_lead(&self) -> Option<SignedDuration> {
        median(self.events.iter().filter_map(Event::lead).collect())
    }

    /// False alarms a day of normal running; `None` without any.
    pub fn false_alarms_per_day(&self) -> Option<f64> {
        self.normal_days.filter(|&days| days > 0.0).map(|days| self.false_alarms as f64 / days)
    }

    /// Share of the readings labelled normal that are in alarm; `None` without any.
    pub fn normal_time_in_alarm(&self) -> Option<f64> {
        let Confusion { false_positives, true_negatives, .. } = self.confusion;
        let normal = false_positives + true_negatives;
        (normal > 0).then(|| false_positives as f64 / normal as f64)
    }

    /// F1 of the readings in alarm; see [`Confusion::f1`].
    pub fn f1(&self) -> Option<f64> {
        self.confusion.f1()
    }
}

fn events(moments: &[Moment]) -> Vec<Event> {
    let labelled = moments.chunk_by(|a, b| a.label == b.label).filter(|run| run[0].label);
    let event = |run: &[Moment]| Event {
        begin: run[0].timestamp,
        end: run[run.len() - 1].timestamp,
        found: run.iter().find(|moment| moment.in_alarm).map(|moment| moment.timestamp),
    };
    labelled.map(event).collect()
}

/// The lower of the two in the middle.
fn median(mut durations: Vec<SignedDuration>) -> Option<SignedDuration> {
    durations.sort_unstable();
    durations.get(durations.len().saturating_sub(1) / 2).copied()
}

fn median_interval(moments: &[Moment]) -> Option<f64> {
    let intervals = moments.windows(2).map(|pair| pair[1].timestamp.duration_since(pair[0].timestamp));
    Some(median(intervals.filter(|interval| interval.is_positive()).collect())?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A reading every six hours: `F` and `f` are labelled as faults, capitals are in alarm, `A` is a false one.
    fn moments(text: &str) -> Vec<Moment> {
        let moment = |(i, c): (usize, char)| Moment {
            timestamp: Timestamp::from_second(i as i64 * 6 * 3_600).unwrap(),
            label: matches!(c, 'F' | 'f'),
            score: if c.is_uppercase() { 1.0 } else { 0.0 },
            in_alarm: c.is_uppercase(),
        };
        text.chars().enumerate().map(moment).collect()
    }

    #[test]
    fn each_figure_by_hand() {
        // 20 readings: events at 4–7 (found at 6), 10–11 (missed), 14–16 (in alarm from 13 on, where it is a false alarm).
        let evaluation = TimeEvaluation::new(&moments("nAnnffFFnnffnAFFFAnn"));
        let hours = |hours| Some(SignedDuration::from_hours(hours));
        assert_eq!(evaluation.events.len(), 3);
        assert_eq!(evaluation.events_found(), 2);
        let delays: Vec<_> = evaluation.events.iter().map(Event::delay).collect();
        assert_eq!(delays, [hours(12), None, hours(0)]);
        let leads: Vec<_> = evaluation.events.iter().map(Event::lead).collect();
        assert_eq!(leads, [hours(6), None, hours(12)]);
        assert_eq!((evaluation.median_delay(), evaluation.median_lead()), (hours(0), hours(6)));
        // Raised at 1 and at 13 in normal time, at 6 within an event; 17 goes on from 16.
        assert_eq!(evaluation.false_alarms, 2);
        // 11 normal readings of a quarter of a day; 3 of them in alarm.
        assert_eq!(evaluation.normal_days, Some(2.75));
        assert_eq!(evaluation.false_alarms_per_day(), Some(2.0 / 2.75));
        assert_eq!(evaluation.normal_time_in_alarm(), Some(3.0 / 11.0));
        // 5 of 9 fault readings in alarm: 2 · 5 / (2 · 5 + 3 + 4).
        assert_eq!(evaluation.f1(), Some(10.0 / 17.0));
        assert!(evaluation.roc_auc.is_some_and(|auc| auc > 0.5) && evaluation.average_precision.is_some());
    }

    #[test]
    fn what_is_undefined_is_none() {
        let nothing = TimeEvaluation::new(&[]);
        assert_eq!((nothing.roc_auc, nothing.average_precision, nothing.normal_days), (None, None, None));
        assert_eq!((nothing.median_delay(), nothing.median_lead(), nothing.f1()), (None, None, None));
        assert_eq!((nothing.normal_time_in_alarm(), nothing.false_alarms_per_day()), (None, None));
        let faults = TimeEvaluation::new(&moments("fff"));
        assert_eq!((faults.normal_time_in_alarm(), faults.false_alarms_per_day()), (None, None));
        assert_eq!((faults.events_found(), faults.f1()), (0, Some(0.0)));
    }
}
