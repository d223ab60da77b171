//! Detects a shift of the normal readings from the training data.

use crate::model_info::{ModelInfo, Moments};
use std::fmt;
use turbine_core::feature::FeatureSet;

/// Minimum shift to report, in standard deviations.
const MIN_SHIFT: f64 = 0.25;
/// Minimum shift to report, in standard errors of the mean: few readings may show less by chance.
const MIN_STANDARD_ERRORS: f64 = 4.0;
/// Features that a note names; the others are counted.
const NAMED_SHIFTS: usize = 3;

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

    /// One line that names the features with the largest shifts; `None` if there are no shifts.
    pub fn note(&self) -> Option<String> {
        let mut shifts: Vec<Shift> = self.shifts().collect();
        shifts.sort_by(|a, b| b.in_standard_deviations().abs().total_cmp(&a.in_standard_deviations().abs()));
        let named: Vec<String> = shifts.iter().take(NAMED_SHIFTS).map(Shift::to_string).collect();
        let others = match shifts.len() - named.len() {
            0 => String::new(),
            1 => "; 1 other feature is shifted too".to_owned(),
            others => format!("; {others} other features are shifted too"),
        };
        (!named.is_empty()).then(|| format!("{}{others}; expect more false alarms", named.join("; ")))
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
            "{name} averages {mean:.decimals$}, {:.1} standard deviations {side} the training mean {:.decimals$}",
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
        let expected =
            "a averages 0.60, 1.0 standard deviations above the training mean 0.50; expect more false alarms";
        assert_eq!(watch.note().as_deref(), Some(expected));
        assert_eq!(watch.readings(), 100);
    }

    #[test]
    fn unlabelled_readings_count_and_shifts_may_be_negative() {
        let mut watch = watch();
        // (40 − 60) / 10 = −2; 64 readings: significant above 4 / √64 = 0.5.
        (0..64).for_each(|_| watch.add(&[0.5, 40.0, 7.0], None));
        let expected = "b averages 40, 2.0 standard deviations below the training mean 60; expect more false alarms";
        assert_eq!(watch.note().as_deref(), Some(expected));
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

    #[test]
    fn many_shifts_make_one_line_with_the_largest_first() {
        let names: Vec<String> = (0..6).map(|i| format!("s{i}")).collect();
        let features = FeatureSet::from_names(names).unwrap();
        let training = vec![Some(Moments { mean: 0.0, std: 1.0 }); 6];
        let model = ModelInfo { features: features.clone(), training, version: String::new() };
        let note = |values: [f64; 6]| {
            let mut watch = ShiftWatch::new(&model, &features);
            (0..100).for_each(|_| watch.add(&values, None));
            watch.note().unwrap_or_default()
        };
        let far = |name: &str, mean: &str, far: &str, side: &str| {
            format!("{name} averages {mean}, {far} standard deviations {side} the training mean 0.0")
        };
        let two = [far("s5", "-2.0", "2.0", "below"), far("s0", "1.0", "1.0", "above")].join("; ");
        assert_eq!(note([1.0, 0.0, 0.0, 0.0, 0.0, -2.0]), two.clone() + "; expect more false alarms");
        let three = far("s3", "3.0", "3.0", "above") + "; " + &two;
        let four = "; 1 other feature is shifted too; expect more false alarms";
        assert_eq!(note([1.0, 0.5, 0.0, 3.0, 0.0, -2.0]), three.clone() + four);
        let six = "; 3 other features are shifted too; expect more false alarms";
        assert_eq!(note([1.0, 0.5, 0.5, 3.0, 0.5, -2.0]), three + six);
        assert_eq!(note([0.0; 6]), "");
    }
}
