#![allow(clippy::unwrap_used)]

use super::*;
use crate::feature::FeatureSet;
use crate::simulation::{TRAINING_READINGS, training_set};

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
