//! When each reading is due.

use std::time::{Duration, Instant};

/// The due times of readings 0, 1, 2 …: reading i at start + i · interval, however long the answers take.
///
/// An iterator and not `tokio::time::interval`: that one rejects an interval of zero, and tells only by waiting whether
/// the next reading is already due, which an NDJSON request must know.
#[derive(Debug, Clone)]
pub struct Schedule {
    start: Instant,
    interval: Duration,
    next: u64,
}

impl Schedule {
    /// A schedule that begins at `start`. With an interval of zero, each reading is due at the moment it is asked for.
    pub fn new(start: Instant, interval: Duration) -> Self {
        Schedule { start, interval, next: 0 }
    }
}

impl Iterator for Schedule {
    type Item = Instant;

    /// `None` once the due time cannot be represented.
    fn next(&mut self) -> Option<Instant> {
        if self.interval.is_zero() {
            return Some(Instant::now());
        }
        let nanos = self.interval.as_nanos().checked_mul(u128::from(self.next))?;
        self.next += 1;
        self.start.checked_add(Duration::from_nanos(u64::try_from(nanos).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_i_is_due_at_start_plus_i_intervals() {
        let start = Instant::now();
        let due: Vec<_> = Schedule::new(start, Duration::from_millis(250)).take(4).map(|due| due - start).collect();
        assert_eq!(due, [0, 250, 500, 750].map(Duration::from_millis));
    }

    #[test]
    fn due_times_do_not_drift() {
        // 1/3 s is 333,333,333 ns when parsed; the millionth reading is due at exactly a million times that.
        let (start, third) = (Instant::now(), Duration::from_secs_f64(1.0 / 3.0));
        let due = Schedule::new(start, third).nth(1_000_000);
        assert_eq!(due.map(|due| due - start), Some(Duration::from_nanos(333_333_333 * 1_000_000)));
    }

    #[test]
    fn without_interval_a_reading_is_due_at_once() {
        let long_ago = Instant::now();
        let mut schedule = Schedule::new(long_ago, Duration::ZERO);
        let before = Instant::now();
        assert!(schedule.next().is_some_and(|due| due >= before && due <= Instant::now()));
        assert!(schedule.next().is_some_and(|due| due >= before));
    }

    #[test]
    fn the_schedule_ends_before_it_overflows() {
        let mut schedule =
            Schedule { next: u64::MAX - 1, ..Schedule::new(Instant::now(), Duration::from_secs(86_400)) };
        assert_eq!(schedule.next(), None);
    }
}
