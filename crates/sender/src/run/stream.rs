//! The state of a running stream.

use crate::client::{Answer, Answered, Client, Retry, Verdict};
use crate::config::Config;
use crate::error::SenderError;
use crate::feed::Delivery;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::outbox::Outbox;
use crate::shift::ShiftWatch;
use crate::source::{Phase, Source};
use crate::summary::Report;
use crate::tally::Tally;
use std::io::{self, Write};
use std::time::Instant;
use turbine_core::dataset::SkippedRows;

/// An endless stream is compared with the training data after this many normal readings, and again at its end.
const FIRST_COMPARISON: u64 = 200;

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
    shift: Option<ShiftWatch>,
    first_comparison: bool,
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
            shift: None,
            first_comparison: config.is_endless(),
            aborted_by: None,
            is_recorded: config.replay.is_some(),
            outage_since: None,
        }
    }

    /// Starts to compare the source with the model's training data, if the model is known.
    pub(super) fn watch(&mut self, source: &Source) -> Result<(), SenderError> {
        let Some(model) = &self.model else { return Ok(()) };
        let provided = source.features();
        if !model.features.names().all(|name| provided.names().any(|other| other == name)) {
            let simulated = provided.names().collect::<Vec<_>>().join(", ");
            return Err(SenderError::NotSimulated { model: model.feature_list(), simulated });
        }
        self.shift = Some(ShiftWatch::new(model, provided));
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
        if let Some(shift) = &mut self.shift {
            for (reading, answer) in done.delivery.readings.iter().zip(&done.answers) {
                if matches!(answer.verdict, Verdict::Scored { .. }) && reading.phase != Some(Phase::Event) {
                    shift.add(&reading.values, reading.is_anomaly);
                }
            }
            if self.first_comparison && shift.readings() >= FIRST_COMPARISON {
                self.first_comparison = false;
                self.note_shifts()?;
            }
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
            Ok(model) => {
                self.lines.model(&model)?;
                self.model = Some(model);
                if let Err(error) = self.watch(source) {
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

    /// One line, whatever the number of features.
    fn note_shifts(&mut self) -> io::Result<()> {
        let Some(shift) = &self.shift else { return Ok(()) };
        shift.note().map_or(Ok(()), |shifts| self.lines.note(format_args!("note: {shifts}")))
    }

    /// Prints the summary. Readings still unanswered count as unsent.
    ///
    /// `is_through`: whether nothing is left for another run.
    pub(super) fn finish(mut self, outbox: Option<&Outbox>, is_through: bool) -> io::Result<Report> {
        let kept = outbox.and_then(Outbox::kept);
        let unanswered = self.dispatched - self.answered;
        if unanswered > 0 {
            self.lines.note(format_args!("{unanswered} readings were in flight and got no answer in time"))?;
            self.tally.unsent += unanswered;
        }
        self.note_shifts()?;
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
