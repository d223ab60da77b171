//! Readings and their due times, put together into deliveries.

use crate::config::DeliverySize;
use crate::schedule::Schedule;
use crate::source::Outgoing;
use std::mem;
use std::time::Instant;

/// What one request carries.
#[derive(Debug)]
pub struct Delivery {
    /// Its place in the stream, from 0.
    pub number: u64,
    /// At least one.
    pub readings: Vec<Outgoing>,
    /// When the last of them was due.
    pub due: Instant,
}

/// Gives out deliveries, each as soon as it is due.
#[derive(Debug)]
pub struct Feed<S> {
    source: S,
    schedule: Schedule,
    left: Option<u64>,
    size: DeliverySize,
    upcoming: Option<(Instant, Outgoing)>,
    taken: Vec<Outgoing>,
    due: Instant,
    deliveries: u64,
}

impl<S, E> Feed<S>
where
    S: Iterator<Item = Result<Outgoing, E>>,
{
    /// The readings of `source`, at most `count` of them.
    pub fn new(source: S, schedule: Schedule, count: Option<u64>, size: DeliverySize) -> Self {
        let due = Instant::now();
        Feed { source, schedule, left: count, size, upcoming: None, taken: Vec::new(), due, deliveries: 0 }
    }

    /// Where the readings come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Waits for the next delivery; `None` after the last. Nothing is lost if the waiting is broken off.
    ///
    /// # Errors
    /// Those of the source; what was taken before can still be had by [`Feed::rest`].
    pub async fn next(&mut self) -> Result<Option<Delivery>, E> {
        while self.taken.len() < self.size.most {
            if self.upcoming.is_none() {
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

    /// What was due already but not given out, because its delivery was not full.
    pub fn rest(&mut self) -> Option<Delivery> {
        if self.taken.is_empty() {
            return None;
        }
        let delivery = Delivery { number: self.deliveries, readings: mem::take(&mut self.taken), due: self.due };
        self.deliveries += 1;
        Some(delivery)
    }

    fn draw(&mut self) -> Result<Option<(Instant, Outgoing)>, E> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let Some(reading) = self.source.next().transpose()? else { return Ok(None) };
        self.left = self.left.map(|left| left - 1);
        Ok(self.schedule.next().map(|due| (due, reading)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn outgoing(i: usize) -> Outgoing {
        Outgoing { json: i.to_string(), values: Vec::new(), is_anomaly: None }
    }

    /// The deliveries of 7 readings that are 1 ms apart, as the readings in them.
    async fn deliveries(start: Instant, count: Option<u64>, size: DeliverySize) -> Vec<Vec<String>> {
        let source = (0..7).map(|i| Ok::<_, ()>(outgoing(i)));
        let mut feed = Feed::new(source, Schedule::new(start, Duration::from_millis(1)), count, size);
        let mut all = Vec::new();
        while let Some(delivery) = feed.next().await.unwrap() {
            assert!(delivery.due <= Instant::now());
            assert_eq!(delivery.number, all.len() as u64);
            all.push(delivery.readings.into_iter().map(|reading| reading.json).collect());
        }
        all
    }

    #[tokio::test]
    async fn a_delivery_that_waits_is_full_but_for_the_last() {
        let size = DeliverySize { most: 3, wait: true };
        assert_eq!(deliveries(Instant::now(), None, size).await, [vec!["0", "1", "2"], vec!["3", "4", "5"], vec!["6"]]);
        assert_eq!(deliveries(Instant::now(), Some(4), size).await, [vec!["0", "1", "2"], vec!["3"]]);
    }

    #[tokio::test]
    async fn what_is_late_goes_together_up_to_the_limit() {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let size = |most| DeliverySize { most, wait: false };
        assert_eq!(deliveries(long_ago, None, size(5)).await, [vec!["0", "1", "2", "3", "4"], vec!["5", "6"]]);
        assert_eq!(deliveries(long_ago, Some(2), size(1)).await, [["0"], ["1"]]);
    }

    #[tokio::test]
    async fn what_is_not_due_is_not_waited_for() {
        // The second reading is due in an hour: the first goes alone.
        let start = Instant::now();
        let source = (0..2).map(|i| Ok::<_, ()>(outgoing(i)));
        let schedule = Schedule::new(start, Duration::from_secs(3_600));
        let mut feed = Feed::new(source, schedule, None, DeliverySize { most: 10, wait: false });
        let first = feed.next().await.unwrap().unwrap();
        assert_eq!((first.readings, first.due), (vec![outgoing(0)], start));
    }

    #[tokio::test]
    async fn nothing_is_lost_when_the_waiting_is_broken_off() {
        let source = (0..3).map(|i| Ok::<_, ()>(outgoing(i)));
        let schedule = Schedule::new(Instant::now(), Duration::from_millis(20));
        let mut feed = Feed::new(source, schedule, None, DeliverySize { most: 3, wait: true });
        let delivery = loop {
            match tokio::time::timeout(Duration::from_millis(3), feed.next()).await {
                Ok(delivery) => break delivery.unwrap().unwrap(),
                Err(_elapsed) => continue,
            }
        };
        assert_eq!(delivery.readings, [outgoing(0), outgoing(1), outgoing(2)]);
    }

    #[tokio::test]
    async fn a_fault_of_the_source_leaves_what_was_taken() {
        let source = [Ok(outgoing(0)), Err("torn")].into_iter();
        let schedule = Schedule::new(Instant::now(), Duration::ZERO);
        let mut feed = Feed::new(source, schedule, None, DeliverySize { most: 3, wait: true });
        assert_eq!(feed.next().await.unwrap_err(), "torn");
        assert_eq!(feed.rest().map(|rest| rest.readings), Some(vec![outgoing(0)]));
        assert!(feed.rest().is_none());
    }
}
