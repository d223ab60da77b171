//! `POST /predict/batch` with one reading a line: answered line by line while the body arrives, in bounded memory.

use crate::error::ApiError;
use crate::memory::Reservation;
use crate::routes::answer::{Answer, MAX_ANSWER_BYTES};
use crate::state::App;
use axum::body::{Body, BodyDataStream};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use pipeline::late_timeout::late_timeout;
use pipeline::{Answered, Submission, decode};
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use tokio::task::JoinHandle;
use turbine_core::model::Model;
use turbine_core::reading::Reading;

const NDJSON: &str = "application/x-ndjson";

/// Most lines that are scored and answered together. The answer to a line of two bytes can be ten thousand times as long.
const MAX_LINES: usize = 256;

/// The next lines, being scored by another task while those before them are logged: one request then uses two processors.
struct Ahead {
    task: JoinHandle<Result<Scored, ApiError>>,
    /// Bytes of the lines.
    bytes: usize,
}

/// Answers to some lines: their text, or the task that is writing it while the next lines are logged.
enum Answers {
    Written(Bytes),
    Writing(JoinHandle<Bytes>),
}

/// Lines that were scored and are still to be logged.
struct Scored {
    submission: Submission,
    model: Arc<Model>,
    /// One entry a line: why it is refused, if it is.
    refusals: Vec<Option<ApiError>>,
    /// Of the memory for the answers.
    reservation: Reservation,
}

/// Lines that were logged and are still to be answered.
struct Logged {
    answered: Result<Vec<Answered>, ApiError>,
    model: Arc<Model>,
    refusals: Vec<Option<ApiError>>,
    reservation: Reservation,
}

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
        ahead: None,
        answers: VecDeque::new(),
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
    /// Those before them.
    ahead: Option<Ahead>,
    /// To those before them: at most two.
    answers: VecDeque<Answers>,
    /// Of the memory for lines that are not answered.
    reservation: Reservation,
    /// Whether what arrives is the rest of a line that was refused for its length.
    skipping: bool,
    done: bool,
}

impl Lines {
    /// The answers to the next lines that arrive, or `None` after the last.
    async fn next_answers(&mut self) -> Option<Bytes> {
        loop {
            let more = !self.complete.is_empty() || self.ahead.is_some();
            if self.answers.len() > usize::from(more) {
                return Some(self.answers.pop_front()?.text().await);
            }
            if self.done && !more {
                return None;
            }
            match self.try_next_answers().await {
                Ok(answers) => self.answers.extend(answers),
                Err(refusal) => {
                    // What came before the fault is answered; what comes behind it cannot be told apart any more.
                    self.done = true;
                    (self.complete, self.ahead) = (Bytes::new(), None);
                    let mut answer = Vec::new();
                    push_line(&mut answer, &refusal.envelope());
                    self.answers.push_back(Answers::Written(answer.into()));
                }
            }
        }
    }

    /// Logs whole lines that have arrived and answers them; perhaps none yet.
    async fn try_next_answers(&mut self) -> Result<Option<Answers>, ApiError> {
        let scored = match self.ahead.take() {
            Some(ahead) => {
                self.score_ahead();
                finished(ahead.task).await?
            }
            None => {
                self.complete = self.arrived().await?;
                let lines = self.next_lines();
                self.score_ahead();
                score(&self.app, &lines)?
            }
        };
        let logged = scored.log(&self.app).await;
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.bytes);
        self.reservation.shrink_to(self.rest.len() + self.complete.len() + ahead);
        if ahead > 0 {
            return Ok(Some(Answers::Writing(tokio::spawn(async { logged.text(Vec::new()) }))));
        }
        let mut overlong = Vec::new();
        self.give_up_overlong_line(&mut overlong);
        self.reservation.shrink_to(self.rest.len());
        let text = logged.text(overlong);
        Ok((!text.is_empty()).then_some(Answers::Written(text)))
    }

    /// Takes the next lines off those that are complete.
    fn next_lines(&mut self) -> Bytes {
        let ends = self.complete.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let end = ends.take(MAX_LINES).last().filter(|_| !self.complete.is_empty());
        self.complete.split_to(end.unwrap_or(self.complete.len()))
    }

    /// Begins to score the next lines, if there are any.
    fn score_ahead(&mut self) {
        if !self.complete.is_empty() {
            let (app, lines) = (Arc::clone(&self.app), self.next_lines());
            let bytes = lines.len();
            self.ahead = Some(Ahead { task: tokio::spawn(async move { score(&app, &lines) }), bytes });
        }
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

impl Answers {
    async fn text(self) -> Bytes {
        match self {
            Answers::Written(text) => text,
            Answers::Writing(task) => finished(task).await,
        }
    }
}

/// What a task comes to.
async fn finished<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => pending().await,
        },
    }
}

/// Checks and scores whole lines, and reserves memory for their answers: what is in the log is not refused.
fn score(app: &App, text: &[u8]) -> Result<Scored, ApiError> {
    let mut reservation = app.memory.reservation();
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
    reservation.grow(MAX_ANSWER_BYTES * refusals.len())?;
    Ok(Scored { submission: app.pipeline.score(model.clone(), readings), model, refusals, reservation })
}

impl Scored {
    async fn log(self, app: &App) -> Logged {
        let Scored { submission, model, refusals, reservation } = self;
        let answered = app.pipeline.submit(submission).await.map_err(ApiError::from);
        Logged { answered, model, refusals, reservation }
    }
}

impl Logged {
    /// The answers to the lines, each in its place, and behind them `last`; they hold their memory.
    fn text(self, last: Vec<u8>) -> Bytes {
        let Logged { answered, model, refusals, reservation } = self;
        let mut text = Vec::with_capacity(MAX_ANSWER_BYTES * refusals.len() + last.len());
        let mut answered = answered.as_ref().map(|answered| answered.iter());
        for refusal in &refusals {
            match (refusal, &mut answered) {
                (Some(error), _) => push_line(&mut text, &error.envelope()),
                (None, Ok(answered)) => {
                    let answer = answered.next().expect("a line that is not refused is answered");
                    push_line(&mut text, &Answer::new(answer, model.features()));
                }
                (None, Err(error)) => push_line(&mut text, &error.envelope()),
            }
        }
        text.extend_from_slice(&last);
        if text.is_empty() { Bytes::new() } else { reservation.hold(text) }
    }
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
