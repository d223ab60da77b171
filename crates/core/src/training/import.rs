//! Calibrating a forest that was fitted elsewhere.

use super::{TrainingError, TrainingParams, enough, fitted};
use crate::dataset::Dataset;
use crate::detector::{Calibration, Detector, DetectorKind};
use crate::explain::Expectation;
use crate::model::{Model, ModelParts};

/// Calibrates an imported forest by the normal readings of `dataset`, which has the model's features: the model then knows
/// surprisals and expected values, and raises alarms as `params` say. Scores and threshold stay as they are.
///
/// Such a forest cannot be refitted block by block, so its surprisals come from its scores of these very readings. If it
/// was fitted to the same readings, it is less surprised by them than by others, and false alarms are more frequent than
/// expected: use normal readings that it has not seen.
///
/// # Errors
/// [`TrainingError::NotImported`] for a model that was trained here, [`TrainingError::TooFew`],
/// [`TrainingError::Alarm`] or [`TrainingError::Monitor`].
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
    let scaler = model.scaler().clone();
    // A forest that came without a scaler has readings of any spread, which expected values are not made for.
    let expectation = Expectation::fit(normal.readings(), &scaler)
        .filter(|expectation| expectation.check(normal.features().len()).is_ok());
    let detector = Detector::forest(scaler, model.forest().clone(), Some(calibration));
    let golden = model.golden().calibrated(&detector);
    Ok(Model::new(ModelParts { detector, monitor, expectation, golden, ..model.parts().clone() })?)
}
