#![allow(clippy::unwrap_used)]

use super::*;
use crate::feature::FeatureSet;
use crate::model::Observation;
use crate::monitor::TurbineState;
use crate::simulation::{Profile, Simulator, TRAINING_READINGS, training_set};

fn default_training() -> Trained {
    train(&training_set(TRAINING_READINGS, 0.05, 42), &TrainingParams::default()).unwrap()
}

#[test]
fn the_default_training_is_as_good_as_promised() {
    let trained = default_training();
    let test = trained.evaluation.unwrap().test;
    assert!(test.f1.unwrap() >= 0.96, "{test:?}");
    assert!(test.roc_auc.unwrap() >= 0.999, "{test:?}");
    assert!(trained.model.training().interop_difference.unwrap() <= 1e-12);
    // 9,800 · 0.7 = 6,860, of which 5 % = 343 are flagged by the threshold.
    assert_eq!(trained.model.training().rows, 6_860);
    let train = trained.evaluation.unwrap().train.confusion;
    assert_eq!(train.true_positives + train.false_positives, 343);
}

#[test]
fn one_seed_one_model_whatever_the_threads() {
    let dataset = training_set(1_000, 0.05, 1);
    let model = |seed, threads| {
        let mut params = TrainingParams { threads: NonZeroUsize::new(threads).unwrap(), ..TrainingParams::default() };
        params.forest.seed = seed;
        train(&dataset, &params).unwrap().model.to_json()
    };
    let one = model(42, 1);
    assert_eq!(one, model(42, 1));
    assert_eq!(one, model(42, 3));
    assert_ne!(one, model(43, 1));
}

#[test]
fn the_threshold_can_be_the_f1_best_of_the_validation_readings() {
    let dataset = training_set(2_000, 0.05, 7);
    let params = TrainingParams { threshold: ThresholdMethod::BestF1, contamination: 0.4, ..TrainingParams::default() };
    let best = train(&dataset, &params).unwrap();
    let val = best.evaluation.unwrap().val;
    // Contamination 0.4 would flag eight times as many readings as there are anomalies.
    assert!(val.f1.unwrap() > 0.95, "{val:?}");
    let unlabelled = Dataset::new(dataset.features().clone(), dataset.readings().to_vec(), None);
    assert!(matches!(train(&unlabelled, &params), Err(TrainingError::NoLabels)));
}

#[test]
fn without_labels_it_trains_and_claims_nothing() {
    let labelled = training_set(1_000, 0.05, 1);
    let dataset = Dataset::new(labelled.features().clone(), labelled.readings().to_vec(), None);
    let trained = train(&dataset, &TrainingParams::default()).unwrap();
    assert_eq!((trained.evaluation, trained.model.training().evaluation), (None, None));
    assert_eq!(trained.model.training().rows, 700);
}

/// The last tenth is labelled a fault.
fn recording() -> Dataset {
    recording_with(1_800..2_000)
}

/// Ten-minute readings of two sensors that move together and one that stands still. In the fault the second is off.
fn recording_with(fault: std::ops::Range<i64>) -> Dataset {
    let fault = |i: i64| fault.contains(&i);
    let reading = |i: i64| {
        let load = (i as f64 / 30.0).sin() * 5.0 + ((i * 7_919) % 1_009) as f64 / 500.0;
        [load, 2.0 * load + ((i * 31) % 101) as f64 / 100.0 + if fault(i) { 6.0 } else { 0.0 }, 4.0]
    };
    let times = (0..2_000).map(|i| jiff::Timestamp::from_second(i * 600).unwrap()).collect();
    let features = FeatureSet::from_names(["load", "heat", "still"]).unwrap();
    let labels = (0..2_000).map(fault).collect();
    Dataset::new(features, (0..2_000).flat_map(reading).collect(), Some(labels)).with_times(times)
}

fn forest_and_neighbours() -> TrainingParams {
    TrainingParams { interval: Some(SIMULATED_INTERVAL), ..TrainingParams::recorded() }
}

#[test]
fn a_recording_is_cut_in_time_and_all_its_normal_readings_are_learnt() {
    let dataset = recording();
    let trained = train(&dataset, &forest_and_neighbours()).unwrap();
    let model = &trained.model;
    let of = |part: &Dataset| (part.times().unwrap()[0].as_second() / 600, part.len());
    let Splits { train: first, val, test } = &trained.splits;
    assert_eq!([of(first), of(val), of(test)], [(0, 1_400), (1_400, 200), (1_600, 400)]);
    assert_eq!(model.training().rows, 1_800);
    assert_eq!(model.monitor().settings().typical_interval, Some(600.0));
    assert_eq!(model.detector().forest_calibration().unwrap().held_out(), 1_800);
    // The constant sensor is left out by all that is fitted; it stood still for all of 1,800 readings.
    assert_eq!(model.scaler().std()[2], 1.0);
    assert_eq!(model.monitor().settings().longest_unchanged[2], 1_800);
    // What was measured is another model than what is kept.
    assert_ne!(trained.threshold, model.threshold());
    let evaluation = trained.evaluation.unwrap();
    assert_eq!(model.training().evaluation, trained.evaluation);
    assert!(evaluation.test.roc_auc.unwrap() > 0.99, "{evaluation:?}");
    assert_eq!(evaluation.val.roc_auc, None);
    // The alarm is off before the fault and on in it.
    let judgements = model.judge(dataset.readings(), dataset.times().unwrap());
    assert!(judgements[1_850..].iter().all(|judgement| judgement.in_alarm));
    let in_alarm = judgements[..1_800].iter().filter(|judgement| judgement.in_alarm).count();
    // 2 %, as balanced alarms are on recorded data.
    assert!(in_alarm < 36, "{in_alarm} normal readings in alarm");
    let mut state = TurbineState::default();
    for (row, &timestamp) in dataset.readings().chunks_exact(3).zip(dataset.times().unwrap()) {
        let forest_score = model.detector().forest_score(row);
        model.step(&mut state, &Observation { timestamp, values: row, gaps: Default::default(), forest_score });
    }
    assert!(model.explain_turbine(&state).unwrap()[0].feature < 2);
}

#[test]
fn faults_and_order_do_not_change_what_is_learnt() {
    let dataset = recording();
    let learnt = |dataset: &Dataset| {
        let model = train(dataset, &forest_and_neighbours()).unwrap().model;
        (model.detector().clone(), model.monitor().clone(), model.threshold())
    };
    let backwards: Vec<usize> = (0..dataset.len()).rev().collect();
    assert_eq!(learnt(&dataset), learnt(&dataset.select(&backwards)));
    // Also not by the model that is measured, where the fault lies in its part.
    let dataset = recording_with(500..700);
    let mut readings = dataset.readings().to_vec();
    readings[500 * 3..700 * 3].fill(99.0);
    let otherwise = Dataset::new(dataset.features().clone(), readings, dataset.labels().map(<[bool]>::to_vec))
        .with_times(dataset.times().unwrap().to_vec());
    assert_eq!(learnt(&dataset), learnt(&otherwise));
    let measured = |dataset: &Dataset| {
        let trained = train(dataset, &forest_and_neighbours()).unwrap();
        (trained.threshold, trained.scores.val, trained.scores.test)
    };
    assert_eq!(measured(&dataset), measured(&otherwise));
}

#[test]
fn turbines_of_a_fleet_are_followed_each_by_itself() {
    let one = recording();
    // Two turbines that measure the same, their rows in turn.
    let twice: Vec<usize> = (0..one.len()).flat_map(|i| [i, i]).collect();
    let fleet = one.select(&twice).with_turbines((0..twice.len()).map(|i| i % 2).collect());
    let (n, smoothed) = (one.features().len(), fitted::smoothed(&fleet));
    for (i, row) in fitted::smoothed(&one).chunks_exact(n).enumerate() {
        assert_eq!((&smoothed[2 * i * n..][..n], &smoothed[(2 * i + 1) * n..][..n]), (row, row));
    }
    let settings = |dataset: &Dataset| {
        let model = train(dataset, &forest_and_neighbours()).unwrap().model;
        let settings = model.monitor().settings();
        (settings.typical_interval, settings.longest_unchanged.clone())
    };
    assert_eq!(settings(&fleet), settings(&one));
}

#[test]
fn one_recording_one_model_whatever_the_threads() {
    let model = |threads| {
        let threads = NonZeroUsize::new(threads).unwrap();
        train(&recording(), &TrainingParams { threads, ..forest_and_neighbours() }).unwrap().model.to_json()
    };
    assert_eq!(model(1), model(3));
}

#[test]
fn the_simulated_turbine_is_calibrated_by_its_normal_readings() {
    let trained = default_training();
    let (model, train) = (&trained.model, &trained.splits.train);
    let normal = train.labels().unwrap().iter().filter(|label| !**label).count() as u64;
    assert_eq!(model.detector().forest_calibration().unwrap().held_out(), normal);
    let settings = model.monitor().settings();
    assert_eq!((settings.typical_interval, settings.smoothing_span), (Some(0.5), 5));
    assert!(settings.alarm.unwrap().expected_per_day.is_some());
    // Of fresh normal readings one in ten has a surprisal above 1, one in a hundred above 2.
    let fresh: Vec<f64> =
        Simulator::new(Profile::Training, 0.0, 3).unwrap().take(20_000).flat_map(|one| one.values).collect();
    let mut scores = vec![0.0; 20_000];
    model.forest_scores(&fresh, &mut scores);
    for (surprisal, share) in [(1.0, 0.1), (2.0, 0.01)] {
        let above =
            scores.iter().filter(|&&score| model.detector().detect(score, &[]).surprisal.unwrap() > surprisal).count();
        let found = above as f64 / 20_000.0;
        assert!(found > share / 2.0 && found < share * 2.0, "{found} above {surprisal}");
    }
}

#[test]
fn either_detector_is_right_for_the_simulated_turbine() {
    let dataset = training_set(TRAINING_READINGS, 0.05, 42);
    let test = train(&dataset, &forest_and_neighbours()).unwrap().evaluation.unwrap().test;
    assert!(test.roc_auc.unwrap() >= 0.999, "{test:?}");
}

/// One sensor of a normal reading is anomalous: it is named first.
#[test]
fn the_one_sensor_that_is_off_is_named() {
    let dataset = training_set(TRAINING_READINGS, 0.05, 42);
    for params in [TrainingParams::default(), forest_and_neighbours()] {
        let model = train(&dataset, &params).unwrap().model;
        let normal = Simulator::new(Profile::Training, 0.0, 5).unwrap();
        let anomalous = Simulator::new(Profile::Training, 1.0, 6).unwrap();
        let mut first = 0;
        for (i, (normal, anomalous)) in normal.zip(anomalous).take(1_000).enumerate() {
            let mut values = normal.values;
            values[i % 3] = anomalous.values[i % 3];
            let why = model.explain_reading(&TurbineState::default(), jiff::Timestamp::UNIX_EPOCH, &values).unwrap();
            first += usize::from(why[0].feature == i % 3);
        }
        println!("{}: {first} of 1,000", params.detector.name());
        assert!(first >= 990, "{}: {first}", params.detector.name());
    }
}

#[test]
fn what_a_detector_or_an_alarm_cannot_be_is_refused() {
    let refused = |params: TrainingParams| train(&recording(), &params).unwrap_err().to_string();
    let mut extended = forest_and_neighbours();
    extended.forest.extension_level = 2;
    assert!(refused(extended).contains("extension_level is 2; with neighbours the forest is classic: 0"));
    let rate = TrainingParams { alarm: AlarmTarget::FalseAlarmsPerDay(-1.0), ..forest_and_neighbours() };
    assert!(refused(rate).contains("false alarms per day is -1; it must be above 0"));
    let span = TrainingParams { smoothing_span: 0, ..forest_and_neighbours() };
    assert!(refused(span).contains("smoothing_span is 0; it must be 1 to 1000"));
    assert!(refused(TrainingParams::default()).contains("feature \"still\" has no usable spread"));
    // A heap of readings has no time between them, unless it is told.
    let heap = training_set(1_000, 0.05, 1);
    let untold =
        TrainingParams { interval: None, alarm: AlarmTarget::FalseAlarmsPerDay(1.0), ..TrainingParams::default() };
    assert!(train(&heap, &untold).unwrap_err().to_string().contains("name their column"));
    let faults = recording().select(&(1_790..2_000).collect::<Vec<_>>());
    assert!(matches!(train(&faults, &forest_and_neighbours()), Err(TrainingError::TooFew(10))));
}

#[test]
fn unusable_data_is_refused_by_name() {
    let refused = |dataset: &Dataset, params: &TrainingParams| train(dataset, params).unwrap_err().to_string();
    let params = TrainingParams::default();
    assert_eq!(
        refused(&training_set(49, 0.1, 1), &params),
        "49 usable readings are too few to train on; at least 50 are needed"
    );
    let features = FeatureSet::from_names(["speed", "stuck"]).unwrap();
    let values = (0..100).flat_map(|i| [f64::from(i), 7.0]).collect();
    let text = refused(&Dataset::new(features, values, None), &params);
    assert!(text.contains("feature \"stuck\" has no usable spread"), "{text}");
    let wrong = TrainingParams { contamination: 0.7, ..params };
    assert_eq!(refused(&training_set(100, 0.1, 1), &wrong), "contamination is 0.7; it must be above 0 and at most 0.5");
}

#[test]
fn from_one_feature_to_seventeen_and_every_extension() {
    for n in [1_usize, 2, 5, 16, 17] {
        let features = FeatureSet::from_names((0..n).map(|i| format!("f{i}"))).unwrap();
        let values = (0..200 * n).map(|i| ((i * 7919) % 1009) as f64).collect();
        let dataset = Dataset::new(features, values, None);
        for extension_level in [0, n - 1] {
            let forest = ForestParams { extension_level, n_estimators: 20, ..ForestParams::default() };
            let model = train(&dataset, &TrainingParams { forest, ..TrainingParams::default() }).unwrap().model;
            let difference = model.training().interop_difference;
            assert_eq!(difference.is_some(), n <= 16, "{n} features");
            assert!(difference.is_none_or(|difference| difference <= 1e-12), "{n} features: {difference:?}");
        }
    }
}

#[test]
fn only_rounding_passes_for_agreement() {
    assert!(accept(0.0).is_ok() && accept(1e-9).is_ok());
    for difference in [1.1e-9, f64::INFINITY, f64::NAN] {
        assert!(matches!(accept(difference), Err(TrainingError::Disagreement(_))), "{difference}");
    }
}
