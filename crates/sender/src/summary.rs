//! The summary at the end.

use crate::error::SenderError;
use crate::tally::Tally;
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
    /// From the start to the last answer.
    pub elapsed: Duration,
    /// The error that ended the stream early.
    pub aborted_by: Option<SenderError>,
}

impl Report {
    /// Whether the stream reached its end and every reading was scored.
    pub fn is_complete(&self) -> bool {
        self.tally.failed == 0 && self.tally.unsent == 0 && self.aborted_by.is_none()
    }
}

impl fmt::Display for Report {
    /// Two to five lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { tally, skipped, elapsed, aborted_by } = self;
        let Tally { sent, failed, unsent, retries, duplicates, latency, confusion, scores } = tally;
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
        let ms = |latency: Duration| format!("{:.2}", latency.as_secs_f64() * 1_000.0);
        let quantile = |q| latency.quantile(q).map_or_else(|| "n/a".to_owned(), ms);
        let (p50, p90, p99, max) = (quantile(0.5), quantile(0.9), quantile(0.99), quantile(1.0));
        write!(f, "\n[sender] latency_ms p50={p50} p90={p90} p99={p99} max={max}")?;
        if confusion.total() > 0 {
            let injected = confusion.true_positives + confusion.false_negatives;
            let sample = if scores.is_partial() { " (of a sample)" } else { "" };
            write!(
                f,
                "\n[sender] injected={injected} detected={} missed={} false_alarms={} precision={} recall={} \
                 roc_auc={}{sample}",
                confusion.true_positives,
                confusion.false_negatives,
                confusion.false_positives,
                figure(confusion.precision()),
                figure(confusion.recall()),
                figure(scores.roc_auc()),
            )?;
        }
        match aborted_by {
            Some(error) => write!(f, "\n[sender] stopped early: {error}"),
            None => Ok(()),
        }
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
            elapsed: Duration::from_millis(2_500),
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
}
