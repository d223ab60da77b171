//! `POST /predict/batch` with one reading a line: answered line by line while the body arrives, in bounded memory.

use crate::error::ApiError;
use crate::memory::Reservation;
use crate::routes::answer::{Answer, max_answer_bytes};
use crate::state::App;
use axum::body::{Body, BodyDataStream};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use pipeline::decode;
use pipeline::late_timeout::late_timeout;
use serde::Serialize;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::reading::Reading;

const NDJSON: &str = "application/x-ndjson";

/// Most lines that are scored and answered together. The answer to a line of two bytes can be ten thousand times as long.
const MAX_LINES: usize = 256;

/// Answers each line of `body` in its place: a prediction, or the error of the line. Blank lines are passed over.
///
/// The answer begins with its first line, not before: a client that asks whether to send would be told to go on by then or
/// never.
///
/// # Errors
/// 503 if there is no model; what fails later is answered in its line.
pub async fn answer(app: Arc<App>, body: Body) -> Result<Response, ApiError> {
    app.pipeline.model()?;
    let mut lines = Lines {
        body: body.into_data_stream(),
        rest: BytesMut::new(),
        complete: Bytes::new(),
        reservation: app.memory.reservation(),
        skipping: false,
        done: false,
        app,
    };
    let first = lines.next_answers().await;
    let rest = stream::unfold(lines, |mut lines| async move { Some((lines.next_answers().await?, lines)) });
    let answers = stream::iter(first).chain(rest).map(Ok::<Bytes, Infallible>);
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(answers)).into_response())
}

struct Lines {
    app: Arc<App>,
    body: BodyDataStream,
    /// The beginning of a line whose end has not arrived.
    rest: BytesMut,
    /// Whole lines that are to be answered.
    complete: Bytes,
    /// Of the memory for both.
    reservation: Reservation,
    /// Whether what arrives is the rest of a line that was refused for its length.
    skipping: bool,
    done: bool,
}

impl Lines {
    /// The answers to the next lines that arrive, or `None` after the last.
    async fn next_answers(&mut self) -> Option<Bytes> {
        loop {
            if self.complete.is_empty() && self.done {
                return None;
            }
            match self.try_next_answers().await {
                Ok(answers) if answers.is_empty() => {}
                Ok(answers) => return Some(answers),
                Err(refusal) => {
                    // What came before the fault is answered; what comes behind it cannot be told apart any more.
                    self.done = true;
                    self.complete = Bytes::new();
                    let mut answer = Vec::new();
                    push_line(&mut answer, &refusal.envelope());
                    return Some(answer.into());
                }
            }
        }
    }

    /// The answers to whole lines that have arrived; perhaps none yet.
    async fn try_next_answers(&mut self) -> Result<Bytes, ApiError> {
        if self.complete.is_empty() {
            self.complete = self.arrived().await?;
        } else {
            // There is more to answer than could be at once, and others wait.
            tokio::task::yield_now().await;
        }
        let ends = self.complete.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let end = ends.take(MAX_LINES).last().filter(|_| !self.complete.is_empty());
        let lines = self.complete.split_to(end.unwrap_or(self.complete.len()));
        let (mut answers, reservation) = score(&self.app, &lines).await?;
        drop(lines);
        if self.complete.is_empty() {
            self.give_up_overlong_line(&mut answers);
        }
        self.reservation.shrink_to(self.rest.len() + self.complete.len());
        Ok(if answers.is_empty() { Bytes::new() } else { reservation.hold(answers) })
    }

    /// Whole lines that have arrived since the last call; perhaps none yet.
    async fn arrived(&mut self) -> Result<Bytes, ApiError> {
        let timeout = self.app.limits.body_timeout;
        let Ok(frame) = late_timeout(timeout, pin!(self.body.next())).await else {
            return Err(ApiError::BodyTimeout { seconds: timeout.as_secs_f64() });
        };
        match frame {
            Some(Ok(mut frame)) => {
                if self.skipping {
                    let end = frame.iter().position(|&byte| byte == b'\n');
                    self.skipping = end.is_none();
                    frame.advance(end.unwrap_or(frame.len()));
                }
                self.reservation.grow(frame.len())?;
                // What arrived earlier is not searched again: a long line may come in tiny pieces.
                let last_end = frame.iter().rposition(|&byte| byte == b'\n');
                let whole = last_end.map_or(0, |end| self.rest.len() + end + 1);
                self.rest.extend_from_slice(&frame);
                Ok(self.rest.split_to(whole).freeze())
            }
            Some(Err(error)) => Err(ApiError::bad_request(format!("the body broke off: {error}"))),
            None => {
                self.done = true;
                Ok(std::mem::take(&mut self.rest).freeze())
            }
        }
    }

    /// Refuses a line that is too long before it is there, and keeps none of it.
    fn give_up_overlong_line(&mut self, answers: &mut Vec<u8>) {
        let limit = self.app.limits.max_body_bytes.0;
        if self.rest.len() as u64 > limit {
            self.rest = BytesMut::new();
            self.skipping = true;
            push_line(answers, &ApiError::LineTooLong { limit }.envelope());
        }
    }
}

/// Answers whole lines, each in its place, with the memory of the answers.
async fn score(app: &App, text: &[u8]) -> Result<(Vec<u8>, Reservation), ApiError> {
    let (mut answers, mut reservation) = (Vec::new(), app.memory.reservation());
    let model = app.pipeline.model()?;
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (mut readings, mut refusals) = (Vec::new(), Vec::new());
    for line in lines {
        refusals.push(match check(app, line, &model) {
            Ok(reading) => {
                readings.push(reading);
                None
            }
            Err(error) => Some(error),
        });
    }
    // Before they are logged: what is in the log is not refused.
    let longest = max_answer_bytes(model.features(), app.pipeline.missing_values(), false) * refusals.len();
    reservation.grow(longest)?;
    let submitted = app.pipeline.submit_each(app.pipeline.score(model.clone(), readings)).await;
    answers.reserve(longest);
    let mut submitted = submitted.into_iter();
    for refusal in refusals {
        let answered = match refusal {
            Some(error) => Err(error),
            None => submitted.next().expect("a line that is not refused is answered").map_err(ApiError::from),
        };
        match answered {
            Ok(answer) => push_line(&mut answers, &Answer::new(&answer, model.features())),
            Err(error) => push_line(&mut answers, &error.envelope()),
        }
    }
    Ok((answers, reservation))
}

fn check(app: &App, text: &[u8], model: &Model) -> Result<Reading, ApiError> {
    let limit = app.limits.max_body_bytes.0;
    if text.len() as u64 > limit {
        return Err(ApiError::LineTooLong { limit });
    }
    Ok(decode::reading(text, model.features(), app.pipeline.missing_values())?)
}

fn push_line(lines: &mut Vec<u8>, answer: &impl Serialize) {
    serde_json::to_writer(&mut *lines, answer).expect("answers have a JSON form");
    lines.push(b'\n');
}
