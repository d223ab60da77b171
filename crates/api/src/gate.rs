//! What happens to every request, whatever it asks for: it is named, admitted, counted and, if refused, logged.

use crate::body::Readings;
use crate::error::ApiError;
use crate::linger::Lingering;
use crate::routes::{self, Route};
use crate::state::{App, Pass};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::any::Any;
use std::convert::Infallible;
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
#[derive(Clone)]
pub struct Gate {
    app: Arc<App>,
    routes: Router,
}

impl Gate {
    /// The service that `app` describes.
    pub fn new(app: Arc<App>) -> Self {
        Gate { routes: routes::router(app.clone()), app }
    }

    async fn pass<B: Readings>(self, request: Request<B>) -> Response {
        let started = Instant::now();
        let Gate { app, routes } = self;
        let route = Route::of(request.uri().path());
        let (head, body) = request.into_parts();
        let body = Lingering::new(body, &head.headers);
        let request = Request::from_parts(head, body);
        let request_id = given_id(request.headers()).unwrap_or_else(next_id);
        let admitted = if route.is_open() || app.keys.admit(request.headers()) {
            app.enter(route)
        } else {
            Err(ApiError::Unauthorized)
        };
        let mut response = match admitted {
            Ok(pass) => under_way(answer(&app, routes, route, request).await, pass),
            Err(refusal) => refusal.into_response(),
        };
        app.telemetry.count_request(route, response.status(), started.elapsed());
        if let Some(refusal) = response.extensions().get::<ApiError>() {
            report(refusal, &request_id, route);
        }
        response.headers_mut().insert(REQUEST_ID, request_id);
        response
    }
}

impl<B: Readings> tower::Service<Request<B>> for Gate {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passed = self.clone().pass(request);
        Box::pin(async move { Ok(passed.await) })
    }
}

/// The answer to an admitted request, also if its handler panics.
async fn answer<B: Readings>(app: &Arc<App>, routes: Router, route: Route, request: Request<B>) -> Response {
    let answered = async {
        if route == Route::Predict && request.method() == Method::POST {
            let (head, body) = request.into_parts();
            routes::predict(app, &head.headers, body).await.into_response()
        } else {
            from_router(routes, route, request.map(Body::new)).await
        }
    };
    AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(panicked)
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

/// A request whose answer is written while its body arrives is under way until the answer ends.
fn under_way(response: Response, pass: Pass) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &pass;
            frame
        }))
    })
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
    let id = format!("{:08x}-{:x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
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
