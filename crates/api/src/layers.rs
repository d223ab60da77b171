//! The layers in front of the routes: every request is named, counted, authorised and admitted, every refusal logged.

use crate::error::ApiError;
use crate::in_flight::TrackedBody;
use crate::request_id::{self, REQUEST_ID};
use crate::route::Route;
use crate::routes;
use crate::state::App;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

/// The whole service: all routes behind all layers.
pub fn service(app: Arc<App>) -> impl HttpService {
    layered(routes::router(app.clone()), app)
}

/// What [`service()`] is to a server.
pub trait HttpService:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// The layers lie around the router as a whole: added to it, each route would have its own stack, boxed once more.
#[expect(clippy::result_large_err, reason = "the layer for keys asks for this type")]
fn layered(routes: Router, app: Arc<App>) -> impl HttpService {
    let keys = app.keys.clone();
    let authorise = move |request: &mut Request| {
        let open = Route::of(request.uri().path()).is_open() || keys.admit(request.headers());
        if open { Ok(()) } else { Err(ApiError::Unauthorized.into_response()) }
    };
    // From the outermost to the innermost.
    ServiceBuilder::new()
        .layer_fn(|inner| Observed { inner, app: app.clone() })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, HeaderName::from_static("x-api-key")]))
        .layer(ValidateRequestHeaderLayer::custom(authorise))
        .service(routes)
}

/// Names the request, admits it, counts it by route and status, and logs a refusal.
///
/// As one service, since `axum::middleware::from_fn` clones and boxes all that lies within.
#[derive(Clone)]
struct Observed<S> {
    inner: S,
    app: Arc<App>,
}

impl<S, B> Service<Request> for Observed<S>
where
    S: Service<Request, Response = axum::http::Response<B>, Error = Infallible, Future: Send + 'static>,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let started = Instant::now();
        let app = self.app.clone();
        let route = Route::of(request.uri().path());
        let request_id = request_id::of(request.headers());
        let limit = app.limits.max_in_flight.get();
        let guard = app.in_flight.enter(if route.is_always_admitted() { u64::MAX } else { limit });
        let answer = guard.map(|guard| (self.inner.call(request), guard));
        Box::pin(async move {
            let mut response = match answer {
                // The streams have a limit of their own, and end by themselves at shutdown.
                Some((answer, _guard)) if route.is_endless() => answer.await?.map(Body::new),
                Some((answer, guard)) => answer.await?.map(|body| Body::new(TrackedBody::new(body, guard))),
                None => ApiError::Busy { limit }.into_response(),
            };
            app.telemetry.count_request(route, response.status(), started.elapsed());
            if let Some(refusal) = response.extensions().get::<ApiError>() {
                report(refusal, &request_id, route);
            }
            response.headers_mut().insert(REQUEST_ID, request_id);
            Ok(response)
        })
    }
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

/// The answer to a request whose handler panicked.
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    ApiError::Internal { cause: format!("panic: {}", text.unwrap_or_default()) }.into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;
    use crate::startup::pipeline_config;
    use axum::routing::get;
    use clap::Parser;
    use http_body_util::BodyExt;
    use pipeline::Pipeline;
    use prometheus::Registry;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    /// All layers around these routes, with room for one request.
    fn service(routes: Router) -> (Arc<App>, impl HttpService) {
        let config = Config::parse_from(["api", "--max-in-flight", "1"]);
        let registry = Registry::new();
        let no_model = Err("no model in this test".into());
        let pipeline = Pipeline::open(pipeline_config(&config), no_model, &registry).unwrap();
        let app = Arc::new(App::new(pipeline, registry, Default::default(), config.limits));
        (app.clone(), layered(routes, app))
    }

    async fn ask(service: &impl HttpService, path: &str) -> Response {
        service.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn json(response: Response) -> Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_500_and_the_service_goes_on() {
        let panics = || async {
            if true {
                panic!("secret")
            }
        };
        let (app, service) = service(Router::new().route("/predict", get(panics)).route("/metrics", get(|| async {})));
        for requests in 1..=2 {
            let response = ask(&service, "/predict").await;
            assert_eq!(response.status(), 500);
            assert!(response.headers().contains_key(REQUEST_ID));
            assert!(
                matches!(response.extensions().get(), Some(ApiError::Internal { cause }) if cause == "panic: secret")
            );
            assert_eq!(json(response).await, json!({"error": "internal error"}));
            let summary = app.telemetry.summary(0);
            assert_eq!((summary.requests_total, summary.requests_5xx), (requests, requests));
        }
        assert_eq!(ask(&service, "/metrics").await.status(), 200);
    }

    #[tokio::test]
    async fn a_stream_of_lines_is_in_flight_to_its_end() {
        let lines = || async { Body::from_stream(futures_util::stream::iter([Ok::<_, Infallible>("a\n"), Ok("b\n")])) };
        let (app, service) =
            service(Router::new().route("/predict/batch", get(lines)).route("/health", get(|| async {})));
        let mut stream = ask(&service, "/predict/batch").await;
        for _ in 0..2 {
            stream.body_mut().frame().await.unwrap().unwrap();
            let busy = ask(&service, "/predict/batch").await;
            assert_eq!((busy.status().as_u16(), busy.headers()[header::RETRY_AFTER].to_str().unwrap()), (503, "1"));
            assert_eq!(json(busy).await, json!({"error": "too many requests in flight (limit 1); retry later"}));
            assert_eq!(ask(&service, "/health").await.status(), 200);
        }
        drop(stream);
        assert_eq!(app.in_flight.count(), 0);
        assert_eq!(ask(&service, "/predict/batch").await.status(), 200);
    }
}
