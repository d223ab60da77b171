//! How far a long replay is, on standard error.

use crate::config::Config;
use std::future::pending;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// A shorter replay says nothing.
const FIRST: Duration = Duration::from_secs(2);
/// Between two lines; on a terminal one line is written over and over.
const BETWEEN: Duration = Duration::from_secs(10);
const BETWEEN_ON_TERMINAL: Duration = Duration::from_millis(500);

/// Says how many readings are answered, if no line for each of them does.
#[derive(Debug)]
pub(super) struct Progress {
    start: Instant,
    /// `None` if nothing is to be said.
    next: Option<Instant>,
    answered: u64,
    on_terminal: bool,
}

impl Progress {
    pub(super) fn new(config: &Config) -> Self {
        let start = Instant::now();
        let is_wanted = config.replay.is_some() && !config.follow && config.quiet;
        let next = is_wanted.then(|| start + FIRST);
        Progress { start, next, answered: 0, on_terminal: stderr().is_terminal() }
    }

    pub(super) fn answered(&mut self, readings: u64) {
        self.answered += readings;
    }

    /// Resolves when something is to be said. Cancelling is safe.
    pub(super) async fn due(&self) {
        match self.next {
            Some(next) => tokio::time::sleep_until(next.into()).await,
            None => pending().await,
        }
    }

    pub(super) fn say(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let rate = self.answered as f64 / seconds;
        let (before, after) = if self.on_terminal { ("\r", "\x1b[K") } else { ("", "\n") };
        let mut out = stderr();
        // Nobody reads it if standard error is closed.
        let _ = write!(
            out,
            "{before}[sender] {} readings answered in {seconds:.0} s, {rate:.0} a second{after}",
            self.answered
        );
        let _ = out.flush();
        self.next = Some(Instant::now() + if self.on_terminal { BETWEEN_ON_TERMINAL } else { BETWEEN });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on_terminal && self.next.is_some_and(|next| next > self.start + FIRST) {
            let _ = writeln!(stderr());
        }
    }
}
