//! What the service answers to.

mod alarm_actions;
mod alarms;
mod answer;
mod drift;
mod events;
mod health;
mod lifecycle;
mod metrics;
mod model_info;
mod models;
mod ndjson;
mod openapi;
mod page;
mod predict;
mod query;
mod reload;
mod turbine;
mod turbines;

use crate::error::ApiError;
use crate::route::Route;
use crate::state::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use answer::{Answer, Answers};

/// All routes, without the layers in front of them.
pub fn router(app: Arc<App>) -> Router {
    let (router, description) = OpenApiRouter::new()
        .routes(routes!(predict::one))
        .routes(routes!(predict::batch))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(model_info::model_info))
        .routes(routes!(reload::reload))
        .routes(routes!(models::models))
        .routes(routes!(lifecycle::begin_shadow, lifecycle::end_shadow))
        .routes(routes!(lifecycle::promote))
        .routes(routes!(lifecycle::roll_back))
        .routes(routes!(turbines::turbines))
        .routes(routes!(turbine::turbine))
        .routes(routes!(turbine::history))
        .routes(routes!(alarms::alarms))
        .routes(routes!(alarm_actions::act))
        .routes(routes!(drift::drift))
        .routes(routes!(events::events))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    let docs = SwaggerUi::new(Route::Docs.path()).config(Config::from(Route::OpenApi.path()));
    router
        .route(Route::OpenApi.path(), get(move |app| openapi::document(app, description)))
        .merge(page::router())
        .merge(Router::from(docs).layer(from_fn(page_not_found)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
        // Each handler bounds its body itself, so that the refusal has the one shape.
        .layer(DefaultBodyLimit::disable())
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::NotFound { path: uri.path().to_owned() }
}

/// Swagger UI answers 404 in plain text.
async fn page_not_found(uri: Uri, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND { not_found(uri).await.into_response() } else { response }
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let allow = Route::of(uri.path()).allow().to_owned();
    ApiError::MethodNotAllowed { path: uri.path().to_owned(), method: method.to_string(), allow }
}
