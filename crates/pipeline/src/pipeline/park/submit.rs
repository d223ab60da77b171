//! Hands readings in to the programs that score them, and waits for the outcomes.

use super::Park;
use crate::decode::{BadReadings, IndexedFault};
use crate::park::{HandedIn, Outcome, ParkError};
use crate::submission::{Answered, Submission};
use futures_util::future::join_all;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use turbine_core::model::Model;
use turbine_core::reading::{Reading, TurbineId};

/// Maximum number of rejected readings that an error message lists.
const SPELT_OUT: usize = 10;

/// The result of the reading with this index in its submission.
type Answer = (usize, Result<Answered, ParkError>);

impl Park {
    /// Hands in readings, and waits until all are scored.
    ///
    /// # Errors
    /// If any reading is not scored; the others may be scored nevertheless, unless a reading lacks its turbine.
    pub(in crate::pipeline) async fn submit(
        &self,
        submission: Submission,
        limit: Duration,
    ) -> Result<Vec<Answered>, ParkError> {
        let of = submission.len();
        let turbines: Result<Vec<TurbineId>, BadReadings> = submission.readings.iter().map(turbine).collect();
        if let Err(why) = turbines {
            return Err(ParkError::Rejected(why));
        }
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let each = self.submit_each(submission, limit).await;
        let scored = each.iter().filter(|answer| answer.is_ok()).count();
        match each.iter().find_map(|answer| answer.as_ref().err()) {
            None => Ok(each.into_iter().flatten().collect()),
            Some(only) if of == 1 => Err(only.clone()),
            Some(first) => {
                let rejected = rejections(&each);
                let first = rejected.map_or_else(|| first.clone(), ParkError::Rejected);
                Err(ParkError::Partly { scored, of, first: Box::new(first) })
            }
        }
    }

    /// Hands in readings, those of a turbine one after the other, and returns a result for each.
    pub(in crate::pipeline) async fn submit_each(
        &self,
        submission: Submission,
        limit: Duration,
    ) -> Vec<Result<Answered, ParkError>> {
        if let Some(refusal) = self.refusal() {
            return vec![Err(refusal); submission.len()];
        }
        let until = Instant::now() + limit;
        let Submission { model, readings, explained, .. } = submission;
        let mut answers: Vec<Answer> = Vec::with_capacity(readings.len());
        let mut by_turbine: HashMap<TurbineId, Vec<(usize, Reading)>> = HashMap::new();
        for (index, reading) in readings.into_iter().enumerate() {
            match turbine(&reading) {
                Ok(turbine) => by_turbine.entry(turbine).or_default().push((index, reading)),
                Err(why) => answers.push((index, Err(ParkError::Rejected(why)))),
            }
        }
        let waiting = by_turbine.iter().map(|(id, readings)| self.of_turbine(id, readings, &model, (until, limit)));
        answers.extend(join_all(waiting).await.into_iter().flatten());
        answers.sort_unstable_by_key(|(index, _)| *index);
        let unexplained =
            |answered: Answered| Answered { smoothed: answered.smoothed.filter(|_| explained), ..answered };
        answers.into_iter().map(|(_, answer)| answer.map(unexplained)).collect()
    }

    async fn of_turbine(
        &self,
        turbine: &TurbineId,
        readings: &[(usize, Reading)],
        model: &Model,
        (until, limit): (Instant, Duration),
    ) -> Vec<Answer> {
        let mut listener = self.waiting.listen(turbine);
        let (mut handed_in, mut answers) = (Vec::new(), Vec::new());
        let mut failed: Option<ParkError> = None;
        for (index, reading) in readings {
            // Skip the rest: otherwise a retry of the failed reading would arrive after newer ones.
            if let Some(error) = &failed {
                answers.push((*index, Err(ParkError::NotTaken(format!("one before it was not ({error})")))));
                continue;
            }
            match self.log.hand_in(reading, model.features(), until).await {
                Ok(handed) => handed_in.push((*index, handed)),
                Err(error) => {
                    let error = failed.insert(error.into());
                    answers.push((*index, Err(error.clone())));
                }
            }
        }
        for (index, HandedIn { place, was_taken, is_repeated }) in handed_in {
            let known = match was_taken {
                true => timeout_at(until, self.log.outcome(turbine, place, model.features())).await.ok().flatten(),
                false => None,
            };
            let outcome = match known {
                Some(outcome) => Some(outcome),
                None => listener.outcome(place, until).await,
            };
            answers.push((index, answer(outcome, is_repeated, model, limit)));
        }
        answers
    }
}

fn answer(outcome: Option<Outcome>, is_repeated: bool, model: &Model, limit: Duration) -> Result<Answered, ParkError> {
    match outcome {
        None => Err(ParkError::Pending { seconds: limit.as_secs_f64() }),
        Some(Outcome::Rejected(why)) => Err(ParkError::Rejected(why)),
        Some(Outcome::Scored { record, smoothed }) => {
            let threshold = (record.model_version == *model.version()).then(|| model.threshold());
            Ok(Answered { record, threshold, duplicate: is_repeated, smoothed })
        }
    }
}

/// The turbine of a reading; its id must be valid as a token of a subject.
fn turbine(reading: &Reading) -> Result<TurbineId, BadReadings> {
    match reading.turbine_id() {
        None => Err(BadReadings::of_text(
            "turbine_id is missing: the readings of a cluster are scored by turbine; name it, such as \
             \"turbine_id\": \"WT-01\"",
        )),
        Some(id) if id.as_str().contains('.') => Err(BadReadings::of_text(format!(
            "turbine_id must not contain a '.' in a cluster, got \"{id}\"; name the turbine by letters, digits, '_' and '-'"
        ))),
        Some(id) => Ok(id.clone()),
    }
}

/// Combines the rejected readings of a batch, with their indices; `None` if there are none.
fn rejections(each: &[Result<Answered, ParkError>]) -> Option<BadReadings> {
    let mut all = BadReadings::of_text("");
    let mut messages = Vec::new();
    for (index, answer) in each.iter().enumerate() {
        let Err(ParkError::Rejected(why)) = answer else { continue };
        messages.push(format!("reading {index}: {}", why.message));
        let faults = why.faults.iter().map(|fault| IndexedFault { index: Some(index), ..fault.clone() });
        all.faults.extend(faults);
        all.more_faults += why.more_faults;
    }
    all.more_faults += all.faults.len().saturating_sub(crate::decode::MAX_FAULTS);
    all.faults.truncate(crate::decode::MAX_FAULTS);
    let more = messages.len().saturating_sub(SPELT_OUT);
    messages.truncate(SPELT_OUT);
    if more > 0 {
        messages.push(format!("and {more} more"));
    }
    all.message = messages.join("; ");
    (!messages.is_empty()).then_some(all)
}
