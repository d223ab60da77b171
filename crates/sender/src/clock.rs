//! Wall-clock times of readings.

use jiff::{SignedDuration, Timestamp};
use std::time::Instant;

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

/// Gives each reading the time at which it is due, to the microsecond.
///
/// Each time is later than the one before, so that no two readings of a stream share turbine and time: the service takes
/// two such readings with equal values for one that was sent twice.
#[derive(Debug)]
pub struct Clock {
    last: Timestamp,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { last: Timestamp::MIN }
    }
}

impl Clock {
    /// The wall-clock time at `due`.
    pub fn time_at(&mut self, due: Instant) -> Timestamp {
        self.time_after(Timestamp::now(), until(due))
    }

    fn time_after(&mut self, now: Timestamp, duration: SignedDuration) -> Timestamp {
        let due = now.saturating_add(duration).expect("a duration of seconds and less has no calendar units");
        let due = Timestamp::from_microsecond(due.as_microsecond()).unwrap_or(due);
        self.last = due.max(self.last.checked_add(MICROSECOND).unwrap_or(due));
        self.last
    }
}

/// The time from now to `due`; negative if it is past.
fn until(due: Instant) -> SignedDuration {
    let now = Instant::now();
    let duration = |to: Instant, from: Instant| {
        SignedDuration::try_from(to.saturating_duration_since(from)).unwrap_or(SignedDuration::MAX)
    };
    if due >= now { duration(due, now) } else { -duration(now, due) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_reading_has_the_time_at_which_it_is_due() {
        let (before, due) = (Timestamp::now(), Instant::now() + Duration::from_secs(3_600));
        let time = Clock::default().time_at(due);
        // Truncated to whole microseconds.
        assert!(time + MICROSECOND >= before + SignedDuration::from_hours(1));
        assert!(time <= Timestamp::now() + SignedDuration::from_hours(1));
        assert_eq!(time.subsec_nanosecond() % 1_000, 0);
    }

    #[test]
    fn no_two_readings_share_a_time() {
        let now: Timestamp = "2026-03-01T00:00:00.0000019Z".parse().unwrap();
        let mut clock = Clock::default();
        // Twice the same moment, then a clock set back by an hour, then a later moment.
        let times = [0, 0, -3_600, 1].map(|s| clock.time_after(now, SignedDuration::from_secs(s)).to_string());
        let seconds = ["00.000001", "00.000002", "00.000003", "01.000001"];
        assert_eq!(times, seconds.map(|seconds| format!("2026-03-01T00:00:{seconds}Z")));
    }
}
