//! Scoring: `POST /predict` and `POST /predict/batch`.

use crate::body::{self, Kind, WholeBody};
use crate::error::{AnyRefusal, ApiError, ReadingRefusal};
use crate::memory::Reservation;
use crate::routes::answer::{Answer, Answers, MAX_ANSWER_BYTES};
use crate::routes::ndjson;
use crate::schema::{BatchSchema, FormSchema, ReadingSchema};
use crate::state::App;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use pipeline::decode;
use serde::Serialize;
use std::sync::Arc;

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
pub async fn one(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let kind = Kind::of(request.headers())?;
    let WholeBody { bytes, mut reservation } = body::read(request.into_body(), &app.limits, &app.memory).await?;
    let model = app.pipeline.model()?;
    let reading = body::reading(kind, &bytes, model.features())?;
    // Before it is logged: what is in the log is not refused.
    reservation.grow(MAX_ANSWER_BYTES)?;
    let answers = app.pipeline.submit(app.pipeline.score(model, vec![reading])).await?;
    let answer =
        answers.first().ok_or_else(|| ApiError::Internal { cause: "a reading without an answer".to_owned() })?;
    Ok(json(reservation, 1, &Answer::from(answer)))
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
pub async fn batch(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    if Kind::of(request.headers())? == Kind::Ndjson {
        return ndjson::answer(app, request.into_body()).await;
    }
    let WholeBody { bytes, mut reservation } = body::read(request.into_body(), &app.limits, &app.memory).await?;
    let (length, pipeline) = (bytes.len(), app.pipeline.clone());
    let score = move || {
        let model = pipeline.model()?;
        let readings = decode::batch(&bytes, model.features())?;
        Ok::<_, ApiError>(pipeline.score(model, readings))
    };
    let submission = app.offload.run(length, score).await?;
    // Before they are logged: what is in the log is not refused.
    reservation.grow(MAX_ANSWER_BYTES * submission.len())?;
    let answers = app.pipeline.submit(submission).await?;
    let predictions = answers.iter().map(Answer::from).collect();
    Ok(json(reservation, answers.len(), &Answers { predictions }))
}

/// Answers to so many readings as JSON, for which memory was reserved.
fn json(reservation: Reservation, readings: usize, answer: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(MAX_ANSWER_BYTES * readings);
    serde_json::to_writer(&mut text, answer).expect("answers have a JSON form");
    let mut response = Response::new(Body::from(reservation.hold(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
