//! Calibrating a forest that was fitted elsewhere.

use super::{TrainingError, TrainingParams, drift_reference, enough, fitted};
use crate::dataset::Dataset;
use crate::detector::{Calibration, Detector, DetectorKind};
use crate::explain::Expectation;
use crate::model::{FeatureSummary, Model, ModelParts, TrainingSummary};
use crate::scaler::{ScalerError, StandardScaler};

/// Calibrates an imported forest by the normal readings of `dataset`, which has the model's features: the model then knows
/// surprisals, expected values and what is normal for each feature, and raises alarms as `params` say. Scores and threshold
/// stay as they are.
///
/// Such a forest cannot be refitted block by block, so its surprisals come from its scores of these very readings. If it
/// was fitted to the same readings, it is less surprised by them than by others, and false alarms are more frequent than
/// expected: use normal readings that it has not seen.
///
/// # Errors
/// [`TrainingError::NotImported`] for a model that was trained here, [`TrainingError::TooFew`],
/// [`TrainingError::Constant`] if no feature varies, [`TrainingError::Alarm`] or [`TrainingError::Monitor`].
///
/// # Panics
/// If the features are not the model's.
pub fn calibrate(model: &Model, dataset: &Dataset, params: &TrainingParams) -> Result<Model, TrainingError> {
    assert_eq!(model.features(), dataset.features(), "the model's features");
    // Only scores from elsewhere are met with a tolerance.
    if model.detector().kind() != DetectorKind::Forest || model.golden().tolerance == 0.0 {
        return Err(TrainingError::NotImported);
    }
    let normal = dataset.normal_in_order_of_time();
    enough(&normal)?;
    let mut scores = vec![0.0; normal.len()];
    model.forest_scores(normal.readings(), &mut scores);
    let calibration = Calibration::fit(&scores);
    let surprisals: Vec<f64> = scores.iter().map(|&score| calibration.surprisal(score)).collect();
    let monitor = fitted::monitor(&normal, Some(&surprisals), params)?;
    let detector = Detector::forest(model.scaler().clone(), model.forest().clone(), Some(calibration));
    let golden = model.golden().calibrated(&detector);
    // The forest's scaler may say nothing of what is normal.
    let spread = StandardScaler::fit_where_spread(normal.readings(), normal.features().len()).map_err(
        |ScalerError::Spread { feature, std }| TrainingError::Constant {
            name: normal.features()[feature].name.clone(),
            std,
        },
    )?;
    let expectation = Expectation::fit(normal.readings(), &spread);
    let drift = Some(drift_reference(&normal, fitted::share_above(&scores, model.threshold())));
    let training = TrainingSummary {
        rows: normal.len() as u64,
        features: FeatureSummary::of(&normal, &spread),
        ..model.training().clone()
    };
    Ok(Model::new(ModelParts { detector, monitor, expectation, golden, drift, training, ..model.parts().clone() })?)
}
