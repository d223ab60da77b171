//! `x-request-id`: the client's own if it is safe to log, else one of ours.

use axum::http::{HeaderName, HeaderValue, Request};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tower_http::request_id::{MakeRequestId, RequestId};

/// The header that carries it, in requests and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// Removes an id from which a log line could be forged or blown up.
pub fn drop_unsafe<B>(mut request: Request<B>) -> Request<B> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    if let Some(id) = request.headers().get(REQUEST_ID)
        && !(1..=MAX_LENGTH).contains(&id.len()) | !id.as_bytes().iter().all(is_plain)
    {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Ids that are unique in this process and, in all likelihood, among all: start time and process id, then a counter.
#[derive(Debug, Clone, Copy)]
pub struct Sequential;

impl MakeRequestId for Sequential {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (now.as_micros() as u32) ^ std::process::id().rotate_left(16)
        });
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The fastest way to write a number; the process is spelt out once.
        let id = u64::from(*PROCESS) << 32 | NEXT.fetch_add(1, Ordering::Relaxed);
        Some(RequestId::new(HeaderValue::from(id)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_ids_that_are_safe_to_log_are_taken_over() {
        let kept = |id: &str| {
            let request = drop_unsafe(Request::builder().header(REQUEST_ID, id).body(()).unwrap());
            request.headers().contains_key(REQUEST_ID)
        };
        assert!(kept("turbine-7:42") && kept("A/b+c=._") && kept(&"x".repeat(128)));
        for bad in ["", "two words", "a\"b", "{}", &"x".repeat(129)] {
            assert!(!kept(bad), "{bad}");
        }
    }

    #[test]
    fn no_id_is_given_twice() {
        let next = || Sequential.make_request_id(&Request::new(())).unwrap().into_header_value();
        let (one, other) = (next(), next());
        assert_ne!(one, other);
        assert_eq!(one.len(), "00000000-0000000000".len());
    }
}
