//! When an alarm is raised and cleared, and how often that is to be expected in normal running.

use crate::quantile::quantile;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The quantile of the held-out smoothed surprisal that sensitivities are measured by.
const HIGH: f64 = 0.99;

/// How far below the threshold an alarm is cleared, as a share of the way from base to threshold.
const HYSTERESIS: f64 = 0.5;

/// Quantiles above which peaks are counted, the first with enough of them.
const PEAKS_ABOVE: [f64; 5] = [0.98, 0.95, 0.9, 0.8, 0.6];

/// Enough clusters to estimate a rate and a mean from.
const ENOUGH_CLUSTERS: usize = 8;

/// Readings below that part two clusters, at least.
const LEAST_PARTING: usize = 3;

const SECONDS_A_DAY: f64 = 86_400.0;

/// How soon an alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// At the 99 % quantile of normal running: more events, more false alarms.
    Sensitive,
    /// A quarter further from the base.
    #[default]
    Balanced,
    /// Twice as far from the base: fewest false alarms, late or small events are missed.
    Quiet,
}

impl Sensitivity {
    /// How far above the base the threshold lies, in units of (99 % quantile − base).
    fn factor(self) -> f64 {
        match self {
            Sensitivity::Sensitive => 1.0,
            Sensitivity::Balanced => 1.25,
            Sensitivity::Quiet => 2.0,
        }
    }
}

/// What the threshold of the alarm is to achieve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmTarget {
    /// A place above normal running.
    Sensitivity(Sensitivity),
    /// So many false alarms a day and turbine, above 0.
    FalseAlarmsPerDay(f64),
}

impl fmt::Display for AlarmTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AlarmTarget::Sensitivity(Sensitivity::Sensitive) => f.write_str("sensitive"),
            AlarmTarget::Sensitivity(Sensitivity::Balanced) => f.write_str("balanced"),
            AlarmTarget::Sensitivity(Sensitivity::Quiet) => f.write_str("quiet"),
            AlarmTarget::FalseAlarmsPerDay(rate) => write!(f, "for {rate} false alarms a day"),
        }
    }
}

impl Default for AlarmTarget {
    fn default() -> Self {
        AlarmTarget::Sensitivity(Sensitivity::default())
    }
}

/// When an alarm is raised and cleared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmRule {
    /// What was asked for.
    pub target: AlarmTarget,
    /// An alarm is raised when the smoothed surprisal exceeds this, in decades.
    pub raise_above: f64,
    /// It is cleared when the smoothed surprisal falls below this, in decades.
    pub clear_below: f64,
    /// False alarms to expect a day and turbine, by the held-out readings; `None` if these show too few peaks or the time
    /// between readings is not known.
    pub expected_per_day: Option<f64>,
}

/// Why an alarm cannot be set to a rate of false alarms.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AlarmError {
    /// No rate.
    #[error("false alarms per day is {0}; it must be above 0 and finite")]
    Rate(f64),
    /// How many readings a day makes is not known.
    #[error(
        "false alarms per day need the time between readings, and the data set has no times; name their column, or choose a sensitivity"
    )]
    NoInterval,
    /// Nothing to estimate a rate from.
    #[error(
        "false alarms per day cannot be estimated: the training readings show fewer than {ENOUGH_CLUSTERS} peaks; train on more readings, or choose a sensitivity"
    )]
    FewPeaks,
}

/// The peaks of the held-out smoothed surprisal: how many, and how high above a level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Peaks {
    level: f64,
    /// Clusters a reading.
    rate: f64,
    /// The mean of the clusters' highest, above the level.
    mean_excess: f64,
}

impl AlarmRule {
    /// Sets the alarm by the smoothed surprisal of held-out normal readings, in their order, smoothed over `span`
    /// readings, `interval` seconds apart.
    ///
    /// # Errors
    /// An [`AlarmError`] if a rate is asked for that cannot be estimated.
    ///
    /// # Panics
    /// If there are no readings.
    pub fn fit(held_out: &[f64], target: AlarmTarget, span: u32, interval: Option<f64>) -> Result<Self, AlarmError> {
        let mut sorted = held_out.to_vec();
        sorted.sort_by(f64::total_cmp);
        let base = quantile(&sorted, 0.5);
        let peaks = Peaks::find(held_out, &sorted, span);
        let readings_a_day = interval.map(|interval| SECONDS_A_DAY / interval);
        let raise_above = match target {
            AlarmTarget::Sensitivity(sensitivity) => base + sensitivity.factor() * (quantile(&sorted, HIGH) - base),
            AlarmTarget::FalseAlarmsPerDay(rate) => {
                if !(rate > 0.0 && rate.is_finite()) {
                    return Err(AlarmError::Rate(rate));
                }
                let readings_a_day = readings_a_day.ok_or(AlarmError::NoInterval)?;
                let peaks = peaks.ok_or(AlarmError::FewPeaks)?;
                // Where more are wished than there are peaks, the tail says nothing any more.
                peaks.threshold(rate / readings_a_day).max(quantile(&sorted, PEAKS_ABOVE[PEAKS_ABOVE.len() - 1]))
            }
        };
        Ok(AlarmRule {
            target,
            raise_above,
            clear_below: base + HYSTERESIS * (raise_above - base),
            expected_per_day: peaks.zip(readings_a_day).map(|(peaks, day)| peaks.rate_above(raise_above) * day),
        })
    }

    /// Whether the alarm is on after a reading.
    pub(super) fn is_on(&self, was_on: bool, smoothed: f64) -> bool {
        if was_on { smoothed >= self.clear_below } else { smoothed > self.raise_above }
    }
}

impl Peaks {
    fn find(held_out: &[f64], sorted: &[f64], span: u32) -> Option<Self> {
        let parting = LEAST_PARTING.max(span as usize);
        PEAKS_ABOVE.iter().find_map(|&q| {
            let level = quantile(sorted, q);
            let peaks = clusters(held_out, level, parting);
            let enough = peaks.len() >= ENOUGH_CLUSTERS;
            let mean_excess = peaks.iter().map(|peak| peak - level).sum::<f64>() / peaks.len() as f64;
            enough.then(|| Peaks { level, rate: peaks.len() as f64 / held_out.len() as f64, mean_excess })
        })
    }

    /// The level that a share `wished` of the readings begins to exceed.
    fn threshold(&self, wished: f64) -> f64 {
        self.level + self.mean_excess * libm::log(self.rate / wished)
    }

    /// The reverse: clusters a reading that exceed `threshold`.
    fn rate_above(&self, threshold: f64) -> f64 {
        self.rate * libm::exp((self.level - threshold) / self.mean_excess).min(1.0)
    }
}

/// The highest value of each cluster above `level`; clusters are parted by `parting` readings that are not above it.
fn clusters(values: &[f64], level: f64, parting: usize) -> Vec<f64> {
    let mut peaks: Vec<f64> = Vec::new();
    let mut below = parting;
    for &value in values {
        if value > level {
            match peaks.last_mut() {
                Some(peak) if below < parting => *peak = peak.max(value),
                _ => peaks.push(value),
            }
            below = 0;
        } else {
            below += 1;
        }
    }
    peaks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BALANCED: AlarmTarget = AlarmTarget::Sensitivity(Sensitivity::Balanced);

    #[test]
    fn sensitivities_by_hand() {
        // 0.00 … 1.00 in 101 steps: median 0.5, 99 % quantile 0.99, 0.49 apart.
        let held_out: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
        for (sensitivity, raise, clear) in [
            (Sensitivity::Sensitive, 0.99, 0.745),
            (Sensitivity::Balanced, 0.5 + 1.25 * 0.49, 0.5 + 0.625 * 0.49),
            (Sensitivity::Quiet, 0.5 + 2.0 * 0.49, 0.99),
        ] {
            let rule = AlarmRule::fit(&held_out, AlarmTarget::Sensitivity(sensitivity), 5, Some(600.0)).unwrap();
            assert!((rule.raise_above - raise).abs() < 1e-12, "{rule:?}");
            assert!((rule.clear_below - clear).abs() < 1e-12, "{rule:?}");
            // One rise from 0 to 1 is one cluster at every level.
            assert_eq!(rule.expected_per_day, None);
        }
    }

    #[test]
    fn an_alarm_is_raised_above_and_cleared_below() {
        let rule = AlarmRule { target: BALANCED, raise_above: 2.0, clear_below: 1.0, expected_per_day: None };
        let mut on = false;
        let states = [1.9, 2.0, 2.1, 1.5, 1.0, 0.9, 1.5].map(|smoothed| {
            on = rule.is_on(on, smoothed);
            on
        });
        assert_eq!(states, [false, false, true, true, true, false, false]);
    }

    #[test]
    fn clusters_are_parted_by_readings_below() {
        // Above 1: 2 3 | 4 (parted by three), 5 after two is the same cluster as 4.
        let values = [2.0, 3.0, 0.0, 0.0, 1.0, 4.0, 0.0, 0.0, 5.0];
        assert_eq!(clusters(&values, 1.0, 3), [3.0, 5.0]);
        assert_eq!(clusters(&values, 1.0, 2), [3.0, 4.0, 5.0]);
        assert!(clusters(&values, 9.0, 3).is_empty());
    }

    #[test]
    fn a_rate_by_hand() {
        // 1,000 readings, 0 except for every 100th: ten peaks 1, 2, … 10. Quantile 98 % is 0; all ten exceed it.
        // rate 10/1000 = 0.01, mean excess 5.5. A reading every 864 s is 100 a day.
        let held_out: Vec<f64> = (1..=1000).map(|i| if i % 100 == 0 { f64::from(i / 100) } else { 0.0 }).collect();
        let fit = |rate| AlarmRule::fit(&held_out, AlarmTarget::FalseAlarmsPerDay(rate), 5, Some(864.0));
        // 0.1 a day = 0.001 a reading: t = 5.5 · ln(0.01 / 0.001) = 5.5 · 2.302585 = 12.664218.
        let rule = fit(0.1).unwrap();
        assert!((rule.raise_above - 12.664_218).abs() < 1e-6, "{rule:?}");
        assert!((rule.clear_below - 6.332_109).abs() < 1e-6, "{rule:?}");
        assert!((rule.expected_per_day.unwrap() - 0.1).abs() < 1e-12, "{rule:?}");
        // More than one a day cannot be had: t stays at the 60 % quantile, 0.
        let most = fit(5.0).unwrap();
        assert_eq!((most.raise_above, most.expected_per_day.unwrap().round()), (0.0, 1.0));
    }

    #[test]
    fn a_rate_that_cannot_be_had_is_refused() {
        let few = [0.0, 1.0, 0.0, 0.0];
        let fit = |rate, interval| AlarmRule::fit(&few, AlarmTarget::FalseAlarmsPerDay(rate), 5, interval);
        for rate in [0.0, -1.0, f64::INFINITY] {
            assert_eq!(fit(rate, Some(1.0)), Err(AlarmError::Rate(rate)));
        }
        assert!(matches!(fit(f64::NAN, Some(1.0)), Err(AlarmError::Rate(_))));
        assert_eq!(fit(1.0, None), Err(AlarmError::NoInterval));
        assert_eq!(fit(1.0, Some(1.0)), Err(AlarmError::FewPeaks));
    }
}
