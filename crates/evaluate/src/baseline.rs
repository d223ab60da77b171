//! The baselines, from score to alarm on the path of the model: their scores of held-out normal readings turn a score
//! into a surprisal and set the threshold of the alarm.

use crate::recording::Recording;
use crate::replay::Verdict;
use anyhow::Context;
use jiff::Timestamp;
use std::num::NonZeroUsize;
use turbine_core::baseline::{Mahalanobis, PrincipalComponents};
use turbine_core::detector::Calibration;
use turbine_core::forest::{Forest, ForestParams};
use turbine_core::monitor::{AlarmError, AlarmRule, AlarmTarget, Monitor, MonitorSettings, TurbineState};
use turbine_core::scaler::StandardScaler;

/// Contiguous blocks of the normal readings, each held out once, as in the training of a model.
const BLOCKS: usize = 4;

/// A baseline that is fitted to normal readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The classic isolation forest of the default model: 100 trees of 256 readings, seed 42.
    Forest,
    /// The Mahalanobis distance.
    Mahalanobis,
    /// Hotelling's T² plus the residual Q of principal components.
    PrincipalComponents,
}

/// A baseline that was fitted, calibrated, and given an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedBaseline {
    scorer: Scorer,
    calibration: Calibration,
    monitor: Monitor,
    /// Why it has no alarm.
    pub no_alarm: Option<AlarmError>,
}

#[derive(Debug, Clone, PartialEq)]
enum Scorer {
    Forest(StandardScaler, Forest),
    Mahalanobis(Mahalanobis),
    PrincipalComponents(PrincipalComponents),
}

impl Baseline {
    /// All of them, in the order of the table.
    pub const ALL: [Baseline; 3] = [Baseline::Forest, Baseline::Mahalanobis, Baseline::PrincipalComponents];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Baseline::Forest => "forest alone",
            Baseline::Mahalanobis => "Mahalanobis",
            Baseline::PrincipalComponents => "PCA T²+Q",
        }
    }

    /// Fits it to normal readings. Smoothing and the typical interval are those of `settings`; the alarm aims at
    /// `target`.
    ///
    /// # Errors
    /// If no feature has spread, in all of the readings or in three of the four blocks.
    pub fn fit(
        self,
        normal: &Recording,
        settings: &MonitorSettings,
        target: AlarmTarget,
    ) -> anyhow::Result<FittedBaseline> {
        let n = normal.n_features;
        let readings: Vec<f64> = normal.turbines.iter().flat_map(|turbine| &turbine.readings).copied().collect();
        let held_out = self.hold_out(&readings, n)?;
        let calibration = Calibration::fit(&held_out);
        let span = settings.smoothing_span;
        let settings = MonitorSettings { alarm: None, longest_unchanged: Vec::new(), ..settings.clone() };
        let smoother = Monitor::new(settings.clone())?;
        let mut scores = &held_out[..];
        let mut smoothed = Vec::with_capacity(scores.len());
        for turbine in &normal.turbines {
            let (own, others) = scores.split_at(turbine.times.len());
            smoothed.extend(watch(&smoother, &calibration, own, &turbine.times).map(|verdict| verdict.score));
            scores = others;
        }
        let rule = AlarmRule::fit(&smoothed, target, span, settings.typical_interval);
        let (alarm, no_alarm) = match rule {
            Ok(rule) => (Some(rule), None),
            Err(error) => (None, Some(error)),
        };
        let monitor = Monitor::new(MonitorSettings { alarm, ..settings })?;
        Ok(FittedBaseline { scorer: self.scorer(&readings, n)?, calibration, monitor, no_alarm })
    }

    /// Scores each of four contiguous blocks by what is fitted to the other three.
    fn hold_out(self, readings: &[f64], n: usize) -> anyhow::Result<Vec<f64>> {
        let n_readings = readings.len() / n;
        let mut scores = Vec::with_capacity(n_readings);
        for block in 0..BLOCKS {
            let [start, end] = [block, block + 1].map(|block| (block * n_readings).div_ceil(BLOCKS) * n);
            let scorer = self.scorer(&[&readings[..start], &readings[end..]].concat(), n)?;
            scores.extend(scorer.scores(&readings[start..end], n));
        }
        Ok(scores)
    }

    fn scorer(self, readings: &[f64], n: usize) -> anyhow::Result<Scorer> {
        let fitted = || format!("{} cannot be fitted", self.name());
        Ok(match self {
            Baseline::Forest => {
                let scaler = StandardScaler::fit_where_spread(readings, n).with_context(fitted)?;
                let scaled = scaler.transform(readings);
                let forest = Forest::fit(&scaled, n, &ForestParams::default(), NonZeroUsize::MIN);
                Scorer::Forest(scaler, forest.with_context(fitted)?)
            }
            Baseline::Mahalanobis => Scorer::Mahalanobis(Mahalanobis::fit(readings, n).with_context(fitted)?),
            Baseline::PrincipalComponents => {
                Scorer::PrincipalComponents(PrincipalComponents::fit(readings, n).with_context(fitted)?)
            }
        })
    }
}

impl Scorer {
    fn scores(&self, readings: &[f64], n: usize) -> Vec<f64> {
        match self {
            Scorer::Forest(scaler, forest) => {
                let mut scores = vec![0.0; readings.len() / n];
                forest.score_batch(&scaler.transform(readings), &mut scores);
                scores
            }
            Scorer::Mahalanobis(fitted) => readings.chunks_exact(n).map(|reading| fitted.score(reading)).collect(),
            Scorer::PrincipalComponents(fitted) => {
                readings.chunks_exact(n).map(|reading| fitted.score(reading)).collect()
            }
        }
    }
}

impl FittedBaseline {
    /// Replays every turbine of a recording, ranked by the smoothed surprisal.
    pub fn replay(&self, recording: &Recording) -> Vec<Vec<Verdict>> {
        let replayed = recording.turbines.iter().map(|turbine| {
            let scores = self.scorer.scores(&turbine.readings, recording.n_features);
            watch(&self.monitor, &self.calibration, &scores, &turbine.times).collect()
        });
        replayed.collect()
    }

    /// When its alarm is raised and cleared, if it has one.
    pub fn alarm(&self) -> Option<AlarmRule> {
        self.monitor.settings().alarm
    }
}

/// Scores of one turbine's readings, each as a surprisal that is smoothed and held against the alarm's threshold.
fn watch<'a>(
    monitor: &'a Monitor,
    calibration: &'a Calibration,
    scores: &'a [f64],
    times: &'a [Timestamp],
) -> impl Iterator<Item = Verdict> + 'a {
    let mut state = TurbineState::default();
    scores.iter().zip(times).map(move |(&score, &time)| {
        let surprisal = calibration.surprisal(score);
        let arrival = monitor.arrive(&mut state, time, &[], &mut []);
        let step = monitor.settle(&mut state, arrival, Some(surprisal));
        Verdict { score: step.smoothed_surprisal.unwrap_or(surprisal), in_alarm: step.in_alarm }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::recording::Turbine;
    use turbine_core::dataset::Dataset;
    use turbine_core::feature::FeatureSet;
    use turbine_core::training::{TrainingParams, train};

    /// Two sensors that move together with some noise, every ten minutes, with a fault at the end.
    fn recording(n: usize, fault_from: usize) -> Recording {
        let noise = |i: usize| ((i * 7_919) % 1_009) as f64 / 1_009.0;
        let reading = |i: usize| {
            let wave = (i as f64 / 20.0).sin();
            [wave + 0.2 * noise(i), if i < fault_from { wave + 0.2 * noise(3 * i) } else { -2.0 - wave }]
        };
        let turbine = Turbine {
            times: (0..n).map(|i| Timestamp::from_second(600 * i as i64).unwrap()).collect(),
            readings: (0..n).flat_map(reading).collect(),
            labels: (0..n).map(|i| i >= fault_from).collect(),
            rows: (0..n).collect(),
            ..Turbine::default()
        };
        Recording { n_features: 2, turbines: vec![turbine], left_out: Default::default(), out_of_order: 0 }
    }

    #[test]
    fn the_forest_is_judged_as_a_model_of_the_forest_alone() {
        let (normal, stream) = (recording(800, 800), recording(400, 300));
        let turbine = &normal.turbines[0];
        let features = FeatureSet::from_names(["a", "b"]).unwrap();
        let dataset = Dataset::new(features, turbine.readings.clone(), None).with_times(turbine.times.clone());
        let params = TrainingParams { alarm: AlarmTarget::default(), ..TrainingParams::default() };
        let model = train(&dataset, &params).unwrap().model;

        let settings = model.monitor().settings();
        let baseline = Baseline::Forest.fit(&normal, settings, AlarmTarget::default()).unwrap();
        assert_eq!(baseline.alarm(), settings.alarm);
        let judged = model.judge(&stream.turbines[0].readings, &stream.turbines[0].times);
        let verdicts = judged
            .iter()
            .map(|judged| Verdict { score: judged.smoothed_surprisal.unwrap(), in_alarm: judged.in_alarm })
            .collect::<Vec<_>>();
        assert_eq!(baseline.replay(&stream), [verdicts]);
    }

    #[test]
    fn what_leaves_the_line_is_found_by_each() {
        let settings = MonitorSettings { typical_interval: Some(600.0), ..MonitorSettings::unknown() };
        for baseline in Baseline::ALL {
            let fitted = baseline.fit(&recording(800, 800), &settings, AlarmTarget::default()).unwrap();
            let [verdicts] = &fitted.replay(&recording(400, 300))[..] else { panic!("one turbine") };
            let in_alarm = verdicts[300..].iter().filter(|verdict| verdict.in_alarm).count();
            assert!(in_alarm > 90, "{}: {in_alarm} of 100", baseline.name());
        }
    }

    #[test]
    fn training_on_two_turbines_is_training_on_one_with_a_gap() {
        let settings = MonitorSettings { typical_interval: Some(600.0), ..MonitorSettings::unknown() };
        let mut one = recording(800, 800);
        let gap = jiff::SignedDuration::from_hours(24);
        one.turbines[0].times[300..].iter_mut().for_each(|time| *time += gap);
        let mut two = one.clone();
        let first = &mut two.turbines[0];
        let second = Turbine {
            times: first.times.split_off(300),
            readings: first.readings.split_off(600),
            labels: first.labels.split_off(300),
            rows: first.rows.split_off(300),
            name: "second".to_owned(),
        };
        two.turbines.push(second);
        let fit = |normal| Baseline::Mahalanobis.fit(normal, &settings, AlarmTarget::default()).unwrap();
        assert_eq!(fit(&two), fit(&one));
    }

    #[test]
    fn a_rate_that_cannot_be_set_leaves_the_ranking() {
        let unknown = MonitorSettings::unknown();
        let fitted =
            Baseline::Mahalanobis.fit(&recording(800, 800), &unknown, AlarmTarget::FalseAlarmsPerDay(0.5)).unwrap();
        assert_eq!((fitted.alarm(), fitted.no_alarm), (None, Some(AlarmError::NoInterval)));
        assert!(fitted.replay(&recording(400, 300))[0][399].score > 1.0);
    }
}
