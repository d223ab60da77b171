//! The layers in front of the routes: every request is named, counted, authorised and admitted, every refusal logged.

use crate::error::ApiError;
use crate::in_flight::TrackedBody;
use crate::request_id::{self, REQUEST_ID};
use crate::route::Route;
use crate::routes;
use crate::state::App;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

/// The whole service: all routes behind all layers.
pub fn service(app: Arc<App>) -> impl HttpService {
    layered(routes::router(app.clone()), app)
}

/// What [`service`] is to a server.
pub trait HttpService:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// The layers lie around the router as a whole: added to it, each route would have its own stack, boxed once more.
fn layered(routes: Router, app: Arc<App>) -> impl HttpService {
    let keys = app.keys.clone();
    let authorise = move |request: &mut Request| {
        let open = Route::of(request.uri().path()).is_open() || keys.admit(request.headers());
        if open { Ok(()) } else { Err(ApiError::Unauthorized.into_response()) }
    };
    // From the outermost to the innermost.
    ServiceBuilder::new()
        .map_request(request_id::drop_unsafe)
        .layer(SetRequestIdLayer::new(REQUEST_ID, request_id::Sequential))
        .layer(from_fn_with_state(app, observe))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, HeaderName::from_static("x-api-key")]))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(ValidateRequestHeaderLayer::custom(authorise))
        .service(routes)
}

/// Admits the request, counts it by route and status, and logs a refusal.
///
/// Health is always admitted: an orchestrator that is told that a busy service is dead restarts it.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = Route::of(request.uri().path());
    let limit = app.limits.max_in_flight.get();
    let response = match app.in_flight.enter(if route.is_open() { u64::MAX } else { limit }) {
        Some(guard) => next.run(request).await.map(|body| Body::new(TrackedBody::new(body, guard))),
        None => ApiError::Busy { limit }.into_response(),
    };
    app.telemetry.count_request(route, response.status(), started.elapsed());
    if let Some(refusal) = response.extensions().get::<ApiError>() {
        let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        report(refusal, request_id, route);
    }
    response
}

fn report(refusal: &ApiError, request_id: Option<&str>, route: Route) {
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
