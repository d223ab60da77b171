//! `x-request-id`: the client's own if it is safe to log, else one of ours.
//!
//! tower-http's layers for it keep the id in an extension and two headers, which takes a tenth of the time of a request.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The header that carries it, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// The id of the request with these headers.
pub fn of(headers: &HeaderMap) -> HeaderValue {
    headers.get(REQUEST_ID).filter(|id| is_safe(id.as_bytes())).cloned().unwrap_or_else(next)
}

/// Whether no log line can be forged or blown up with it.
fn is_safe(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_plain)
}

/// An id that is unique in this process and, in all likelihood, among all: from start time and process id, then counted.
fn next() -> HeaderValue {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_micros() as u32) ^ std::process::id().rotate_left(16)
    });
    static NEXT: AtomicU32 = AtomicU32::new(0);
    HeaderValue::from(u64::from(*PROCESS) << 32 | u64::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_are_safe_to_log_are_taken_over() {
        let kept = |id: &'static str| {
            let id = HeaderValue::from_static(id);
            of(&HeaderMap::from_iter([(REQUEST_ID, id.clone())])) == id
        };
        assert!(kept("turbine-7:42") && kept("A/b+c=._"));
        for bad in ["", "two words", "a\"b", "{}"] {
            assert!(!kept(bad), "{bad}");
        }
        assert!(is_safe(&[b'x'; 128]) && !is_safe(&[b'x'; 129]));
    }

    #[test]
    fn no_id_is_given_twice() {
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}
