//! When and how often a request is retried.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

const MIN_DELAY: Duration = Duration::from_millis(125);
const MAX_DELAY: Duration = Duration::from_secs(5);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Delays between attempts: 0.125 s, doubled each time up to 5 s, each lengthened by up to as much again at random so
/// that senders that failed together do not retry together. A longer `Retry-After` is respected, up to a minute.
///
/// Only the delays come from `backon`: its retry loop can neither send the unanswered part of a request nor start over
/// once some readings are answered.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    delays: ExponentialBackoff,
    retries: u32,
    used: u32,
}

impl Backoff {
    /// At most `retries` retries.
    pub fn new(retries: u32, seed: u64) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(MIN_DELAY)
            .with_max_delay(MAX_DELAY)
            .with_jitter()
            .with_jitter_seed(seed)
            .with_max_times(retries as usize);
        Backoff { builder, delays: builder.build(), retries, used: 0 }
    }

    /// The delay before the next attempt; `None` if no retry is left.
    pub fn delay(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let delay = self.delays.next()?;
        self.used += 1;
        Some(delay.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)))
    }

    /// Whether no retry is left.
    pub fn is_used_up(&self) -> bool {
        self.used >= self.retries
    }

    /// The number of the next attempt; the first is 1.
    pub fn attempt(&self) -> u32 {
        self.used + 1
    }

    /// The maximum number of attempts.
    pub fn attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Starts over, after progress: the next failure gets the shortest delay and all retries again.
    pub fn reset(&mut self) {
        self.delays = self.builder.build();
        self.used = 0;
    }
}

/// Whether a request answered with this status may succeed later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429) || status >= 500
}

/// The delay in a `Retry-After` header, in seconds; `None` for a date, which is not supported.
pub fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(seed: u64) -> Vec<f64> {
        let mut backoff = Backoff::new(8, seed);
        std::iter::from_fn(|| backoff.delay(None)).map(|delay| delay.as_secs_f64()).collect()
    }

    #[test]
    fn delays_double_up_to_a_maximum_with_up_to_as_much_jitter() {
        let base = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0];
        let delays = delays(42);
        assert_eq!(delays.len(), base.len());
        for (delay, base) in delays.iter().zip(base) {
            assert!(*delay >= base && *delay <= 2.0 * base, "{delay} for {base}");
        }
    }

    #[test]
    fn jitter_is_seeded() {
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[test]
    fn retry_after_is_respected_up_to_a_minute() {
        let mut backoff = Backoff::new(3, 1);
        assert_eq!(backoff.delay(Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert!(backoff.delay(Some(Duration::ZERO)).is_some_and(|delay| delay >= MIN_DELAY));
        assert_eq!(backoff.delay(Some(Duration::from_secs(86_400))), Some(Duration::from_secs(60)));
        assert_eq!(backoff.delay(Some(Duration::from_secs(3))), None);
    }

    #[test]
    fn many_retries_do_not_overflow_and_progress_resets_the_delay() {
        let mut backoff = Backoff::new(u32::MAX, 1);
        for _ in 0..1_000 {
            assert!(backoff.delay(None).is_some_and(|delay| delay <= 2 * MAX_DELAY));
        }
        assert_eq!((backoff.attempt(), backoff.attempts()), (1_001, u32::MAX));
        backoff.reset();
        assert!(backoff.delay(None).is_some_and(|delay| delay <= 2 * MIN_DELAY));
        assert_eq!(backoff.attempt(), 2);
    }

    #[test]
    fn only_transient_statuses_are_retried() {
        let transient: Vec<u16> = [200, 302, 400, 401, 404, 408, 413, 422, 429, 500, 502, 503, 504]
            .into_iter()
            .filter(|&status| is_transient(status))
            .collect();
        assert_eq!(transient, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(retry_after(" 2 "), Some(Duration::from_secs(2)));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(retry_after(other), None, "{other}");
        }
    }
}
