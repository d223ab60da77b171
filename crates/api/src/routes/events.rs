//! `GET /events`.

use super::query::{self, Parameters, QueryRefusal};
use crate::error::{AnyRefusal, ApiError};
use crate::event_stream::{EventId, TooManyReaders};
use crate::state::App;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Where a client that comes back says what it received last.
const LAST_EVENT_ID: &str = "last-event-id";

/// What is followed, and from where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Following {
    /// Also send the readings of this turbine; `-` for those that name none.
    #[param(pattern = "^(-|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
    turbine: Option<String>,
    /// The id of the last event that was received, as in the header `Last-Event-ID`: the stream goes on behind it if that is
    /// possible.
    last_event_id: Option<String>,
}

/// One event of the stream, for the description of the interface.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub struct StreamedEvent {
    /// `snapshot`, `tick` or `readings`.
    event: String,
    /// What `Last-Event-ID` takes; `readings` have none.
    #[schema(required = false, nullable = false)]
    id: Option<String>,
    /// A JSON object.
    data: String,
}

/// Follows the fleet as server-sent events: `snapshot` with all turbines and running alarms, then every second `tick` with
/// what changed, and `readings` of the turbine that was named.
#[utoipa::path(
    get,
    path = "/events",
    params(Following),
    responses(
        (status = 200, description = "The stream, without an end.", content((StreamedEvent = "text/event-stream"))),
        QueryRefusal,
        AnyRefusal,
    ),
    tag = "turbines"
)]
pub async fn events(
    State(app): State<Arc<App>>,
    Parameters(following): Parameters<Following>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let turbine = following.turbine.as_deref().map(query::turbine).transpose()?;
    let header = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    // An id of which nothing is known is no fault: the stream begins with a snapshot then.
    let last: Option<EventId> = header.or(following.last_event_id.as_deref()).and_then(|id| id.parse().ok());
    let reader =
        app.event_stream.open(turbine, last).map_err(|TooManyReaders(limit)| ApiError::ManyReaders { limit })?;
    let frames = stream::unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok::<_, Infallible>(frame), reader))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies of the kind of nginx would gather frames otherwise.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}
