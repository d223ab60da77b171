//! Scoring: `POST /predict` and `POST /predict/batch`.

use crate::body::{self, Kind, WholeBody};
use crate::error::{AnyRefusal, ApiError, ReadingRefusal};
use crate::memory::Reservation;
use crate::routes::answer::{Answer, Answers, max_answer_bytes};
use crate::routes::ndjson;
use crate::routes::query::{self, Parameters};
use crate::schema::{BatchSchema, FormSchema, ReadingSchema};
use crate::state::App;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use pipeline::decode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::IntoParams;

/// Scores one reading and logs the prediction.
#[utoipa::path(
    post,
    path = "/predict",
    params(Options),
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
pub async fn one(
    State(app): State<Arc<App>>,
    Parameters(Options { explain }): Parameters<Options>,
    kind: Kind,
    body: Body,
) -> Result<Response, ApiError> {
    let WholeBody { bytes, mut reservation } = body::read(body, &app.limits, &app.memory).await?;
    let model = app.pipeline.model()?;
    let reading = body::reading(kind, &bytes, model.features(), app.pipeline.missing_values())?;
    // Before it is logged: what is in the log is not refused.
    let longest = max_answer_bytes(model.features(), app.pipeline.missing_values(), explain);
    reservation.grow(longest)?;
    let submission = app.pipeline.score(model.clone(), vec![reading]).explained(explain);
    let answers = app.pipeline.submit(submission).await?;
    let answer =
        answers.first().ok_or_else(|| ApiError::Internal { cause: "a reading without an answer".to_owned() })?;
    let why = app.pipeline.explain(&model, answer);
    Ok(json(reservation, longest, &Answer { why, ..Answer::new(answer, model.features()) }))
}

/// Scores up to 10,000 readings and logs the predictions, all or none.
///
/// With the content type `application/x-ndjson`, one reading a line and as many as there are: each line is answered in its
/// place while the body arrives, with a prediction or with an error.
#[utoipa::path(
    post,
    path = "/predict/batch",
    params(Options),
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
pub async fn batch(
    State(app): State<Arc<App>>,
    Parameters(Options { explain }): Parameters<Options>,
    kind: Kind,
    body: Body,
) -> Result<Response, ApiError> {
    if kind == Kind::Ndjson {
        return ndjson::answer(app, body).await;
    }
    let WholeBody { bytes, mut reservation } = body::read(body, &app.limits, &app.memory).await?;
    let (length, pipeline) = (bytes.len(), app.pipeline.clone());
    let score = move || {
        let model = pipeline.model()?;
        let readings = decode::batch(&bytes, model.features(), pipeline.missing_values())?;
        Ok::<_, ApiError>((model.clone(), pipeline.score(model, readings).explained(explain)))
    };
    let (model, submission) = app.offload.run(length, score).await?;
    // Before they are logged: what is in the log is not refused.
    let longest = max_answer_bytes(model.features(), app.pipeline.missing_values(), explain) * submission.len();
    reservation.grow(longest)?;
    let answers = app.pipeline.submit(submission).await?;
    let worker = app.clone();
    let answer = move || {
        let why = |answered| worker.pipeline.explain(&model, answered);
        let answer = |answered| Answer { why: why(answered), ..Answer::new(answered, model.features()) };
        let predictions = answers.iter().map(answer).collect();
        json(reservation, longest, &Answers { predictions })
    };
    Ok(if explain { app.offload.run(length, answer).await } else { answer() })
}

/// What may be asked for besides.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Whether to say which sensors the surprisal comes from; not for newline-delimited JSON.
    #[param(required = false)]
    #[serde(deserialize_with = "query::flag")]
    explain: bool,
}

/// Answers as JSON, for which so many bytes were reserved.
fn json(reservation: Reservation, longest: usize, answer: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(longest);
    serde_json::to_writer(&mut text, answer).expect("answers have a JSON form");
    let mut response = Response::new(Body::from(reservation.hold(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
