//! `GET /model/info`.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::Range;
use turbine_core::model::{Model, SplitEvaluations};
use turbine_core::threshold::ThresholdMethod;
use utoipa::ToSchema;

/// The model in service.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelInfo {
    /// Always `IsolationForest`.
    pub model_type: &'static str,
    /// What a reading consists of, in order.
    pub feature_names: Vec<String>,
    /// Share of the training readings that were to be flagged; null if the threshold does not depend on it.
    pub contamination: Option<f64>,
    /// Number of trees.
    pub n_estimators: usize,
    /// The training's seed; null if it had none.
    pub random_state: Option<u64>,
    /// Readings a tree.
    pub sample_size: usize,
    /// 0 = classic, n_features − 1 = fully extended.
    pub extension_level: usize,
    /// `forest` or `forest+neighbours`.
    #[schema(value_type = String)]
    pub detector: DetectorKind,
    /// What a score means to this detector.
    pub score_meaning: &'static str,
    /// Scores above it are anomalies.
    pub threshold: f64,
    /// How the threshold was chosen.
    #[schema(value_type = String)]
    pub threshold_method: ThresholdMethod,
    /// 12 hexadecimal digits that name the model.
    pub model_version: String,
    /// Readings the model was fitted to or, if the forest was fitted elsewhere, calibrated by; 0 if not known.
    pub training_rows: u64,
    /// Whether scores are calibrated to surprisals, in decades.
    pub calibrated: bool,
    /// Readings over which surprisals are smoothed.
    pub smoothing_span: u32,
    /// Seconds between readings of a turbine; null if not known: no turbine is then silent.
    pub typical_interval_seconds: Option<f64>,
    /// An alarm is raised when the smoothed surprisal exceeds this, in decades; null if no alarm is.
    pub alarm_threshold: Option<f64>,
    /// An alarm is cleared when the smoothed surprisal falls below this, in decades.
    pub alarm_clear_threshold: Option<f64>,
    /// False alarms to expect per turbine and day; null if the training does not tell.
    pub expected_false_alarms_per_day: Option<f64>,
    /// The features, with what was normal in training.
    pub features: Vec<FeatureInfo>,
    /// How well it did; null if the training had no labels.
    #[schema(schema_with = crate::schema::evaluation)]
    pub evaluation: Option<SplitEvaluations>,
}

/// One feature of the model.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeatureInfo {
    /// Key in a reading.
    pub name: String,
    /// Unit, empty if unknown.
    pub unit: String,
    /// What is accepted; null for every finite number.
    #[schema(schema_with = crate::schema::range)]
    pub range: Option<Range>,
    /// Mean in training, in the unit; null if not known.
    pub mean: Option<f64>,
    /// Standard deviation in training, in the unit; null if not known.
    pub std: Option<f64>,
}

/// Describes the model in service.
#[utoipa::path(
    get,
    path = "/model/info",
    responses((status = 200, body = ModelInfo, description = "The model."), AnyRefusal),
    tag = "operation"
)]
pub async fn model_info(State(app): State<Arc<App>>) -> Result<Json<ModelInfo>, ApiError> {
    Ok(Json(describe(&*app.pipeline.model()?)))
}

fn describe(model: &Model) -> ModelInfo {
    let (params, training, settings) = (model.params(), model.training(), model.monitor().settings());
    // Without training readings the summaries are placeholders.
    let known = |moment: f64| (training.rows > 0).then_some(moment);
    let feature =
        |(feature, summary): (&turbine_core::feature::Feature, &turbine_core::model::FeatureSummary)| FeatureInfo {
            name: feature.name.clone(),
            unit: feature.unit.clone(),
            range: feature.range,
            mean: known(summary.mean),
            std: known(summary.std),
        };
    ModelInfo {
        model_type: "IsolationForest",
        feature_names: model.features().names().map(str::to_owned).collect(),
        contamination: params.contamination,
        n_estimators: params.n_estimators,
        random_state: params.random_state,
        sample_size: params.sample_size,
        extension_level: params.extension_level,
        detector: model.detector().kind(),
        score_meaning: score_meaning(model.detector().kind()),
        threshold: model.threshold(),
        threshold_method: params.threshold_method,
        model_version: model.version().to_string(),
        training_rows: training.rows,
        calibrated: model.detector().is_calibrated(),
        smoothing_span: settings.smoothing_span,
        typical_interval_seconds: settings.typical_interval,
        alarm_threshold: settings.alarm.map(|rule| rule.raise_above),
        alarm_clear_threshold: settings.alarm.map(|rule| rule.clear_below),
        expected_false_alarms_per_day: settings.alarm.and_then(|rule| rule.expected_per_day),
        features: model.features().iter().zip(&training.features).map(feature).collect(),
        evaluation: training.evaluation,
    }
}

fn score_meaning(kind: DetectorKind) -> &'static str {
    match kind {
        DetectorKind::Forest => {
            "2^(-E/c) of the mean path length E, in (0, 1]: higher = more anomalous, about 0.5 = as most readings"
        }
        DetectorKind::ForestAndNeighbours => {
            "s/(1+s) of the surprisal s in decades: 0.5 = one normal reading in ten, 0.75 = one in a thousand"
        }
    }
}
