//! A reading judged in time: the one place where detector and monitor come together.

use super::Model;
use crate::detector::Part;
use crate::explain::{Contribution, Scene};
use crate::feature::MAX_FEATURES;
use crate::monitor::{AlarmChange, Step, TurbineState};
use crate::prediction::Prediction;
use crate::sensors::Gaps;
use jiff::Timestamp;

/// A reading that is to be judged in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// When it was taken.
    pub timestamp: Timestamp,
    /// One value a feature, in the features' units.
    pub values: &'a [f64],
    /// The values that were not measured.
    pub gaps: Gaps,
    /// The forest's score of them: see [`Model::forest_scores`].
    pub forest_score: f64,
}

/// What a model makes of a reading in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Higher = more anomalous.
    pub anomaly_score: f64,
    /// Whether the score is above the model's threshold.
    pub is_anomaly: bool,
    /// How rare such a reading is in normal running, in decades: 3 = one in a thousand. `None` if the model is not
    /// calibrated.
    pub surprisal: Option<f64>,
    /// Which part of the detector gave it.
    pub part: Part,
    /// The turbine's smoothed surprisal after the reading, in decades. `None` if the model is not calibrated.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm is on after the reading.
    pub in_alarm: bool,
    /// What the reading changed.
    pub step: Step,
}

impl Judgement {
    /// The verdict on the reading.
    pub fn prediction(&self) -> Prediction {
        Prediction { anomaly_score: self.anomaly_score, is_anomaly: self.is_anomaly }
    }

    /// What became of the turbine's alarm.
    pub fn alarm(&self) -> Option<AlarmChange> {
        self.step.alarm
    }
}

impl Model {
    /// The forest's scores of `readings` (row-major, n_readings × n_features), each in (0, 1]: the part of scoring that
    /// depends on nothing but the reading and so can be done for many at once.
    ///
    /// # Panics
    /// If there is not one place in `scores` a reading.
    pub fn forest_scores(&self, readings: &[f64], scores: &mut [f64]) {
        self.detector().forest_scores(readings, scores);
    }

    /// Judges a reading of the turbine whose state this is, and steps the state if the reading is newer than all before.
    ///
    /// # Panics
    /// If the reading does not have one value a feature.
    pub fn step(&self, state: &mut TurbineState, observation: &Observation<'_>) -> Judgement {
        let mut smoothed = [0.0; MAX_FEATURES];
        self.step_into(state, observation, &mut smoothed[..observation.values.len()])
    }

    /// The same; gives the turbine's smoothed values with the reading as well, one a feature.
    ///
    /// # Panics
    /// If the reading or `smoothed` does not have one value a feature.
    pub fn step_into(
        &self,
        state: &mut TurbineState,
        observation: &Observation<'_>,
        smoothed: &mut [f64],
    ) -> Judgement {
        let Observation { timestamp, values, gaps, forest_score } = *observation;
        let arrival = self.monitor().arrive_with_gaps(state, timestamp, values, gaps, smoothed);
        let detection = self.detector().detect(forest_score, smoothed);
        let step = self.monitor().settle(state, arrival, detection.surprisal);
        Judgement {
            anomaly_score: detection.anomaly_score,
            is_anomaly: detection.anomaly_score > self.threshold(),
            surprisal: detection.surprisal,
            part: detection.part,
            smoothed_surprisal: step.smoothed_surprisal,
            in_alarm: step.in_alarm,
            step,
        }
    }

    /// Judges a recording of one turbine from its beginning, reading by reading as [`Model::step`] does.
    ///
    /// # Panics
    /// If there is not one time a reading (row-major, n_readings × n_features).
    pub fn judge(&self, readings: &[f64], times: &[Timestamp]) -> Vec<Judgement> {
        let mut scores = vec![0.0; times.len()];
        self.forest_scores(readings, &mut scores);
        let mut state = TurbineState::default();
        let rows = readings.chunks_exact(self.features().len()).zip(times).zip(scores);
        rows.map(|((values, &timestamp), forest_score)| {
            self.step(&mut state, &Observation { timestamp, values, gaps: Gaps::default(), forest_score })
        })
        .collect()
    }

    /// Why a reading is as surprising as it is: its sensors by their share, largest first. `before` is the state that
    /// the reading found. `None` if the model cannot say.
    pub fn explain_reading(
        &self,
        before: &TurbineState,
        timestamp: Timestamp,
        values: &[f64],
    ) -> Option<Vec<Contribution>> {
        let mut smoothed = vec![0.0; values.len()];
        let _ = self.monitor().arrive(&mut before.clone(), timestamp, values, &mut smoothed);
        self.explain(Scene { values, smoothed: &smoothed })
    }

    /// Why a turbine is in alarm: its sensors' smoothed values by their share, largest first. `None` before the first
    /// reading, or if the model cannot say.
    pub fn explain_turbine(&self, state: &TurbineState) -> Option<Vec<Contribution>> {
        self.explain_smoothed(&state.smoothed().collect::<Vec<f64>>())
    }

    /// Why a turbine with these smoothed values is as surprising as it is: its sensors by their share, largest first.
    /// `None` if there is not one value a feature, or if the model cannot say.
    pub fn explain_smoothed(&self, smoothed: &[f64]) -> Option<Vec<Contribution>> {
        let fits = smoothed.len() == self.features().len();
        fits.then(|| self.explain(Scene { values: smoothed, smoothed })).flatten()
    }

    /// The sensors of a scene by their share of its surprisal, largest first. `None` if the model is not calibrated or
    /// does not know what to expect.
    pub fn explain(&self, scene: Scene<'_>) -> Option<Vec<Contribution>> {
        let detector = self.detector();
        let expectation = self.parts.expectation.as_ref().filter(|_| detector.is_calibrated())?;
        let surprisal = |Scene { values, smoothed }: Scene<'_>| {
            detector.detect(detector.forest_score(values), smoothed).surprisal.unwrap_or_default()
        };
        Some(expectation.explain(scene, self.spread(), surprisal))
    }

    /// The residual standard deviation of each sensor given the others, in its unit. `None` if the model does not know
    /// what to expect.
    pub fn residual_std(&self) -> Option<Vec<f64>> {
        Some(self.parts.expectation.as_ref()?.residual_std(self.spread()))
    }
}
