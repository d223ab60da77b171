//! Scoring: `POST /predict` and `POST /predict/batch`.

use crate::body::{self, Kind, WholeBody};
use crate::error::{AnyRefusal, ApiError, ReadingRefusal};
use crate::late_timeout::late_timeout;
use crate::memory::Reservation;
use crate::prediction_log::{AppendError, LogPolicy};
use crate::routes::ndjson;
use crate::schema::{BatchSchema, FormSchema, ReadingSchema};
use crate::state::{App, Scoring};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::{Timestamp, Unit};
use serde::Serialize;
use std::pin::pin;
use std::sync::Arc;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::Reading;
use utoipa::ToSchema;

/// The longest answer to one reading as JSON, with the separator behind it, in bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 272;

/// What is said of one reading.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prediction)]
pub struct Answer<'a> {
    /// When the reading was taken or, if its sender did not say, when it was scored; RFC 3339, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// In (0, 1], higher = more anomalous.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub anomaly_score: f64,
    /// Scores above it are anomalies.
    pub threshold: f64,
    /// Which model scored.
    pub model_version: &'a str,
    /// The turbine, if the reading named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub turbine_id: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// The answer that says what `record` logs.
    pub fn new(record: &'a PredictionRecord, threshold: f64) -> Self {
        Answer {
            timestamp: record.timestamp,
            is_anomaly: record.prediction.is_anomaly,
            anomaly_score: record.prediction.anomaly_score,
            threshold,
            model_version: &record.model_version,
            turbine_id: record.turbine_id.as_ref().map(|id| id.as_str()),
        }
    }
}

/// Scores one reading and logs the prediction.
#[utoipa::path(
    post,
    path = "/predict",
    request_body(content(
        (ReadingSchema = "application/json"),
        (FormSchema = "application/x-www-form-urlencoded"),
    )),
    responses(
        (status = 200, body = Answer, description = "The prediction, which is in the log."),
        ReadingRefusal,
        AnyRefusal,
    ),
    tag = "scoring"
)]
pub async fn one(State(app): State<Arc<App>>, kind: Kind, body: Body) -> Result<Response, ApiError> {
    let WholeBody { bytes, mut reservation } = body::read(body, &app.limits, &app.memory).await?;
    let scoring = app.scoring()?;
    let reading = body::reading(kind, &bytes, scoring.model.features())?;
    let record = scoring.predict(reading, now());
    // Before it is logged: what is in the log is not refused.
    reservation.grow(MAX_ANSWER_BYTES)?;
    app.log(std::slice::from_ref(&record)).await?;
    Ok(json(reservation, 1, &Answer::new(&record, scoring.model.threshold())))
}

/// What is said of a batch: one prediction a reading, in order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Predictions)]
pub struct Answers<'a> {
    /// The predictions.
    pub predictions: Vec<Answer<'a>>,
}

/// Scores up to 10,000 readings and logs the predictions, all or none.
///
/// With the content type `application/x-ndjson`, one reading a line and as many as there are: each line is answered in its
/// place while the body arrives, with a prediction or with an error.
#[utoipa::path(
    post,
    path = "/predict/batch",
    request_body(content((BatchSchema = "application/json"), (ReadingSchema = "application/x-ndjson"))),
    responses(
        (status = 200, description = "The predictions, which are in the log.", content(
            (Answers = "application/json"),
            (Answer = "application/x-ndjson"),
        )),
        ReadingRefusal,
        AnyRefusal,
    ),
    tag = "scoring"
)]
pub async fn batch(State(app): State<Arc<App>>, kind: Kind, body: Body) -> Result<Response, ApiError> {
    if kind == Kind::Ndjson {
        return ndjson::answer(app, body).await;
    }
    let WholeBody { bytes, mut reservation } = body::read(body, &app.limits, &app.memory).await?;
    let worker = app.clone();
    let records = app.offload.run(bytes.len(), move || predict_batch(&worker, &bytes)).await?;
    // Before they are logged: what is in the log is not refused.
    reservation.grow(MAX_ANSWER_BYTES * records.len())?;
    app.log(&records).await?;
    let threshold = app.scoring()?.model.threshold();
    let predictions = records.iter().map(|record| Answer::new(record, threshold)).collect();
    Ok(json(reservation, records.len(), &Answers { predictions }))
}

fn predict_batch(app: &App, body: &[u8]) -> Result<Vec<PredictionRecord>, ApiError> {
    let scoring = app.scoring()?;
    Ok(scoring.predict_all(body::batch(body, scoring.model.features())?, now()))
}

/// Answers to so many readings as JSON, for which memory was reserved.
fn json(reservation: Reservation, readings: usize, answer: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(MAX_ANSWER_BYTES * readings);
    serde_json::to_writer(&mut text, answer).expect("answers have a JSON form");
    let mut response = Response::new(Body::from(reservation.hold(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Scoring {
    /// Scores one reading that arrived `now`.
    pub fn predict(&self, reading: Reading, now: Timestamp) -> PredictionRecord {
        let prediction = self.model.predict(&reading);
        PredictionRecord::new(reading, prediction, now, self.model.version())
    }

    /// Scores readings that arrived `now`, together.
    pub fn predict_all(&self, readings: Vec<Reading>, now: Timestamp) -> Vec<PredictionRecord> {
        let values: Vec<f64> = readings.iter().flat_map(|reading| reading.values()).copied().collect();
        let scores = self.model.score(&values);
        let record =
            |(reading, score)| PredictionRecord::new(reading, self.model.verdict(score), now, self.model.version());
        readings.into_iter().zip(scores).map(record).collect()
    }
}

impl App {
    /// Logs the records and counts them. Under [`LogPolicy::BestEffort`] those that cannot be logged are counted apart.
    pub(super) async fn log(&self, records: &[PredictionRecord]) -> Result<(), ApiError> {
        let log = &self.scoring()?.log;
        let limit = self.limits.request_timeout;
        let refusal = match late_timeout(limit, pin!(log.append(records))).await {
            Ok(Ok(())) => None,
            Ok(Err(AppendError::Features { expected, found })) => {
                let cause = format!("a record of {found} features for a log of {expected}");
                return Err(ApiError::Internal { cause });
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the log did not take it within {} s", limit.as_secs_f64())),
        };
        match (refusal, self.log_policy) {
            (None, _) => {}
            (Some(_), LogPolicy::BestEffort) => log.count_unlogged(records.len() as u64),
            (Some(reason), LogPolicy::Required) => return Err(ApiError::NotLogged { reason }),
        }
        self.telemetry.count_predictions(records);
        Ok(())
    }
}

/// The time, to the microsecond: what follows is noise in a log.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Microsecond).unwrap_or(now)
}
