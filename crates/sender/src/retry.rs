//! How often and how soon a delivery is tried again.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);
/// A service that asks for more than this is asked again all the same.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(60);

/// The pauses before each further attempt: 0.25 s, doubled each time up to 10 s, each shortened by up to half at random
/// so that senders that failed together do not come back together. If the service asks for a longer pause it gets it, up
/// to a minute.
#[derive(Debug, Clone)]
pub struct Backoff {
    rng: ChaCha8Rng,
    retries: u32,
    used: u32,
}

impl Backoff {
    /// At most `retries` further attempts.
    pub fn new(retries: u32, seed: u64) -> Self {
        Backoff { rng: ChaCha8Rng::seed_from_u64(seed), retries, used: 0 }
    }

    /// How long to wait before the next attempt; `None` if none is left.
    pub fn pause(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        if self.used >= self.retries {
            return None;
        }
        let full = FIRST.saturating_mul(1 << self.used.min(16)).min(LONGEST);
        self.used += 1;
        let jittered = full.mul_f64(self.rng.random_range(0.5..=1.0));
        Some(jittered.max(retry_after.unwrap_or_default().min(LONGEST_ASKED_FOR)))
    }

    /// The attempt that follows the last pause, counted from 1 for the very first.
    pub fn attempt(&self) -> u32 {
        self.used + 1
    }

    /// All attempts there may be.
    pub fn attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Something was answered: the next trouble is a new one.
    pub fn reset(&mut self) {
        self.used = 0;
    }
}

/// Whether a status says "not now" rather than "not so".
pub fn is_transient(status: u16) -> bool {
    status == 429 || status >= 500
}

/// The pause in a `Retry-After` header given in seconds; a date is not understood and counts as none.
pub fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(seed: u64) -> Vec<f64> {
        let mut backoff = Backoff::new(8, seed);
        std::iter::from_fn(|| backoff.pause(None)).map(|pause| pause.as_secs_f64()).collect()
    }

    #[test]
    fn pauses_double_up_to_ten_seconds_and_are_shortened_by_at_most_half() {
        let full = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0];
        let pauses = pauses(42);
        assert_eq!(pauses.len(), full.len());
        for (pause, full) in pauses.iter().zip(full) {
            assert!(*pause >= full / 2.0 && *pause <= full, "{pause} of {full}");
        }
    }

    #[test]
    fn one_seed_one_sequence() {
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    }

    #[test]
    fn the_services_wish_counts_up_to_a_minute() {
        let mut backoff = Backoff::new(3, 1);
        assert_eq!(backoff.pause(Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert!(backoff.pause(Some(Duration::ZERO)).is_some_and(|pause| pause >= FIRST));
        assert_eq!(backoff.pause(Some(Duration::from_secs(86_400))), Some(Duration::from_secs(60)));
        assert_eq!(backoff.pause(Some(Duration::from_secs(3))), None);
    }

    #[test]
    fn many_retries_do_not_overflow_and_an_answer_starts_anew() {
        let mut backoff = Backoff::new(u32::MAX, 1);
        backoff.used = 1_000;
        assert!(backoff.pause(None).is_some_and(|pause| pause <= LONGEST));
        assert_eq!((backoff.attempt(), backoff.attempts()), (1_002, u32::MAX));
        backoff.reset();
        assert!(backoff.pause(None).is_some_and(|pause| pause <= FIRST));
    }

    #[test]
    fn only_not_now_is_tried_again() {
        let transient: Vec<u16> = [200, 302, 400, 401, 404, 408, 413, 422, 429, 500, 502, 503, 504]
            .into_iter()
            .filter(|&status| is_transient(status))
            .collect();
        assert_eq!(transient, [429, 500, 502, 503, 504]);
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(retry_after(" 2 "), Some(Duration::from_secs(2)));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(retry_after(other), None, "{other}");
        }
    }
}
