//! The summary of the sender, and the same figures computed from the log.

use crate::log_file::LogFile;
use crate::programs::Finished;
use std::collections::BTreeMap;

/// The figures of the sender's summary by name.
#[derive(Debug)]
pub struct Summary(BTreeMap<String, String>);

impl Summary {
    /// Reads the `name=value` pairs of the lines that begin with `[sender]`.
    ///
    /// # Panics
    /// If there is no summary.
    pub fn of(sender: &Finished) -> Self {
        let lines = sender.stdout.lines().filter(|line| line.starts_with("[sender] "));
        let words = lines.flat_map(|line| line.split(' ')).filter_map(|word| word.split_once('='));
        let figures: BTreeMap<_, _> = words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert!(figures.contains_key("sent"), "no summary: {}{}", sender.stdout, sender.stderr);
        Summary(figures)
    }

    /// A count.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn count(&self, name: &str) -> usize {
        self.get(name).parse().unwrap_or_else(|_| panic!("{name} is not a count: {self:?}"))
    }

    /// A figure.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn figure(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap_or_else(|_| panic!("{name} is not a number: {self:?}"))
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// Compares the figures of detection with the log's rows and their labels.
    ///
    /// # Panics
    /// If one differs.
    pub fn agrees(&self, log: &LogFile, labels: &[bool]) {
        assert_eq!(log.rows.len(), labels.len());
        let labelled = || log.rows.iter().zip(labels);
        let counted =
            |is_anomaly, label| labelled().filter(|(row, is)| row.is_anomaly == is_anomaly && **is == label).count();
        let (detected, false_alarms, missed) = (counted(true, true), counted(true, false), counted(false, true));
        assert_eq!(self.count("sent"), labels.len());
        assert_eq!(self.count("labelled"), detected + missed);
        assert_eq!(
            [self.count("detected"), self.count("missed"), self.count("false_alarms")],
            [detected, missed, false_alarms]
        );
        self.close("precision", detected as f64 / (detected + false_alarms) as f64);
        self.close("recall", detected as f64 / (detected + missed) as f64);
        self.close("roc_auc", roc_auc(&labelled().map(|(row, is)| (row.anomaly_score, *is)).collect::<Vec<_>>()));
    }

    /// Compares with a figure that is printed with four digits.
    fn close(&self, name: &str, expected: f64) {
        let said = self.figure(name);
        assert!((said - expected).abs() <= 0.5e-4 + 1e-9, "{name}: the sender says {said}, the log says {expected}");
    }
}

/// Share of the pairs of an anomaly and a normal reading in which the anomaly has the higher score; ties count half.
pub fn roc_auc(scores: &[(f64, bool)]) -> f64 {
    let of = |label| scores.iter().filter(move |(_, is)| *is == label).map(|(score, _)| *score);
    let mut normals: Vec<f64> = of(false).collect();
    normals.sort_by(f64::total_cmp);
    let won = |score: f64| {
        let below = normals.partition_point(|normal| *normal < score);
        let not_above = normals.partition_point(|normal| *normal <= score);
        (below + not_above) as f64 / 2.0
    };
    of(true).map(won).sum::<f64>() / (of(true).count() * normals.len()) as f64
}
