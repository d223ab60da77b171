//! `GET /model/info`.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
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
    /// Share of the training readings that were to be flagged.
    pub contamination: f64,
    /// Number of trees.
    pub n_estimators: usize,
    /// The training's seed; null if it had none.
    pub random_state: Option<u64>,
    /// Readings a tree.
    pub sample_size: usize,
    /// 0 = classic, n_features − 1 = fully extended.
    pub extension_level: usize,
    /// Scores above it are anomalies.
    pub threshold: f64,
    /// How the threshold was chosen.
    #[schema(value_type = String)]
    pub threshold_method: ThresholdMethod,
    /// 12 hexadecimal digits that name the model.
    pub model_version: String,
    /// Readings the forest was fitted to.
    pub training_rows: u64,
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
    /// Mean in training, in the unit.
    pub mean: f64,
    /// Standard deviation in training, in the unit.
    pub std: f64,
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
    let (params, training) = (model.params(), model.training());
    let feature =
        |(feature, summary): (&turbine_core::feature::Feature, &turbine_core::model::FeatureSummary)| FeatureInfo {
            name: feature.name.clone(),
            unit: feature.unit.clone(),
            range: feature.range,
            mean: summary.mean,
            std: summary.std,
        };
    ModelInfo {
        model_type: "IsolationForest",
        feature_names: model.features().names().map(str::to_owned).collect(),
        contamination: params.contamination,
        n_estimators: params.n_estimators,
        random_state: params.random_state,
        sample_size: params.sample_size,
        extension_level: params.extension_level,
        threshold: model.threshold(),
        threshold_method: params.threshold_method,
        model_version: model.version().to_string(),
        training_rows: training.rows,
        features: model.features().iter().zip(&training.features).map(feature).collect(),
        evaluation: training.evaluation,
    }
}
