//! Combines readings and due times into deliveries.

use crate::clock::Clock;
use crate::config::DeliverySize;
use crate::schedule::Schedule;
use crate::source::{Outgoing, ReadingSource, Turn};
use std::mem;
use std::time::Instant;

/// The readings of one request.
#[derive(Debug)]
pub struct Delivery {
    /// Position in the stream, from 0.
    pub number: u64,
    /// The number of its first reading in the stream, from 0.
    pub first: u64,
    /// The readings; at least one.
    pub readings: Vec<Outgoing>,
    /// When the last reading was due.
    pub due: Instant,
}

/// Yields deliveries, each as soon as it is due.
#[derive(Debug)]
pub struct Feed<S> {
    source: S,
    schedule: Schedule,
    clock: Clock,
    left: Option<u64>,
    size: DeliverySize,
    upcoming: Option<(Instant, Outgoing)>,
    taken: Vec<Outgoing>,
    due: Instant,
    deliveries: u64,
    /// Readings of the deliveries so far.
    readings: u64,
    has_ended: bool,
}

impl<S: ReadingSource> Feed<S> {
    /// The readings of `source`, at most `count`.
    pub fn new(source: S, schedule: Schedule, count: Option<u64>, size: DeliverySize) -> Self {
        let due = Instant::now();
        Feed {
            source,
            schedule,
            clock: Clock::default(),
            left: count,
            size,
            upcoming: None,
            taken: Vec::new(),
            due,
            deliveries: 0,
            readings: 0,
            has_ended: false,
        }
    }

    /// The source of the readings.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Whether the source has no further reading; not if only the count was reached.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Waits for the next delivery; `None` after the last. Cancelling is safe: no reading is lost.
    ///
    /// # Errors
    /// Those of the source; [`Feed::rest`] returns the readings taken before.
    pub async fn next(&mut self) -> Result<Option<Delivery>, S::Error> {
        while self.taken.len() < self.size.max {
            if self.upcoming.is_none() {
                while self.left != Some(0) && !self.source.is_ready() {
                    if !self.size.wait && !self.taken.is_empty() {
                        return Ok(self.rest());
                    }
                    self.source.wait().await;
                }
                self.upcoming = self.draw()?;
            }
            let Some((due, _)) = self.upcoming else { break };
            if due > Instant::now() {
                if !self.size.wait && !self.taken.is_empty() {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
            }
            if let Some((due, reading)) = self.upcoming.take() {
                self.due = due;
                self.taken.push(reading);
            }
        }
        Ok(self.rest())
    }

    /// The readings taken for a delivery that is not full; `None` if there are none.
    pub fn rest(&mut self) -> Option<Delivery> {
        if self.taken.is_empty() {
            return None;
        }
        let readings = mem::take(&mut self.taken);
        let (number, first) = (self.deliveries, self.readings);
        self.deliveries += 1;
        self.readings += readings.len() as u64;
        let delivery = Delivery { number, first, readings, due: self.due };
        Some(delivery)
    }

    fn draw(&mut self) -> Result<Option<(Instant, Outgoing)>, S::Error> {
        if self.left == Some(0) {
            return Ok(None);
        }
        // A silent turn takes its place in the schedule and sends nothing.
        for due in self.schedule.by_ref() {
            match self.source.next_turn(self.clock.time_at(due)).transpose()? {
                Some(Turn::Reading(reading)) => {
                    self.left = self.left.map(|left| left - 1);
                    return Ok(Some((due, reading)));
                }
                Some(Turn::Silent) => {}
                None => {
                    self.has_ended = true;
                    break;
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    /// A source that takes its readings from an iterator.
    struct Iter<I>(I);

    impl<I: Iterator<Item = Result<Outgoing, E>>, E> ReadingSource for Iter<I> {
        type Error = E;

        fn next_turn(&mut self, _due: jiff::Timestamp) -> Option<Result<Turn, E>> {
            Some(self.0.next()?.map(Turn::Reading))
        }
    }

    /// Turns 2 to 4 of every ten are silent.
    struct Gaps(usize);

    impl ReadingSource for Gaps {
        type Error = ();

        fn next_turn(&mut self, _due: jiff::Timestamp) -> Option<Result<Turn, ()>> {
            let turn = self.0;
            self.0 += 1;
            let is_silent = (2..=4).contains(&(turn % 10));
            Some(Ok(if is_silent { Turn::Silent } else { Turn::Reading(outgoing(turn)) }))
        }
    }

    fn outgoing(i: usize) -> Outgoing {
        Outgoing { json: i.to_string(), ..Outgoing::default() }
    }

    /// The deliveries of 7 readings at 1 ms intervals.
    async fn deliveries(start: Instant, count: Option<u64>, size: DeliverySize) -> Vec<Vec<String>> {
        let source = Iter((0..7).map(|i| Ok::<_, ()>(outgoing(i))));
        let mut feed = Feed::new(source, Schedule::new(start, Duration::from_millis(1)), count, size);
        let mut all = Vec::new();
        while let Some(delivery) = feed.next().await.unwrap() {
            assert!(delivery.due <= Instant::now());
            assert_eq!(delivery.number, all.len() as u64);
            all.push(delivery.readings.into_iter().map(|reading| reading.json).collect());
        }
        assert_eq!(feed.has_ended(), count.is_none(), "the count ends the stream and not the source");
        all
    }

    #[tokio::test]
    async fn all_waiting_deliveries_but_the_last_are_full() {
        let size = DeliverySize { max: 3, wait: true };
        assert_eq!(deliveries(Instant::now(), None, size).await, [vec!["0", "1", "2"], vec!["3", "4", "5"], vec!["6"]]);
        assert_eq!(deliveries(Instant::now(), Some(4), size).await, [vec!["0", "1", "2"], vec!["3"]]);
    }

    #[tokio::test]
    async fn late_readings_share_a_delivery_up_to_the_maximum() {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let size = |max| DeliverySize { max, wait: false };
        assert_eq!(deliveries(long_ago, None, size(5)).await, [vec!["0", "1", "2", "3", "4"], vec!["5", "6"]]);
        assert_eq!(deliveries(long_ago, Some(2), size(1)).await, [["0"], ["1"]]);
    }

    #[tokio::test]
    async fn a_delivery_that_does_not_wait_holds_only_due_readings() {
        // The second reading is due in an hour: the first goes alone.
        let start = Instant::now();
        let source = Iter((0..2).map(|i| Ok::<_, ()>(outgoing(i))));
        let schedule = Schedule::new(start, Duration::from_secs(3_600));
        let mut feed = Feed::new(source, schedule, None, DeliverySize { max: 10, wait: false });
        let first = feed.next().await.unwrap().unwrap();
        assert_eq!((first.readings, first.due), (vec![outgoing(0)], start));
    }

    #[tokio::test]
    async fn a_silent_turn_takes_its_time_and_does_not_count() {
        let start = Instant::now();
        let schedule = Schedule::new(start, Duration::from_millis(1));
        let mut feed = Feed::new(Gaps(0), schedule, Some(4), DeliverySize { max: 1, wait: false });
        let mut sent = Vec::new();
        while let Some(delivery) = feed.next().await.unwrap() {
            sent.push((delivery.readings[0].json.clone(), (delivery.due - start).as_millis()));
        }
        let expected = [("0", 0), ("1", 1), ("5", 5), ("6", 6)];
        assert_eq!(sent, expected.map(|(json, ms)| (json.to_owned(), ms)));
    }

    #[tokio::test]
    async fn cancelling_loses_no_reading() {
        let source = Iter((0..3).map(|i| Ok::<_, ()>(outgoing(i))));
        let schedule = Schedule::new(Instant::now(), Duration::from_millis(20));
        let mut feed = Feed::new(source, schedule, None, DeliverySize { max: 3, wait: true });
        let delivery = loop {
            match tokio::time::timeout(Duration::from_millis(3), feed.next()).await {
                Ok(delivery) => break delivery.unwrap().unwrap(),
                Err(_elapsed) => continue,
            }
        };
        assert_eq!(delivery.readings, [outgoing(0), outgoing(1), outgoing(2)]);
    }

    #[tokio::test]
    async fn an_error_of_the_source_keeps_the_readings_taken_before() {
        let source = Iter([Ok(outgoing(0)), Err("torn")].into_iter());
        let schedule = Schedule::new(Instant::now(), Duration::ZERO);
        let mut feed = Feed::new(source, schedule, None, DeliverySize { max: 3, wait: true });
        assert_eq!(feed.next().await.unwrap_err(), "torn");
        assert_eq!(feed.rest().map(|rest| rest.readings), Some(vec![outgoing(0)]));
        assert!(feed.rest().is_none());
    }
}
