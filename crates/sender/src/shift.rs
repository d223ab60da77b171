//! Detects a shift of the normal readings from the training data.

use crate::model_info::{ModelInfo, Moments};
use std::fmt;
use turbine_core::feature::FeatureSet;

/// Minimum shift to report, in standard deviations.
const MIN_SHIFT: f64 = 0.25;
/// Minimum shift to report, in standard errors of the mean: few readings may show less by chance.
const MIN_STANDARD_ERRORS: f64 = 4.0;

/// Compares the means of the normal readings so far with those of the training data. Unlabelled readings count as
/// normal.
#[derive(Debug, Clone)]
pub struct ShiftWatch {
    /// For each feature: its index in the source's values, its name, its training distribution.
    watched: Vec<(usize, String, Moments)>,
    sums: Vec<f64>,
    readings: u64,
}

/// A feature whose mean has shifted from the training data.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The feature's name.
    pub name: String,
    /// The mean of the readings sent.
    pub mean: f64,
    /// Its training distribution.
    pub training: Moments,
}

impl ShiftWatch {
    /// Watches the features with a known training distribution that the source provides.
    pub fn new(model: &ModelInfo, source: &FeatureSet) -> Self {
        let watch = |(name, training): (&str, &Option<Moments>)| {
            let index = source.names().position(|other| other == name)?;
            Some((index, name.to_owned(), (*training)?))
        };
        let watched: Vec<_> = model.features.names().zip(&model.training).filter_map(watch).collect();
        ShiftWatch { sums: vec![0.0; watched.len()], watched, readings: 0 }
    }

    /// Adds a reading unless it is labelled an anomaly.
    pub fn add(&mut self, values: &[f64], is_anomaly: Option<bool>) {
        if is_anomaly == Some(true) {
            return;
        }
        self.readings += 1;
        for (sum, (index, ..)) in self.sums.iter_mut().zip(&self.watched) {
            *sum += values[*index];
        }
    }

    /// The number of readings added.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// The features whose shift is both relevant and significant.
    pub fn shifts(&self) -> impl Iterator<Item = Shift> + '_ {
        let n = self.readings as f64;
        let min = MIN_SHIFT.max(MIN_STANDARD_ERRORS / n.sqrt());
        self.watched
            .iter()
            .zip(&self.sums)
            .map(move |((_, name, training), sum)| Shift { name: name.clone(), mean: sum / n, training: *training })
            .filter(move |shift| shift.in_standard_deviations().abs() >= min)
    }
}

impl Shift {
    /// The distance from the training mean in training standard deviations; positive = above.
    pub fn in_standard_deviations(&self) -> f64 {
        (self.mean - self.training.mean) / self.training.std
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shift { name, mean, training } = self;
        // Enough decimals for a tenth of a standard deviation.
        let decimals = (1.0 - training.std.log10().floor()).clamp(0.0, 12.0) as usize;
        let shift = self.in_standard_deviations();
        let side = if shift > 0.0 { "above" } else { "below" };
        write!(
            f,
            "{name} averages {mean:.decimals$}, {:.1} standard deviations {side} the training mean {:.decimals$}; expect \
             more false alarms",
            shift.abs(),
            training.mean
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn watch() -> ShiftWatch {
        let model = ModelInfo {
            features: FeatureSet::from_names(["b", "a", "unknown"]).unwrap(),
            training: vec![Some(Moments { mean: 60.0, std: 10.0 }), Some(Moments { mean: 0.5, std: 0.1 }), None],
            version: String::new(),
        };
        ShiftWatch::new(&model, &FeatureSet::from_names(["a", "b", "unknown"]).unwrap())
    }

    #[test]
    fn a_shifted_feature_is_reported_with_its_distance() {
        let mut watch = watch();
        for i in 0..100 {
            // a: 0.55 and 0.65 in turn, mean 0.6, (0.6 − 0.5) / 0.1 = 1 above; b: mean 61, 0.1 above, too little.
            watch.add(&[0.55 + 0.1 * f64::from(i % 2), 61.0, 7.0], Some(false));
            watch.add(&[9.0, 9.0, 9.0], Some(true));
        }
        let lines: Vec<String> = watch.shifts().map(|shift| shift.to_string()).collect();
        let expected =
            "a averages 0.60, 1.0 standard deviations above the training mean 0.50; expect more false alarms";
        assert_eq!(lines, [expected]);
        assert_eq!(watch.readings(), 100);
    }

    #[test]
    fn unlabelled_readings_count_and_shifts_may_be_negative() {
        let mut watch = watch();
        // (40 − 60) / 10 = −2; 64 readings: significant above 4 / √64 = 0.5.
        (0..64).for_each(|_| watch.add(&[0.5, 40.0, 7.0], None));
        let lines: Vec<String> = watch.shifts().map(|shift| shift.to_string()).collect();
        let expected = "b averages 40, 2.0 standard deviations below the training mean 60; expect more false alarms";
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn few_readings_are_not_significant() {
        let mut watch = watch();
        assert_eq!(watch.shifts().count(), 0);
        // A shift of one standard deviation; significant above 4 / √9 = 1.33.
        (0..9).for_each(|_| watch.add(&[0.6, 70.0, 7.0], None));
        assert_eq!(watch.shifts().count(), 0);
        // Significant above 4 / √25 = 0.8.
        (0..16).for_each(|_| watch.add(&[0.6, 70.0, 7.0], None));
        assert_eq!(watch.shifts().count(), 2);
    }
}
