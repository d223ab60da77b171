//! When messages are composed, and when they are sent again.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;
use tokio::time::Instant;

/// How long is waited for more to happen before the first message.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(2);

/// The longest that is waited, while one message follows the other.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// After this time without a message, the next one is a first one again.
const CALM: Duration = Duration::from_secs(60);

/// How long to wait for more before a message is composed: 2 s, and twice as long with each message that follows another
/// within a minute, up to 30 s. So a storm of alarms is some messages and not one every two seconds.
#[derive(Debug, Default)]
pub(crate) struct Grouping {
    /// When the last message was composed, and how long was waited before.
    last: Option<(Instant, Duration)>,
}

impl Grouping {
    /// The wait from now on, something having happened.
    pub(crate) fn wait(&self) -> Duration {
        match self.last {
            Some((at, wait)) if at.elapsed() < CALM => (2 * wait).min(MAX_WAIT),
            _ => FIRST_WAIT,
        }
    }

    /// Notes that a message was composed.
    pub(crate) fn composed(&mut self) {
        self.last = Some((Instant::now(), self.wait()));
    }
}

/// Delays between attempts: 1 s, doubled each time up to 150 s, each lengthened by up to as much again at random, so that
/// services that failed together do not retry together. A longer `Retry-After` is respected.
#[derive(Debug)]
pub(crate) struct Backoff {
    builder: ExponentialBuilder,
    delays: ExponentialBackoff,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(Duration::from_secs(1))
            .with_max_delay(Duration::from_secs(150))
            .with_jitter()
            .with_jitter_seed(seed)
            .without_max_times();
        Backoff { builder, delays: builder.build() }
    }

    /// The delay before the next attempt.
    pub(crate) fn delay(&mut self, retry_after: Option<Duration>) -> Duration {
        let delay = self.delays.next().unwrap_or_else(|| {
            self.reset();
            self.delays.next().unwrap_or(FIRST_WAIT)
        });
        delay.max(retry_after.unwrap_or_default())
    }

    /// The next failure gets the shortest delay again.
    pub(crate) fn reset(&mut self) {
        self.delays = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[test]
    fn delays_double_from_a_second_and_stay_within_five_minutes() {
        let mut backoff = Backoff::new(7);
        let base = [1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150];
        for base in base.map(Duration::from_secs) {
            let delay = backoff.delay(None);
            assert!(delay >= base && delay <= 2 * base && delay <= Duration::from_secs(300), "{delay:?} for {base:?}");
        }
        assert_eq!(backoff.delay(Some(Duration::from_secs(1_000))), Duration::from_secs(1_000));
        backoff.reset();
        assert!(backoff.delay(Some(Duration::ZERO)) <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_grows_while_messages_follow_each_other_and_begins_anew_after_a_calm_minute() {
        let mut grouping = Grouping::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(grouping.wait().as_secs());
            advance(grouping.wait()).await;
            grouping.composed();
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        advance(CALM).await;
        assert_eq!(grouping.wait(), FIRST_WAIT);
    }
}
