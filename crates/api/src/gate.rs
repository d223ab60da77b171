//! What happens to every request, whatever it asks for: it is named, admitted, counted and, if refused, logged.

use crate::body::Readings;
use crate::connection::{Answering, Connection};
use crate::error::ApiError;
use crate::linger::Lingering;
use crate::routes::{self, Route};
use crate::state::{App, Pass};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use hyper::body::{Frame, SizeHint};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;
use tower::ServiceExt;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_REQUEST_ID: usize = 128;

/// The whole service, gate included.
///
/// Most of what comes is one reading to score. It goes straight to its handler: on the way through the router it would be
/// boxed, cloned and matched for longer than it takes to score it.
pub struct Gate {
    app: Arc<App>,
    routes: Router,
}

impl Gate {
    /// The service that `app` describes.
    pub fn new(app: Arc<App>) -> Self {
        Gate { routes: routes::router(app.clone()), app }
    }

    /// Answers a request that came on that connection.
    pub async fn answer<B: Readings>(&self, connection: &Arc<Connection>, request: Request<B>) -> Response<Held> {
        let started = Instant::now();
        let answering = connection.begin();
        let app = &self.app;
        let route = Route::of(request.uri().path());
        let (head, body) = request.into_parts();
        let request_id = given_id(&head.headers).unwrap_or_else(next_id);
        let admitted = if route.is_open() || app.keys.admit(&head.headers) {
            app.enter(route)
        } else {
            Err(ApiError::Unauthorized)
        };
        let body = Lingering::new(body, &head.headers);
        let (mut response, pass) = match admitted {
            Ok(pass) => (self.handle(route, Request::from_parts(head, body)).await, Some(pass)),
            Err(refusal) => (refusal.into_response(), None),
        };
        app.telemetry.count_request(route, response.status(), started.elapsed());
        if let Some(refusal) = response.extensions().get::<ApiError>() {
            report(refusal, &request_id, route);
        }
        response.headers_mut().insert(REQUEST_ID, request_id);
        response.map(|body| Held { body, _pass: pass, _answering: answering })
    }

    /// The answer to an admitted request, also if its handler panics.
    async fn handle<B: Readings>(&self, route: Route, request: Request<B>) -> Response {
        let answered = async {
            if route == Route::Predict && request.method() == Method::POST {
                let (head, body) = request.into_parts();
                routes::predict(&self.app, &head.headers, body).await.into_response()
            } else {
                from_router(self.routes.clone(), route, request.map(Body::new)).await
            }
        };
        AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(panicked)
    }
}

/// The body of an answer. Until all of it is handed over, which may be while the request's body arrives, the request is
/// under way.
pub struct Held {
    body: Body,
    _pass: Option<Pass>,
    _answering: Answering,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn from_router(routes: Router, route: Route, request: Request<Body>) -> Response {
    let page = (route == Route::Docs).then(|| request.uri().path().to_owned());
    let response = routes.oneshot(request).await.into_response();
    match page {
        // What serves the pages has a refusal of its own.
        Some(path) if response.status() == StatusCode::NOT_FOUND => ApiError::NotFound { path }.into_response(),
        _ => response,
    }
}

/// The answer to a handler that panicked.
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    ApiError::Internal { cause: format!("panic: {}", text.unwrap_or_default()) }.into_response()
}

fn report(refusal: &ApiError, request_id: &HeaderValue, route: Route) {
    let request_id = request_id.to_str().unwrap_or_default();
    let (status, route) = (refusal.status().as_u16(), route.path());
    match refusal {
        ApiError::Internal { cause } => tracing::error!(request_id, route, status, cause, "internal error"),
        refusal if status >= 500 => tracing::warn!(request_id, route, status, "refused: {refusal}"),
        refusal => tracing::debug!(request_id, route, status, "refused: {refusal}"),
    }
}

/// The id that the client gave, if it can be put into a header and a log line.
fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(&REQUEST_ID)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let usable = !id.is_empty() && id.len() <= LONGEST_REQUEST_ID && id.as_bytes().iter().all(plain);
    usable.then(|| id.clone())
}

/// An id that no other request of this process has, nor, in all likelihood, of another.
fn next_id() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        (now.as_micros() as u32) ^ std::process::id().rotate_left(16)
    });
    let mut id = *b"00000000-0000000000";
    let mut digits = |at: std::ops::Range<usize>, mut number: u64| {
        for digit in id[at].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number % 16) as usize];
            number /= 16;
        }
    };
    digits(0..8, u64::from(*PROCESS));
    digits(9..19, NEXT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_ids_that_are_safe_to_log_are_taken_over() {
        let given = |id: &str| given_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(given("turbine-7:42").unwrap(), "turbine-7:42");
        for bad in ["", "two words", "a\"b", "{}", &"x".repeat(129)] {
            assert_eq!(given(bad), None, "{bad}");
        }
        assert_ne!(next_id(), next_id());
    }
}
