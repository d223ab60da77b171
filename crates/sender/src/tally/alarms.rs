//! Alarms against events, in bounded memory.

use crate::client::Verdict;
use crate::source::{Outgoing, Phase};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Readings after an event in which an alarm still belongs to it, since alarms follow smoothed scores.
const GRACE: u32 = 5;

/// Counts events and alarms turbine by turbine, as the answers arrive; a reading without a [`Phase`] is not counted.
///
/// Not `turbine_core::evaluation::TimeEvaluation`, which holds a whole recording: a stream may be endless.
#[derive(Debug, Default)]
pub struct AlarmTally {
    figures: AlarmFigures,
    turbines: Vec<Turbine>,
    /// The number of the delivery that is counted next.
    next: u64,
    /// Deliveries that were answered before an earlier one.
    waiting: BTreeMap<u64, Vec<Mark>>,
}

/// Events and alarms so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AlarmFigures {
    /// Readings with known phase.
    pub readings: u64,
    /// Those whose answers say whether an alarm is on.
    pub judged: u64,
    /// Events that have begun; one without readings, once it is over.
    pub events: u64,
    /// Events with the alarm on at one of their readings or at one of the five after them.
    pub found: u64,
    /// Of the events found: readings from the first one to the one with the alarm on, summed.
    lead_readings: u64,
    /// The same in seconds.
    lead_seconds: f64,
    /// Alarms raised.
    pub raised: u64,
    /// Alarms raised in no event and not within five readings after one.
    pub raised_outside_events: u64,
    /// Of these, alarms raised at a point anomaly or within five readings after one.
    pub raised_at_point_anomalies: u64,
    normal: u64,
    normal_in_alarm: u64,
}

impl AlarmFigures {
    /// Mean number of readings from an event's beginning to the alarm; `None` if no event was found.
    pub fn mean_lead_readings(&self) -> Option<f64> {
        (self.found > 0).then(|| self.lead_readings as f64 / self.found as f64)
    }

    /// Mean number of seconds from an event's beginning to the alarm; `None` if no event was found.
    pub fn mean_lead_seconds(&self) -> Option<f64> {
        (self.found > 0).then(|| self.lead_seconds / self.found as f64)
    }

    /// Share of the readings outside events with the alarm on, 0 to 1; `None` if there are none.
    pub fn normal_in_alarm(&self) -> Option<f64> {
        (self.normal > 0).then(|| self.normal_in_alarm as f64 / self.normal as f64)
    }
}

/// A reading as the alarms see it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    turbine: usize,
    time: Timestamp,
    phase: Phase,
    is_point_anomaly: bool,
    /// `None` without an answer that says so.
    in_alarm: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Turbine {
    in_alarm: bool,
    event: Option<Event>,
    /// Readings since the last point anomaly, while they are few.
    since_point_anomaly: Option<u32>,
}

/// An event, until its grace is over.
#[derive(Debug, Clone)]
struct Event {
    begin: Timestamp,
    readings: u64,
    /// Readings since its end; 0 within the event.
    after: u32,
    found: bool,
}

impl Event {
    fn new(begin: Timestamp, after: u32) -> Self {
        Event { begin, readings: 0, after, found: false }
    }
}

impl AlarmTally {
    /// Adds the readings of the delivery `number` and their verdicts. Deliveries may be answered in any order; they are
    /// counted in the order in which they were sent.
    pub fn add<'a>(&mut self, number: u64, answered: impl Iterator<Item = (&'a Outgoing, &'a Verdict)>) {
        let marks = answered.filter_map(|(reading, verdict)| {
            let in_alarm = match verdict {
                Verdict::Scored { in_alarm, .. } => *in_alarm,
                Verdict::Acknowledged { .. } | Verdict::Refused { .. } | Verdict::Unsent { .. } => None,
            };
            let Outgoing { turbine, time, .. } = *reading;
            let phase = reading.phase?;
            let is_point_anomaly = reading.is_anomaly == Some(true) && phase != Phase::Event;
            Some(Mark { turbine, time, phase, is_point_anomaly, in_alarm })
        });
        self.waiting.insert(number, marks.collect());
        while let Some(marks) = self.waiting.remove(&self.next) {
            self.next += 1;
            marks.into_iter().for_each(|mark| self.count(mark));
        }
    }

    /// The figures, with the deliveries that still wait for an earlier one.
    pub fn finish(mut self) -> AlarmFigures {
        for marks in std::mem::take(&mut self.waiting).into_values() {
            marks.into_iter().for_each(|mark| self.count(mark));
        }
        self.figures
    }

    fn count(&mut self, mark: Mark) {
        if self.turbines.len() <= mark.turbine {
            self.turbines.resize(mark.turbine + 1, Turbine::default());
        }
        let (turbine, figures) = (&mut self.turbines[mark.turbine], &mut self.figures);
        figures.readings += 1;
        figures.events += u64::from(turbine.enter(mark.phase, mark.time));
        turbine.since_point_anomaly = match turbine.since_point_anomaly {
            _ if mark.is_point_anomaly => Some(0),
            Some(readings) if readings < GRACE => Some(readings + 1),
            _ => None,
        };
        if let Some(in_alarm) = mark.in_alarm {
            figures.judged += 1;
            let raised = in_alarm && !turbine.in_alarm;
            turbine.in_alarm = in_alarm;
            figures.raised += u64::from(raised);
            match &mut turbine.event {
                Some(event) if in_alarm && !event.found => {
                    event.found = true;
                    figures.found += 1;
                    figures.lead_readings += event.readings;
                    figures.lead_seconds += mark.time.duration_since(event.begin).as_secs_f64();
                }
                Some(_) => {}
                None if raised => {
                    figures.raised_outside_events += 1;
                    figures.raised_at_point_anomalies += u64::from(turbine.since_point_anomaly.is_some());
                }
                None => {}
            }
            if mark.phase != Phase::Event {
                figures.normal += 1;
                figures.normal_in_alarm += u64::from(in_alarm);
            }
        }
        if let Some(event) = &mut turbine.event {
            event.readings += 1;
        }
    }
}

impl Turbine {
    /// Follows the events; true if one begins.
    fn enter(&mut self, phase: Phase, time: Timestamp) -> bool {
        match (phase, &mut self.event) {
            (Phase::Event, Some(event)) if event.after == 0 => false,
            (Phase::Event, _) => {
                self.event = Some(Event::new(time, 0));
                true
            }
            (Phase::AfterGap { since }, _) => {
                self.event = Some(Event::new(since, 1));
                true
            }
            (Phase::Normal, Some(event)) => {
                event.after += 1;
                if event.after > GRACE {
                    self.event = None;
                }
                false
            }
            (Phase::Normal, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbine_core::prediction::Prediction;

    /// A reading every 10 s from `begin`: `e` is in an event, `g` the first one after a gap of 40 s, `p` a point anomaly,
    /// `n` normal; capitals are in alarm.
    fn readings(turbine: usize, begin: i64, text: &str) -> Vec<(Outgoing, Verdict)> {
        let reading = |(i, c): (usize, char)| {
            let seconds = begin + 10 * i as i64;
            let at = |seconds| Timestamp::from_second(seconds).unwrap();
            let phase = match c.to_ascii_lowercase() {
                'e' => Phase::Event,
                'g' => Phase::AfterGap { since: at(seconds - 40) },
                _ => Phase::Normal,
            };
            let outgoing = Outgoing {
                turbine,
                time: at(seconds),
                phase: Some(phase),
                is_anomaly: Some(c.eq_ignore_ascii_case(&'p')),
                ..Outgoing::default()
            };
            (outgoing, scored(Some(c.is_uppercase())))
        };
        text.chars().enumerate().map(reading).collect()
    }

    fn scored(in_alarm: Option<bool>) -> Verdict {
        let prediction = Prediction { anomaly_score: 0.5, is_anomaly: false };
        Verdict::Scored { prediction, duplicate: false, in_alarm }
    }

    /// The figures of these deliveries, in the order in which they are answered.
    fn figures<'a>(deliveries: impl IntoIterator<Item = (u64, &'a [(Outgoing, Verdict)])>) -> AlarmFigures {
        let mut tally = AlarmTally::default();
        for (number, answered) in deliveries {
            tally.add(number, answered.iter().map(|(reading, verdict)| (reading, verdict)));
        }
        tally.finish()
    }

    fn of(text: &str) -> AlarmFigures {
        figures([(0, &readings(0, 0, text)[..])])
    }

    #[test]
    fn each_figure_by_hand() {
        // Events at 4–7 (found at its third reading), 14–15 (missed: the alarm at 21 is the sixth reading after) and
        // 23–24 (found at the second reading after: 26 is three readings later).
        let figures = of("nNnneeEENnnnnneennnnnNneenNn");
        assert_eq!((figures.readings, figures.judged, figures.events, figures.found), (28, 28, 3, 2));
        assert_eq!(figures.mean_lead_readings(), Some((2.0 + 3.0) / 2.0));
        assert_eq!(figures.mean_lead_seconds(), Some((20.0 + 30.0) / 2.0));
        // Raised at 1, 6, 21 and 26; 8 goes on from 7. Those at 1 and 21 belong to no event.
        assert_eq!((figures.raised, figures.raised_outside_events, figures.raised_at_point_anomalies), (4, 2, 0));
        // 20 readings outside events, in alarm at 1, 8, 21 and 26.
        assert_eq!(figures.normal_in_alarm(), Some(4.0 / 20.0));
    }

    #[test]
    fn an_alarm_that_is_on_when_an_event_begins_finds_it_at_once_and_is_false() {
        let figures = of("nNEEn");
        assert_eq!((figures.events, figures.found, figures.raised, figures.raised_outside_events), (1, 1, 1, 1));
        assert_eq!(figures.mean_lead_readings(), Some(0.0));
    }

    #[test]
    fn an_alarm_belongs_to_an_event_up_to_the_fifth_reading_after_it() {
        let figures = ["eennnnN", "eennnnnN"].map(of);
        assert_eq!(figures.map(|figures| (figures.found, figures.raised_outside_events)), [(1, 0), (0, 1)]);
    }

    #[test]
    fn a_gap_is_an_event_found_by_an_alarm_soon_after() {
        // The gap began 40 s before the first reading after it, and the alarm is 10 s later.
        let figures = of("nngNnnnnnnnngn");
        assert_eq!((figures.events, figures.found, figures.raised_outside_events), (2, 1, 0));
        assert_eq!((figures.mean_lead_readings(), figures.mean_lead_seconds()), (Some(1.0), Some(50.0)));
        assert_eq!(figures.normal_in_alarm(), Some(1.0 / 14.0));
    }

    #[test]
    fn alarms_at_point_anomalies_are_told_apart() {
        // At it, five readings after it, six readings after it.
        let figures = of("nPn.pnnnnNn.pnnnnnN".replace('.', "nnnnnnn").as_str());
        assert_eq!((figures.raised, figures.raised_outside_events, figures.raised_at_point_anomalies), (3, 3, 2));
    }

    #[test]
    fn each_turbine_has_its_own_events_and_alarms() {
        let (first, second) = (readings(0, 0, "neEn"), readings(1, 5, "eennN"));
        // Interleaved: were they one turbine, the events would be one.
        let turns: Vec<_> = (0..5).flat_map(|i| [first.get(i), second.get(i)]).flatten().cloned().collect();
        let figures = figures([(0, &turns[..])]);
        assert_eq!((figures.events, figures.found, figures.raised, figures.raised_outside_events), (2, 2, 2, 0));
        // One reading after the beginning, and four.
        assert_eq!(figures.mean_lead_readings(), Some(2.5));
    }

    #[test]
    fn the_order_of_sending_counts_and_not_that_of_the_answers() {
        let all = readings(0, 0, "nnNeeEnnnnnnnneeNn");
        let parts: Vec<_> = (0..).zip(all.chunks(5)).collect();
        let expected = figures(parts.clone());
        assert_eq!((expected.events, expected.found, expected.raised_outside_events), (2, 2, 1));
        assert_eq!(figures([parts[2], parts[0], parts[3], parts[1]]), expected);
        // The second delivery is never answered: its readings are not counted, the others are.
        assert_eq!(figures([parts[2], parts[0], parts[3]]).readings, 13);
    }

    #[test]
    fn without_alarms_in_the_answers_only_events_are_counted() {
        let mut answered = readings(0, 0, "nneenn");
        answered[2].1 = Verdict::Unsent { error: String::new() };
        for (_, verdict) in answered.iter_mut().skip(3) {
            *verdict = scored(None);
        }
        let figures = figures([(0, &answered[..])]);
        assert_eq!((figures.readings, figures.judged, figures.events, figures.found), (6, 2, 1, 0));
        assert_eq!((figures.mean_lead_readings(), figures.mean_lead_seconds()), (None, None));
        assert_eq!(AlarmFigures::default().normal_in_alarm(), None);
    }

    #[test]
    fn readings_without_a_phase_are_not_counted() {
        let mut answered = readings(0, 0, "nN");
        answered.iter_mut().for_each(|(reading, _)| reading.phase = None);
        assert_eq!(figures([(0, &answered[..])]), AlarmFigures::default());
    }
}
