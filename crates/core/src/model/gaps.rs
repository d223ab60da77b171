//! Values that a reading lacks, and values that no sensor is likely to have measured.

use super::{FeatureSummary, Model};
use crate::feature::Range;
use crate::monitor::TurbineState;
use crate::reading::Reading;
use crate::sensors::{Gaps, SensorSet};
use jiff::Timestamp;

/// A value is implausible when it lies so many training ranges outside the training range.
const IMPLAUSIBLE_BEYOND: f64 = 10.0;

impl Model {
    /// Fills what a reading lacks: the last value of its turbine, whose state this is, while that is young enough to be
    /// carried; else what is to be expected given the others, within what training saw. Without an expectation that is the
    /// training mean.
    ///
    /// # Panics
    /// If the reading was checked against other features.
    pub fn fill(&self, state: &TurbineState, timestamp: Timestamp, reading: &mut Reading) -> Gaps {
        let absent = reading.absent();
        if absent.is_empty() {
            return Gaps::default();
        }
        let values = reading.values_mut();
        let gaps = self.monitor().carry(state, timestamp, absent, values);
        if gaps.missing.is_empty() {
            return gaps;
        }
        let spread = self.spread();
        let is_filled =
            self.parts.expectation.as_ref().is_some_and(|expectation| expectation.fill(gaps.missing, values, spread));
        for place in gaps.missing.iter() {
            let value = &mut values[place];
            let seen = self.training().features[place].seen();
            if !(is_filled && value.is_finite()) {
                *value = spread.mean()[place];
            } else if let Some(Range { min, max }) = seen {
                *value = value.clamp(min, max);
            }
        }
        gaps
    }

    /// The features whose value lies more than ten training ranges outside the training range. A feature with a declared
    /// range is none of them: values outside that are rejected. Nor is one whose training range is not known.
    ///
    /// # Panics
    /// If there is not one value a feature.
    pub fn implausible(&self, values: impl ExactSizeIterator<Item = f64>) -> SensorSet {
        assert_eq!(values.len(), self.features().len(), "one value a feature");
        let features = self.features().iter().zip(&self.training().features);
        let places = features.zip(values).enumerate().filter(|(_, ((feature, summary), value))| {
            feature.range.is_none()
                && summary.seen().is_some_and(|Range { min, max }| {
                    let margin = IMPLAUSIBLE_BEYOND * (max - min);
                    margin > 0.0 && (*value < min - margin || *value > max + margin)
                })
        });
        places.map(|(place, _)| place).collect()
    }
}

impl FeatureSummary {
    /// The smallest and the largest value of training; `None` if they are not known.
    fn seen(&self) -> Option<Range> {
        let (&min, &max) = self.quantiles.first().zip(self.quantiles.last())?;
        Some(Range { min, max })
    }
}
