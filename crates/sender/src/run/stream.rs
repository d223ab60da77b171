//! What is known of a stream while it runs.

use crate::client::{Answered, Client, Retry, Verdict};
use crate::config::Config;
use crate::error::SenderError;
use crate::feed::Delivery;
use crate::lines::Lines;
use crate::model_info::ModelInfo;
use crate::shift::ShiftWatch;
use crate::source::Source;
use crate::summary::Report;
use crate::tally::Tally;
use std::io::{self, Write};
use std::time::Instant;
use turbine_core::dataset::SkippedRows;

/// An endless stream is held against the training once this many normal readings are known, besides at its end.
const FIRST_LOOK: u64 = 200;

pub(super) struct Stream<'a, W> {
    pub(super) lines: Lines<W>,
    client: &'a Client,
    tally: Tally,
    start: Instant,
    last_answer: Instant,
    dispatched: u64,
    answered: u64,
    model: Option<ModelInfo>,
    asked_again: bool,
    shift: Option<ShiftWatch>,
    first_look: bool,
    broken_off: Option<SenderError>,
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
            asked_again: false,
            shift: None,
            first_look: config.is_endless(),
            broken_off: None,
        }
    }

    /// Holds the source against the model, if the model is known.
    pub(super) fn watch(&mut self, source: &Source) -> Result<(), SenderError> {
        let Some(model) = &self.model else { return Ok(()) };
        let made = source.features();
        if !model.features.names().all(|name| made.names().any(|other| other == name)) {
            let simulated = made.names().collect::<Vec<_>>().join(", ");
            return Err(SenderError::NotSimulated { model: model.feature_list(), simulated });
        }
        self.shift = Some(ShiftWatch::new(model, made));
        Ok(())
    }

    pub(super) fn dispatched(&mut self, delivery: &Delivery) {
        self.dispatched += delivery.readings.len() as u64;
    }

    pub(super) fn retry(&mut self, retry: &Retry) -> io::Result<()> {
        self.tally.retries += 1;
        self.lines.note(retry)
    }

    /// Takes in what was answered; false if the stream must not go on.
    pub(super) async fn settle(&mut self, done: &Answered, source: &Source) -> io::Result<bool> {
        self.answered += done.answers.len() as u64;
        self.last_answer = done.answers.iter().map(|answer| answer.at).fold(self.last_answer, Instant::max);
        self.tally.add(&done.delivery, &done.answers);
        self.lines.answered(done)?;
        if let Some(shift) = &mut self.shift {
            for (reading, answer) in done.delivery.readings.iter().zip(&done.answers) {
                if matches!(answer.verdict, Verdict::Scored { .. }) {
                    shift.add(&reading.values, reading.is_anomaly);
                }
            }
            if self.first_look && shift.readings() >= FIRST_LOOK {
                self.first_look = false;
                self.note_shifts()?;
            }
        }
        let is_there = |verdict: &Verdict| !matches!(verdict, Verdict::Unsent { .. });
        if self.model.is_none() && !self.asked_again && done.answers.iter().any(|answer| is_there(&answer.verdict)) {
            self.asked_again = true;
            self.ask_for_model(source).await?;
        }
        Ok(self.goes_on())
    }

    /// The service was away at the start and is there now.
    async fn ask_for_model(&mut self, source: &Source) -> io::Result<()> {
        match self.client.model_info().await {
            Ok(model) => {
                self.lines.model(&model)?;
                self.model = Some(model);
                if let Err(error) = self.watch(source) {
                    self.break_off(error);
                }
                Ok(())
            }
            Err(fault) => self.lines.note(format_args!("model: not known: {fault}")),
        }
    }

    pub(super) fn break_off(&mut self, error: SenderError) {
        self.broken_off.get_or_insert(error);
    }

    pub(super) fn goes_on(&self) -> bool {
        self.broken_off.is_none()
    }

    /// A file without a row to send is no success.
    pub(super) fn require_rows(&mut self, config: &Config, source: &Source) {
        if let Some(path) = &config.replay
            && self.dispatched == 0
        {
            self.break_off(SenderError::NoRows { path: path.clone(), skipped: source.skipped() });
        }
    }

    fn note_shifts(&mut self) -> io::Result<()> {
        let Some(shift) = &self.shift else { return Ok(()) };
        shift.shifts().try_for_each(|shift| self.lines.note(format_args!("note: {shift}")))
    }

    /// Sums up. What was sent out and not answered by now is unsent.
    pub(super) fn finish(mut self, source: Option<&Source>) -> io::Result<Report> {
        let unanswered = self.dispatched - self.answered;
        if unanswered > 0 {
            self.lines.note(format_args!("{unanswered} readings were under way and got no answer in time"))?;
            self.tally.unsent += unanswered;
        }
        self.note_shifts()?;
        let report = Report {
            skipped: source.map_or_else(SkippedRows::default, Source::skipped),
            elapsed: self.last_answer - self.start,
            tally: self.tally,
            broken_off: self.broken_off,
        };
        self.lines.report(&report)?;
        self.lines.flush()?;
        Ok(report)
    }
}
