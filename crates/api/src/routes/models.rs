//! `GET /models`.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use pipeline::lifecycle::{FileState, ListedModel, ShadowRole, ShadowStatus};
use serde::Serialize;
use std::sync::Arc;
use turbine_core::detector::DetectorKind;
use utoipa::ToSchema;

/// The model files, and what goes on about them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Models {
    /// The folder of the model file.
    pub folder: String,
    /// The version in service; null without a model.
    pub in_service: Option<String>,
    /// The golden readings of the model in service; null without a model.
    pub golden: Option<Golden>,
    /// The `.json` files in the folder, by name.
    pub models: Vec<ModelFile>,
    /// The model that scores the same readings; null if there is none.
    pub shadow: Option<Shadow>,
    /// The promoted model that the rule may still take back; null if there is none.
    pub trial: Option<Trial>,
    /// Why the rule took the last promoted model back; null unless it did, and once a reload or another model confirmed it.
    pub taken_back: Option<String>,
}

/// Readings that a model must score as it did when it was trained.
#[derive(Debug, Serialize, ToSchema)]
pub struct Golden {
    /// How many there are.
    pub readings: usize,
    /// Whether it scores them so, just now.
    pub proved: bool,
}

/// A file in the folder of the model file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelFile {
    /// Its name.
    pub file: String,
    /// `in_service`, `pending` (the model file was replaced and waits for a reload), `shadow`, `previous` (a rollback puts it
    /// into service), `rolled_back`, `available`, `other_features` or `unusable`.
    #[schema(value_type = String)]
    pub state: FileState,
    /// When it was written; UTC.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub modified: Option<Timestamp>,
    /// Its length.
    pub bytes: u64,
    /// Why it cannot be used; null if it can.
    pub problem: Option<String>,
    /// Its version; this and what follows is null if it cannot be used.
    pub model_version: Option<String>,
    /// `forest` or `forest+neighbours`.
    #[schema(value_type = Option<String>)]
    pub detector: Option<DetectorKind>,
    /// Its features, in order.
    pub feature_names: Option<Vec<String>>,
    /// Readings that it was fitted to; 0 if not known.
    pub training_rows: Option<u64>,
}

/// The model that scores the same readings, and how it compares with the one in service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shadow {
    /// The name of its file.
    pub file: String,
    /// Its version.
    pub model_version: String,
    /// `candidate`, or `previous`: it was in service before, and the rule decides by it.
    #[schema(value_type = String)]
    pub role: ShadowRole,
    /// Since when it is compared; UTC.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The version in service that it is compared with.
    pub against: String,
    /// Readings that both scored.
    pub readings: u64,
    /// Share of them of which both said the same, an anomaly or none; null before the first.
    pub agreement: Option<f64>,
    /// Mean of its score less that of the model in service; null before the first reading.
    pub mean_score_difference: Option<f64>,
    /// Anomalies among these readings.
    pub anomalies: Both,
    /// Alarms raised on these readings.
    pub alarms: Both,
    /// Readings that it left out, since it could not keep up.
    pub dropped: u64,
}

/// A count for each of two models.
#[derive(Debug, Serialize, ToSchema)]
pub struct Both {
    /// Of the model in service.
    pub service: u64,
    /// Of the shadow.
    pub shadow: u64,
}

/// A promoted model that the rule may still take back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trial {
    /// Its version.
    pub model_version: String,
    /// The rule.
    pub rule: String,
    /// Until when the rule holds; UTC.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Lists the model files beside the one in service, and compares the shadow with it.
///
/// A file that cannot be used is listed with the reason.
#[utoipa::path(
    get,
    path = "/models",
    responses((status = 200, body = Models, description = "The models."), AnyRefusal),
    tag = "operation"
)]
pub async fn models(State(app): State<Arc<App>>) -> Result<Json<Models>, ApiError> {
    let pipeline = app.pipeline.clone();
    // Files that changed are proved, and so is the model in service.
    let found = app.log_reads.apart(move || {
        let golden = pipeline
            .slot()
            .model()
            .map(|model| Golden { readings: model.golden().readings.len(), proved: model.prove().is_ok() });
        pipeline.models().map(|models| (models, golden))
    });
    let (models, golden) =
        found.await.map_err(|error| ApiError::Internal { cause: format!("cannot list the models: {error}") })?;
    let pipeline::Models { folder, in_service, models, shadow, trial, taken_back } = models;
    Ok(Json(Models {
        folder: folder.display().to_string(),
        in_service: in_service.map(|version| version.to_string()),
        golden,
        models: models.into_iter().map(ModelFile::from).collect(),
        shadow: shadow.map(Shadow::from),
        trial: trial.map(|trial| Trial {
            model_version: trial.model_version.to_string(),
            rule: trial.rule,
            until: trial.until,
        }),
        taken_back: taken_back.map(|problem| problem.to_string()),
    }))
}

impl From<ListedModel> for ModelFile {
    fn from(listed: ListedModel) -> Self {
        let ListedModel { file, state, modified, bytes, problem, model } = listed;
        let problem = problem.map(|problem| problem.to_string());
        let version = model.as_ref().map(|model| model.model_version.to_string());
        ModelFile {
            file,
            state,
            modified,
            bytes,
            problem,
            model_version: version,
            detector: model.as_ref().map(|model| model.detector),
            training_rows: model.as_ref().map(|model| model.training_rows),
            feature_names: model.map(|model| model.feature_names),
        }
    }
}

impl From<ShadowStatus> for Shadow {
    fn from(status: ShadowStatus) -> Self {
        let comparison = &status.comparison;
        Shadow {
            file: status.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            model_version: status.model_version.to_string(),
            role: status.role,
            since: status.since,
            against: status.against.to_string(),
            readings: comparison.readings,
            agreement: comparison.agreement(),
            mean_score_difference: comparison.mean_score_difference(),
            anomalies: Both { service: comparison.service_anomalies, shadow: comparison.shadow_anomalies },
            alarms: Both { service: comparison.service_alarms, shadow: comparison.shadow_alarms },
            dropped: status.dropped,
        }
    }
}
