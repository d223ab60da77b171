//! One attempt to deliver a message.

use crate::target::Target;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use std::error::Error;
use std::time::Duration;

/// The longest time for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A `Retry-After` is not waited for any longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// The most that is shown of what a receiver answers, in characters.
const MAX_SHOWN: usize = 120;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver has the message.
    Taken,
    /// It may have it or not; another attempt may succeed, not before that time has passed.
    Failed { why: String, retry_after: Option<Duration> },
    /// It will never take it.
    Refused { why: String },
}

/// What messages are sent with.
pub(crate) trait Transport: Clone + Send + Sync + 'static {
    /// Sends a body once. `id` lets the receiver recognise one that comes again.
    fn send(&self, id: String, body: Vec<u8>) -> impl Future<Output = Outcome> + Send;
}

/// HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    target: Target,
}

impl Http {
    /// A client of a receiver.
    ///
    /// # Errors
    /// If it cannot be built on this machine.
    pub(crate) fn new(target: Target) -> reqwest::Result<Self> {
        // A redirect would turn a POST into a GET.
        let mut client = tls::client_builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        if target.is_local() {
            client = client.no_proxy();
        }
        Ok(Http { client: client.build()?, target })
    }
}

impl Transport for Http {
    async fn send(&self, id: String, body: Vec<u8>) -> Outcome {
        let request = self.client.post(self.target.url().clone());
        let request = request.header(CONTENT_TYPE, "application/json").header("Idempotency-Key", id).body(body);
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) => Outcome::Failed { why: describe(&error), retry_after: None },
        }
    }
}

async fn judge(response: Response) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Taken;
    }
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|text| retry_after(text, Timestamp::now()));
    let why = format!("it answered {}{}", status.as_u16(), shown(response).await);
    if is_final(status) { Outcome::Refused { why } } else { Outcome::Failed { why, retry_after } }
}

/// Whether a message answered so would never succeed.
fn is_final(status: StatusCode) -> bool {
    let may_pass = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
    !may_pass
}

/// The beginning of an answer, for people.
async fn shown(mut response: Response) -> String {
    // A kilobyte is enough, and an answer without end must not be waited for.
    let first = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&first[..first.len().min(1_024)]).into_owned();
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().filter(|sign| !sign.is_control()).take(MAX_SHOWN).collect();
    if words.is_empty() { String::new() } else { format!(" ({words})") }
}

/// The innermost cause. The error itself would show the URL.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut innermost: Option<&dyn Error> = error.source();
    while let Some(source) = innermost.and_then(Error::source) {
        innermost = Some(source);
    }
    let problem = if error.is_connect() { "cannot connect" } else { "connection lost" };
    innermost.map_or_else(|| problem.to_owned(), |cause| format!("{problem}: {cause}"))
}

/// The delay that a `Retry-After` asks for: seconds, or a date.
fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let seconds = header.parse().ok().map(Duration::from_secs);
    let delay = seconds.or_else(|| {
        let until = rfc2822::parse(header).ok()?.timestamp();
        Some(until.duration_since(now).max(jiff::SignedDuration::ZERO).unsigned_abs())
    });
    delay.map(|delay| delay.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_would_never_succeed_is_final() {
        let finals: Vec<u16> = [301, 400, 401, 403, 404, 408, 410, 413, 425, 429, 500, 502, 503, 504]
            .into_iter()
            .filter(|&status| is_final(StatusCode::from_u16(status).unwrap()))
            .collect();
        assert_eq!(finals, [301, 400, 401, 403, 404, 410, 413]);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_up_to_an_hour() {
        let now: Timestamp = "2026-10-21T07:27:30Z".parse().unwrap();
        for (header, seconds) in [
            (" 2 ", Some(2)),
            ("86400", Some(3_600)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(30)),
            ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(header, now), seconds.map(Duration::from_secs), "{header:?}");
        }
    }
}
