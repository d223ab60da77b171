//! The state of a running stream.

use crate::client::{Answer, Answered, Client, Known, Retry, Verdict};
use crate::config::Config;
use crate::error::SenderError;
use crate::feed::Delivery;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::outbox::Outbox;
use crate::source::Source;
use crate::summary::Report;
use crate::tally::Tally;
use std::io::{self, Write};
use std::time::Instant;
use turbine_core::dataset::SkippedRows;

/// While an endless stream runs, the service is asked for drift after each so many answers, up to the last question or until
/// there is some. Every stream asks at its end.
const DRIFT_QUESTIONS: u64 = 250;
const LAST_DRIFT_QUESTION: u64 = 1_000;

pub(super) struct Stream<'a, W> {
    pub(super) lines: Lines<W>,
    client: &'a Client,
    tally: Tally,
    start: Instant,
    last_answer: Instant,
    dispatched: u64,
    answered: u64,
    model: Option<ModelInfo>,
    requested_again: bool,
    /// After how many answers the service is asked for drift.
    drift_question: Option<u64>,
    aborted_by: Option<SenderError>,
    is_recorded: bool,
    outage_since: Option<Instant>,
}

fn is_answered(answer: &Answer) -> bool {
    !matches!(answer.verdict, Verdict::Unsent { .. })
}

impl<'a, W: Write> Stream<'a, W> {
    pub(super) fn new(config: &Config, client: &'a Client, lines: Lines<W>, model: Option<ModelInfo>) -> Self {
        let start = Instant::now();
        Stream {
            lines,
            client,
            tally: Tally::new(config.seed),
            start,
            last_answer: start,
            dispatched: 0,
            answered: 0,
            model,
            requested_again: false,
            drift_question: config.is_endless().then_some(DRIFT_QUESTIONS),
            aborted_by: None,
            is_recorded: config.replay.is_some(),
            outage_since: None,
        }
    }

    /// Checks that the source provides what the model reads, if the model is known.
    pub(super) fn check(&mut self, source: &Source) -> Result<(), SenderError> {
        let Some(model) = &self.model else { return Ok(()) };
        let provided = source.features();
        if !model.features.names().all(|name| provided.names().any(|other| other == name)) {
            let simulated = provided.names().collect::<Vec<_>>().join(", ");
            return Err(SenderError::NotSimulated { model: model.feature_list(), simulated });
        }
        Ok(())
    }

    pub(super) fn dispatched(&mut self, delivery: &Delivery) {
        self.dispatched += delivery.readings.len() as u64;
    }

    /// Records a retry. An outage that is waited out is said once and not with each attempt.
    pub(super) fn retry(&mut self, retry: &Retry) -> io::Result<()> {
        self.tally.retries += 1;
        if !self.client.is_persistent() {
            return self.lines.note(retry);
        }
        if self.outage_since.is_some() {
            return Ok(());
        }
        self.outage_since = Some(Instant::now());
        self.lines.note(format_args!("{}; trying until the service answers", retry.cause))
    }

    /// Says that an outage is over.
    fn note_recovery(&mut self) -> io::Result<()> {
        let Some(since) = self.outage_since.take() else { return Ok(()) };
        self.lines.note(format_args!("the service answers again after {:.1} s", since.elapsed().as_secs_f64()))
    }

    /// The value; `None` if there is an error, which then ends the stream.
    pub(super) fn unless_aborted<T>(&mut self, result: Result<Option<T>, SenderError>) -> Option<T> {
        result.unwrap_or_else(|error| {
            self.abort(error);
            None
        })
    }

    /// Records the answers of a delivery; false if the stream must end.
    pub(super) async fn record(&mut self, done: &Answered, source: &Source) -> io::Result<bool> {
        self.answered += done.answers.len() as u64;
        self.last_answer = done.answers.iter().map(|answer| answer.at).fold(self.last_answer, Instant::max);
        self.tally.add(&done.delivery, &done.answers);
        if done.answers.iter().any(is_answered) {
            self.note_recovery()?;
        }
        self.lines.answered(done)?;
        if self.drift_question.is_some_and(|question| self.answered >= question) {
            let found = self.note_drift().await?;
            let next = self.answered + DRIFT_QUESTIONS;
            self.drift_question = (!found && next <= LAST_DRIFT_QUESTION).then_some(next);
        }
        if self.model.is_none() && !self.requested_again && done.answers.iter().any(is_answered) {
            self.requested_again = true;
            self.request_model(source).await?;
        }
        Ok(!self.is_aborted())
    }

    /// Requests the model info that was unavailable at the start.
    async fn request_model(&mut self, source: &Source) -> io::Result<()> {
        match self.client.model_info().await {
            Ok(Known::Nothing(_)) => Ok(()),
            Ok(Known::Model(model)) => {
                self.lines.model(&model)?;
                self.model = Some(model);
                if let Err(error) = self.check(source) {
                    self.abort(error);
                }
                Ok(())
            }
            Err(fault) => self.lines.note(format_args!("model: unknown: {fault}")),
        }
    }

    pub(super) fn abort(&mut self, error: SenderError) {
        self.aborted_by.get_or_insert(error);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted_by.is_some()
    }

    /// Fails the stream if a replayed file had no usable row.
    pub(super) fn require_rows(&mut self, config: &Config, source: &Source) {
        if let Some(path) = &config.replay
            && self.dispatched == 0
        {
            self.abort(SenderError::NoRows { path: path.clone(), skipped: source.skipped() });
        }
    }

    /// Says if the service's readings drift, in one line, and whether they do. A service that cannot say is no trouble.
    async fn note_drift(&mut self) -> io::Result<bool> {
        let note = self.client.drift().await.and_then(|drift| drift.note());
        if let Some(note) = &note {
            self.lines.note(format_args!("note: {note}"))?;
        }
        Ok(note.is_some())
    }

    /// Prints the summary. Readings still unanswered count as unsent.
    ///
    /// `is_through`: whether nothing is left for another run.
    pub(super) async fn finish(mut self, outbox: Option<&Outbox>, is_through: bool) -> io::Result<Report> {
        let kept = outbox.and_then(Outbox::kept);
        let unanswered = self.dispatched - self.answered;
        if unanswered > 0 {
            self.lines.note(format_args!("{unanswered} readings were in flight and got no answer in time"))?;
            self.tally.unsent += unanswered;
        }
        if self.answered > 0 && self.outage_since.is_none() {
            self.note_drift().await?;
        }
        let alarms = std::mem::take(&mut self.tally.alarms).finish();
        let report = Report {
            alarms,
            skipped: outbox.map_or_else(SkippedRows::default, |outbox| outbox.source().skipped()),
            kept,
            elapsed: self.last_answer - self.start,
            tally: self.tally,
            is_recorded: self.is_recorded,
            aborted_by: self.aborted_by,
        };
        self.lines.report(&report)?;
        if !is_through && let Some(readings) = outbox.and_then(Outbox::reached) {
            self.lines.note(format_args!("another run goes on behind reading {readings} of the recording"))?;
        }
        self.lines.flush()?;
        Ok(report)
    }
}
