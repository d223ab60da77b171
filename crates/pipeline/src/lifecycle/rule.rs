//! The rule by which a promoted model is taken back.

use super::comparison::Comparison;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Fewer alarms of the new model than this say nothing: one real fault must not take a good model back.
const LEAST_ALARMS: u64 = 3;

/// Fewer anomalies of the new model than this say nothing: single readings are anomalies by chance.
const LEAST_ANOMALIES: u64 = 50;

/// What is compared between a promoted model and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Alarms raised. At least three of the new model are needed.
    AlarmRate,
    /// Readings that are anomalies. At least 50 of the new model are needed.
    AnomalyRate,
}

/// Takes a promoted model back when it raises more than so many times the alarms, or finds more than so many times the
/// anomalies, of the model before, which goes on scoring the same readings as a shadow. Since both see the same readings,
/// a real fault that both find counts for neither.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollbackRule {
    figure: Figure,
    times: f64,
}

impl RollbackRule {
    /// The figures of the promoted model and of the one before, if the promoted one breaks the rule.
    pub(crate) fn broken_by(&self, comparison: &Comparison) -> Option<(u64, u64)> {
        let (new, old, least) = match self.figure {
            Figure::AlarmRate => (comparison.service_alarms, comparison.shadow_alarms, LEAST_ALARMS),
            Figure::AnomalyRate => (comparison.service_anomalies, comparison.shadow_anomalies, LEAST_ANOMALIES),
        };
        (new >= least && new as f64 > self.times * old as f64).then_some((new, old))
    }

    /// What is compared, in words.
    pub(crate) fn counted(&self) -> &'static str {
        match self.figure {
            Figure::AlarmRate => "alarms",
            Figure::AnomalyRate => "anomalies",
        }
    }
}

impl fmt::Display for RollbackRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = match self.figure {
            Figure::AlarmRate => "alarm_rate",
            Figure::AnomalyRate => "anomaly_rate",
        };
        write!(f, "{figure} > {}x", self.times)
    }
}

impl FromStr for RollbackRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let remedy =
            || format!("{text:?} is not a rule; write alarm_rate > 5x or anomaly_rate > 5x, with a number above 1");
        let (figure, limit) = text.split_once('>').ok_or_else(remedy)?;
        let figure = match figure.trim() {
            "alarm_rate" => Figure::AlarmRate,
            "anomaly_rate" => Figure::AnomalyRate,
            _ => return Err(remedy()),
        };
        let times =
            limit.trim().strip_suffix('x').and_then(|times| times.trim().parse::<f64>().ok()).ok_or_else(remedy)?;
        if times > 1.0 && times.is_finite() { Ok(RollbackRule { figure, times }) } else { Err(remedy()) }
    }
}

/// A promoted model that the rule may still take back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    /// The promoted model.
    pub(crate) version: Arc<str>,
    /// When it has passed.
    pub(crate) until: Timestamp,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rule_is_read_and_written() {
        for (text, written) in [
            ("alarm_rate > 5x", "alarm_rate > 5x"),
            ("anomaly_rate>1.5x", "anomaly_rate > 1.5x"),
            (" alarm_rate  >  2 x ", "alarm_rate > 2x"),
        ] {
            assert_eq!(text.parse::<RollbackRule>().unwrap().to_string(), written);
        }
        for bad in [
            "",
            "alarm_rate",
            "alarm_rate > 5",
            "alarm_rate < 5x",
            "alarms > 5x",
            "alarm_rate > 1x",
            "alarm_rate > -5x",
            "alarm_rate > NaNx",
            "alarm_rate > infx",
            "alarm_rate > x",
            "alarm_rate > 5x > 6x",
        ] {
            let error = bad.parse::<RollbackRule>().unwrap_err();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("alarm_rate > 5x"), "{error}");
        }
    }

    #[test]
    fn a_rule_needs_evidence_and_a_ratio() {
        let alarms =
            |service_alarms, shadow_alarms| Comparison { service_alarms, shadow_alarms, ..Comparison::default() };
        let rule: RollbackRule = "alarm_rate > 5x".parse().unwrap();
        // (alarms of the new model, of the one before, whether it is taken back)
        for (new, old, broken) in
            [(0, 0, false), (2, 0, false), (3, 0, true), (5, 1, false), (6, 1, true), (50, 10, false), (51, 10, true)]
        {
            assert_eq!(rule.broken_by(&alarms(new, old)), broken.then_some((new, old)), "{new} {old}");
        }
        let anomalies = |service_anomalies, shadow_anomalies| Comparison {
            service_anomalies,
            shadow_anomalies,
            service_alarms: 1_000,
            ..Comparison::default()
        };
        let rule: RollbackRule = "anomaly_rate > 2x".parse().unwrap();
        for (new, old, broken) in [(49, 0, false), (50, 24, true), (50, 25, false), (51, 25, true)] {
            assert_eq!(rule.broken_by(&anomalies(new, old)), broken.then_some((new, old)), "{new} {old}");
        }
    }
}
