//! The summary at the end.

use crate::error::SenderError;
use crate::outbox::Kept;
use crate::tally::{AlarmFigures, Tally};
use std::fmt;
use std::time::Duration;
use turbine_core::dataset::SkippedRows;

/// The result of a stream.
#[derive(Debug)]
pub struct Report {
    /// Counts and statistics of the readings.
    pub tally: Tally,
    /// Rows that were not sent because of an empty or non-numeric cell.
    pub skipped: SkippedRows,
    /// What a spool keeps for the next run, if there is one.
    pub kept: Option<Kept>,
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// Whether the readings are recorded ones, whose faults are labelled and not injected.
    pub is_recorded: bool,
    /// Events and alarms.
    pub alarms: AlarmFigures,
    /// The error that ended the stream early.
    pub aborted_by: Option<SenderError>,
}

impl Report {
    /// Whether the stream reached its end and every reading was scored or is kept.
    pub fn is_complete(&self) -> bool {
        self.tally.failed == 0 && (self.tally.unsent == 0 || self.kept.is_some()) && self.aborted_by.is_none()
    }
}

impl fmt::Display for Report {
    /// Two to eight lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { tally, skipped, kept, elapsed, is_recorded, alarms, aborted_by } = self;
        let Tally { sent, acknowledged, failed, unsent, retries, duplicates, latency, confusion, scores, .. } = tally;
        let seconds = elapsed.as_secs_f64();
        let rate = if seconds > 0.0 { *sent as f64 / seconds } else { 0.0 };
        write!(
            f,
            "[sender] sent={sent} failed={failed} unsent={unsent} skipped={} retries={retries} duplicates={duplicates} \
             seconds={seconds:.2} readings_per_second={rate:.1}",
            skipped.total()
        )?;
        if skipped.total() > 0 {
            write!(f, "\n[sender] skipped rows by column: {skipped}")?;
        }
        if let Some(Kept { readings, path }) = kept
            && *readings > 0
        {
            let path = path.display();
            write!(f, "\n[sender] kept={readings} in {path}: the next run with this --spool sends them first")?;
        }
        if *acknowledged > 0 {
            write!(
                f,
                "\n[sender] acknowledged={acknowledged} of the readings sent, without a verdict: the cluster has them, and what \
                 its workers say of them goes to its stream OUT"
            )?;
        }
        let ms = |latency: Duration| format!("{:.2}", latency.as_secs_f64() * 1_000.0);
        let quantile = |q| latency.quantile(q).map_or_else(|| "n/a".to_owned(), ms);
        let (p50, p90, p99, max) = (quantile(0.5), quantile(0.9), quantile(0.99), quantile(1.0));
        write!(f, "\n[sender] latency_ms p50={p50} p90={p90} p99={p99} max={max}")?;
        let origin = if *is_recorded { "labelled" } else { "injected" };
        if confusion.total() > 0 {
            let anomalies = confusion.true_positives + confusion.false_negatives;
            let sample = if scores.is_partial() { " (of a sample)" } else { "" };
            write!(
                f,
                "\n[sender] {origin}={anomalies} detected={} missed={} false_alarms={} precision={} recall={} \
                 roc_auc={}{sample}",
                confusion.true_positives,
                confusion.false_negatives,
                confusion.false_positives,
                figure(confusion.precision()),
                figure(confusion.recall()),
                figure(scores.roc_auc()),
            )?;
        }
        if alarms.readings > 0 {
            write_alarms(f, alarms, origin, *acknowledged)?;
        }
        match aborted_by {
            Some(error) => write!(f, "\n[sender] stopped early: {error}"),
            None => Ok(()),
        }
    }
}

/// Two lines; `origin` says how the events came about.
fn write_alarms(f: &mut fmt::Formatter<'_>, alarms: &AlarmFigures, origin: &str, acknowledged: u64) -> fmt::Result {
    let events = alarms.events;
    if alarms.judged == 0 && acknowledged > 0 {
        return write!(
            f,
            "\n[sender] events_{origin}={events}\n[sender] no alarms to count: no verdict was read; alarms are in the \
             cluster's stream OUT"
        );
    }
    if alarms.judged == 0 {
        return write!(
            f,
            "\n[sender] events_{origin}={events}\n[sender] no alarms to count: the model in service is not calibrated"
        );
    }
    let mean = |mean: Option<f64>, decimals| mean.map_or_else(|| "n/a".to_owned(), |mean| format!("{mean:.decimals$}"));
    write!(
        f,
        "\n[sender] events_{origin}={events} events_found={} mean_lead_readings={} mean_lead_seconds={} (from an event's \
         beginning to the alarm)",
        alarms.found,
        mean(alarms.mean_lead_readings(), 1),
        mean(alarms.mean_lead_seconds(), 2),
    )?;
    write!(
        f,
        "\n[sender] alarms_raised={} alarms_false={} normal_time_in_alarm={}",
        alarms.raised,
        alarms.raised_outside_events,
        figure(alarms.normal_in_alarm()),
    )?;
    match alarms.raised_at_point_anomalies {
        0 => Ok(()),
        at => write!(f, " (of the false ones, {at} at point anomalies)"),
    }
}

fn figure(figure: Option<f64>) -> String {
    figure.map_or_else(|| "n/a".to_owned(), |figure| format!("{figure:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turbine_core::evaluation::Confusion;

    fn report() -> Report {
        Report {
            tally: Tally::new(1),
            skipped: SkippedRows::default(),
            kept: None,
            elapsed: Duration::from_millis(2_500),
            is_recorded: false,
            alarms: AlarmFigures::default(),
            aborted_by: None,
        }
    }

    #[test]
    fn undefined_figures_are_not_available() {
        let report = report();
        assert_eq!(
            report.to_string(),
            "[sender] sent=0 failed=0 unsent=0 skipped=0 retries=0 duplicates=0 seconds=2.50 readings_per_second=0.0\n\
             [sender] latency_ms p50=n/a p90=n/a p99=n/a max=n/a"
        );
        assert!(report.is_complete());
    }

    #[test]
    fn labels_add_the_detection_line() {
        let mut report = report();
        let tally = &mut report.tally;
        (tally.sent, tally.failed, tally.unsent, tally.retries, tally.duplicates) = (10, 1, 2, 3, 1);
        (1..=10).for_each(|ms| tally.latency.record(Duration::from_micros(ms * 10)));
        // Precision 3/5, recall 3/4.
        tally.confusion = Confusion { true_positives: 3, false_positives: 2, true_negatives: 4, false_negatives: 1 };
        // One anomaly scored above one of two normal readings: 0.5.
        [(0.5, true), (0.4, false), (0.6, false)].into_iter().for_each(|(score, label)| tally.scores.add(score, label));
        report.aborted_by = Some(SenderError::Output(std::io::Error::other("full")));
        // 10 in 2.5 s: 4 per second.
        assert_eq!(
            report.to_string(),
            "[sender] sent=10 failed=1 unsent=2 skipped=0 retries=3 duplicates=1 seconds=2.50 readings_per_second=4.0\n\
             [sender] latency_ms p50=0.05 p90=0.09 p99=0.10 max=0.10\n\
             [sender] injected=4 detected=3 missed=1 false_alarms=2 precision=0.6000 recall=0.7500 roc_auc=0.5000\n\
             [sender] stopped early: cannot write to standard output: full"
        );
    }

    #[test]
    fn recorded_anomalies_are_labelled_and_not_injected() {
        let mut report = report();
        report.is_recorded = true;
        report.tally.confusion.add(true, true);
        let text = report.to_string();
        assert!(text.contains("\n[sender] labelled=1 detected=1 ") && !text.contains("injected"), "{text}");
    }

    #[test]
    fn a_refused_or_unsent_reading_or_an_early_end_is_incomplete() {
        let spoil: [fn(&mut Report); 3] = [
            |report| report.tally.failed = 1,
            |report| report.tally.unsent = 1,
            |report| report.aborted_by = Some(SenderError::Output(std::io::Error::other("full"))),
        ];
        for spoil in spoil {
            let mut report = report();
            spoil(&mut report);
            assert!(!report.is_complete());
        }
    }

    #[test]
    fn what_a_spool_keeps_is_said_and_not_lost() {
        let mut report = report();
        report.tally.unsent = 3;
        report.kept = Some(Kept { readings: 5, path: "a.spool".into() });
        assert!(report.is_complete());
        let text = report.to_string();
        assert!(
            text.contains("\n[sender] kept=5 in a.spool: the next run with this --spool sends them first\n"),
            "{text}"
        );
    }

    #[test]
    fn readings_without_a_verdict_are_told_apart() {
        let mut report = report();
        (report.tally.sent, report.tally.acknowledged) = (10, 7);
        (report.alarms.readings, report.alarms.events) = (10, 2);
        let text = report.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "[sender] acknowledged=7 of the readings sent, without a verdict: the cluster has them, and what its workers say of \
             them goes to its stream OUT"
        );
        assert_eq!(lines[3], "[sender] events_injected=2");
        assert!(lines[4].contains("no verdict was read") && report.is_complete(), "{text}");
    }

    /// The lines after those of every stream.
    fn event_lines(is_recorded: bool, alarms: AlarmFigures) -> Vec<String> {
        let text = Report { is_recorded, alarms, ..report() }.to_string();
        text.lines().skip(2).map(str::to_owned).collect()
    }

    #[test]
    fn events_add_a_line_for_them_and_one_for_the_alarms() {
        let mut alarms = AlarmFigures::default();
        (alarms.readings, alarms.judged, alarms.events) = (40, 40, 2);
        (alarms.raised, alarms.raised_outside_events) = (4, 3);
        let missed = "events_injected=2 events_found=0 mean_lead_readings=n/a mean_lead_seconds=n/a (from an event's \
                      beginning to the alarm)";
        let raised = "alarms_raised=4 alarms_false=3 normal_time_in_alarm=n/a";
        assert_eq!(event_lines(false, alarms), [missed, raised].map(|line| format!("[sender] {line}")));
        alarms.raised_at_point_anomalies = 2;
        let [events, alarms] = &event_lines(true, alarms)[..] else { panic!("two lines") };
        assert!(events.starts_with("[sender] events_labelled=2 events_found=0 "), "{events}");
        assert!(alarms.ends_with("=n/a (of the false ones, 2 at point anomalies)"), "{alarms}");
    }

    #[test]
    fn a_model_without_alarms_is_named() {
        let mut alarms = AlarmFigures::default();
        (alarms.readings, alarms.events) = (40, 2);
        let lines =
            ["[sender] events_injected=2", "[sender] no alarms to count: the model in service is not calibrated"];
        assert_eq!(event_lines(false, alarms), lines);
    }
}
