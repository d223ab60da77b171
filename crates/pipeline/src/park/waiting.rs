//! Requests that wait for the outcomes of their readings.
//!
//! A request listens to its turbine before it hands in a reading, since the outcome may arrive before the reading's
//! place is known.

use super::Place;
use crate::decode::BadReadings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Outcome of a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was scored.
    Scored {
        /// The record in the log.
        record: PredictionRecord,
        /// The turbine's smoothed values after it, one per feature, if known.
        smoothed: Option<Box<[f64]>>,
    },
    /// It was rejected for its faults.
    Rejected(BadReadings),
}

/// The listeners of each turbine, each with a number that is unique for the turbine.
type Listeners = HashMap<TurbineId, Vec<(u64, UnboundedSender<(Place, Outcome)>)>>;

/// The waiting requests, by turbine; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Listeners>>);

impl Waiting {
    /// Starts to receive the outcomes of a turbine's readings.
    pub(crate) fn listen(&self, turbine: &TurbineId) -> Listener {
        let (sender, outcomes) = unbounded_channel();
        let mut all = self.all();
        let listeners = all.entry(turbine.clone()).or_default();
        let number = listeners.last().map_or(0, |(number, _)| number + 1);
        listeners.push((number, sender));
        drop(all);
        Listener { waiting: self.clone(), turbine: turbine.clone(), number, outcomes, passed: HashMap::new() }
    }

    /// Sends an outcome to the turbine's listeners; `outcome` is not called if there are none.
    pub(crate) fn tell(&self, turbine: &TurbineId, place: Place, outcome: impl FnOnce() -> Outcome) {
        let all = self.all();
        let Some(listeners) = all.get(turbine) else { return };
        let outcome = outcome();
        for (_, listener) in listeners {
            let _ = listener.send((place, outcome.clone()));
        }
    }

    fn all(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives the outcomes of a turbine's readings until it is dropped.
pub(crate) struct Listener {
    waiting: Waiting,
    turbine: TurbineId,
    number: u64,
    outcomes: UnboundedReceiver<(Place, Outcome)>,
    /// Outcomes that arrived before they were requested.
    passed: HashMap<Place, Outcome>,
}

impl Listener {
    /// Waits for the outcome of the reading at that place; `None` after the deadline `until`.
    pub(crate) async fn outcome(&mut self, place: Place, until: Instant) -> Option<Outcome> {
        loop {
            if let Some(outcome) = self.passed.remove(&place) {
                return Some(outcome);
            }
            let (other, outcome) = timeout_at(until, self.outcomes.recv()).await.ok()??;
            self.passed.insert(other, outcome);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut all = self.waiting.all();
        if let Some(listeners) = all.get_mut(&self.turbine) {
            listeners.retain(|(number, _)| *number != self.number);
            if listeners.is_empty() {
                all.remove(&self.turbine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn an_outcome_is_told_to_all_who_wait_also_before_they_ask() {
        let waiting = Waiting::default();
        let turbine: TurbineId = "T1".parse().unwrap();
        let rejected = |text: &str| Outcome::Rejected(BadReadings::of_text(text));
        waiting.tell(&turbine, 1, || panic!("nobody waits"));
        let (mut first, mut second) = (waiting.listen(&turbine), waiting.listen(&turbine));
        for place in [2, 3] {
            waiting.tell(&turbine, place, || rejected(&place.to_string()));
        }
        let until = Instant::now() + Duration::from_secs(60);
        assert_eq!(first.outcome(3, until).await, Some(rejected("3")));
        assert_eq!(first.outcome(2, until).await, Some(rejected("2")));
        assert_eq!(first.outcome(1, Instant::now()).await, None);
        drop(first);
        assert_eq!(second.outcome(2, until).await, Some(rejected("2")));
        drop(second);
        assert!(waiting.all().is_empty());
    }
}
