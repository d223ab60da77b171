//! Fitting: scaler, forest, neighbours, calibration and monitor to one data set.

use super::{TrainingError, TrainingParams};
use crate::dataset::Dataset;
use crate::detector::{self, Detector, DetectorKind, FitError, FitParams, HeldOut, Rows, hold_out};
use crate::monitor::{AlarmRule, Monitor, MonitorSettings, TurbineState};
use crate::scaler::ScalerError;
use crate::threshold::{self, ThresholdMethod};
use jiff::Timestamp;
use std::borrow::Cow;

/// The part of a model that is fitted: enough to score, without proof or record. Learning curves fit many of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    pub(super) detector: Detector,
    /// The scores that a threshold by contamination is measured on.
    reference_scores: Vec<f64>,
    held_out: Option<HeldOut>,
}

impl Fitted {
    /// Fits to `dataset`, as far as scoring needs; without the readings labelled as faults where `params` or times say so.
    ///
    /// # Errors
    /// [`TrainingError::Constant`], [`TrainingError::Forest`], [`TrainingError::ExtensionLevel`], or
    /// [`TrainingError::TooFew`] without two readings.
    pub fn fit(dataset: &Dataset, params: &TrainingParams) -> Result<Self, TrainingError> {
        Self::fit_with(dataset, params, params.detector == DetectorKind::ForestAndNeighbours)
    }

    /// The same, with surprisals in any case.
    pub(super) fn fit_calibrated(dataset: &Dataset, params: &TrainingParams) -> Result<Self, TrainingError> {
        Self::fit_with(dataset, params, true)
    }

    fn fit_with(dataset: &Dataset, params: &TrainingParams, calibrated: bool) -> Result<Self, TrainingError> {
        if params.detector == DetectorKind::ForestAndNeighbours && params.forest.extension_level != 0 {
            return Err(TrainingError::ExtensionLevel(params.forest.extension_level));
        }
        let dataset = &*rows_to_fit(dataset, params);
        if dataset.len() < 2 {
            return Err(TrainingError::TooFew(dataset.len()));
        }
        let smoothed = smoothed(dataset);
        let rows = Rows { readings: dataset.readings(), smoothed: &smoothed, n_features: dataset.features().len() };
        let fit = FitParams { kind: params.detector, forest: &params.forest, threads: params.threads };
        let named = |error| match error {
            FitError::Spread(ScalerError::Spread { feature, std }) => {
                TrainingError::Constant { name: dataset.features()[feature].name.clone(), std }
            }
            FitError::Forest(error) => error.into(),
        };
        let held_out = if calibrated {
            let normal: Vec<bool> = dataset
                .labels()
                .map_or(vec![true; dataset.len()], |labels| labels.iter().map(|label| !label).collect());
            let held_out = hold_out(rows, fit).map_err(named)?.select(&normal);
            if held_out.forest_scores.is_empty() {
                return Err(TrainingError::TooFew(0));
            }
            Some(held_out)
        } else {
            None
        };
        let detector = detector::fit(rows, fit, held_out.as_ref()).map_err(named)?;
        let reference_scores = match (&held_out, params.detector) {
            (Some(held_out), DetectorKind::ForestAndNeighbours) => held_out.anomaly_scores(&detector),
            _ => scores(&detector, dataset),
        };
        Ok(Fitted { detector, reference_scores, held_out })
    }

    /// The anomaly score of each reading of `dataset`, which has the features this was fitted to: in time if it has times,
    /// else each by itself.
    pub fn score(&self, dataset: &Dataset) -> Vec<f64> {
        scores(&self.detector, dataset)
    }

    /// Chooses the threshold as `params` say, given validation readings.
    ///
    /// # Errors
    /// [`TrainingError::Threshold`] or [`TrainingError::NoLabels`].
    pub fn threshold(&self, params: &TrainingParams, val: &Dataset) -> Result<f64, TrainingError> {
        Ok(match params.threshold {
            ThresholdMethod::Contamination => {
                threshold::by_contamination(&self.reference_scores, params.contamination)?
            }
            ThresholdMethod::Auto => threshold::AUTO_THRESHOLD,
            ThresholdMethod::BestF1 => {
                threshold::best_f1(&self.score(val), val.labels().ok_or(TrainingError::NoLabels)?)?
            }
        })
    }

    /// The share of the scores that a threshold by contamination is measured on which is above `threshold`.
    pub(super) fn expected_rate(&self, threshold: f64) -> f64 {
        share_above(&self.reference_scores, threshold)
    }

    /// The monitor of a model that was fitted, calibrated, to the normal readings of `dataset`.
    pub(super) fn monitor(&self, dataset: &Dataset, params: &TrainingParams) -> Result<Monitor, TrainingError> {
        let surprisals = self.held_out.as_ref().map(|held_out| held_out.surprisals(&self.detector));
        monitor(dataset, surprisals.as_deref(), params)
    }
}

/// The readings of `dataset` that a model is fitted to and calibrated by. Readings labelled as faults in a recording would
/// be learnt as normal.
pub(super) fn rows_to_fit<'a>(dataset: &'a Dataset, params: &TrainingParams) -> Cow<'a, Dataset> {
    let has_faults = dataset.labels().is_some_and(|labels| labels.contains(&true));
    if has_faults && (params.leave_out_faults || dataset.times().is_some()) {
        Cow::Owned(dataset.normal())
    } else {
        Cow::Borrowed(dataset)
    }
}

/// The monitor of a model, by the surprisals of the normal readings of `dataset`. Without surprisals it raises no alarm.
pub(super) fn monitor(
    dataset: &Dataset,
    surprisals: Option<&[f64]>,
    params: &TrainingParams,
) -> Result<Monitor, TrainingError> {
    let interval = if dataset.times().is_some() { typical_interval(dataset) } else { params.interval };
    // How long a value stays is not known of readings that are in no known order.
    let longest_unchanged = if interval.is_some() { longest_unchanged(dataset) } else { Vec::new() };
    let mut settings = MonitorSettings {
        smoothing_span: params.smoothing_span,
        typical_interval: interval,
        alarm: None,
        longest_unchanged,
    };
    let Some(surprisals) = surprisals else { return Ok(Monitor::new(settings)?) };
    let normal = dataset.normal();
    // Where there are no times, no reading comes after a gap.
    let typical_interval = interval.filter(|_| normal.times().is_some());
    let smoother = Monitor::new(MonitorSettings { typical_interval, ..settings.clone() })?;
    let smoothed = smoothed_surprisals(surprisals, &normal, &smoother);
    settings.alarm = Some(AlarmRule::fit(&smoothed, params.alarm, params.smoothing_span, interval)?);
    Ok(Monitor::new(settings)?)
}

/// The smoothed values of each reading; the readings themselves where they have no order.
pub(super) fn smoothed(dataset: &Dataset) -> Vec<f64> {
    let Some(times) = dataset.times() else { return dataset.readings().to_vec() };
    let settings = MonitorSettings { typical_interval: typical_interval(dataset), ..MonitorSettings::unknown() };
    let monitor = Monitor::new(settings).expect("differences of times make a usable interval");
    let n = dataset.features().len();
    let mut smoothed = vec![0.0; dataset.readings().len()];
    let mut states: Vec<TurbineState> = Vec::new();
    let rows = dataset.readings().chunks_exact(n).zip(smoothed.chunks_exact_mut(n)).zip(times);
    for (i, ((values, smoothed), &time)) in rows.enumerate() {
        let turbine = dataset.turbines().map_or(0, |turbines| turbines[i]);
        if turbine >= states.len() {
            states.resize_with(turbine + 1, TurbineState::default);
        }
        let _ = monitor.arrive(&mut states[turbine], time, values, smoothed);
    }
    smoothed
}

/// The share of scores that is above `threshold`; there is at least one score.
pub(super) fn share_above(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64
}

fn scores(detector: &Detector, dataset: &Dataset) -> Vec<f64> {
    let mut scores = vec![0.0; dataset.len()];
    detector.forest_scores(dataset.readings(), &mut scores);
    if detector.kind() == DetectorKind::ForestAndNeighbours {
        let smoothed = smoothed(dataset);
        for (score, smoothed) in scores.iter_mut().zip(smoothed.chunks_exact(dataset.features().len())) {
            *score = detector.detect(*score, smoothed).anomaly_score;
        }
    }
    scores
}

/// Surprisals of the readings of `dataset`, smoothed as the monitor would, turbine after turbine.
fn smoothed_surprisals(surprisals: &[f64], dataset: &Dataset, monitor: &Monitor) -> Vec<f64> {
    let time = |i: usize| match dataset.times() {
        Some(times) => times[i],
        None => Timestamp::from_nanosecond(i as i128).unwrap_or(Timestamp::MAX),
    };
    let of_turbine = |indices: Vec<usize>| {
        let mut state = TurbineState::default();
        let settled = move |i: usize| {
            let arrival = monitor.arrive(&mut state, time(i), &[], &mut []);
            monitor.settle(&mut state, arrival, Some(surprisals[i])).smoothed_surprisal.unwrap_or(surprisals[i])
        };
        indices.into_iter().map(settled)
    };
    dataset.by_turbine().into_iter().flat_map(of_turbine).collect()
}

/// The median time between readings of a turbine, in seconds; `None` without two different times.
fn typical_interval(dataset: &Dataset) -> Option<f64> {
    let times = dataset.times()?;
    let turbines = dataset.by_turbine();
    let pairs = turbines.iter().flat_map(|indices| indices.windows(2));
    let mut intervals: Vec<f64> = pairs
        .map(|pair| times[pair[1]].duration_since(times[pair[0]]).as_secs_f64())
        .filter(|&seconds| seconds > 0.0)
        .collect();
    let middle = intervals.len().saturating_sub(1) / 2;
    // The lower of the two in the middle, so that it is an interval that occurred.
    (!intervals.is_empty()).then(|| *intervals.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The most readings of a turbine one after the other with one value, feature by feature.
fn longest_unchanged(dataset: &Dataset) -> Vec<u32> {
    let (turbines, n) = (dataset.by_turbine(), dataset.features().len());
    let longest = |feature: usize| {
        let of_turbine = |indices: &Vec<usize>| {
            let column: Vec<f64> = indices.iter().map(|&i| dataset.readings()[i * n + feature]).collect();
            column.chunk_by(|a, b| a == b).map(|run| run.len() as u32).max().unwrap_or(0)
        };
        turbines.iter().map(of_turbine).max().unwrap_or(0)
    };
    (0..n).map(longest).collect()
}
