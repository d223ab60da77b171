//! The one way in which the service refuses.

use crate::memory::MemoryExhausted;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pipeline::decode::{BadReadings, IndexedFault};
use pipeline::park::ParkError;
use pipeline::{HandleError, HistoryError, ReloadError, SubmitError};
use serde::Serialize;
use std::sync::Arc;
use turbine_core::alarm_log::AlarmIdError;
use turbine_core::reading::ReadingError;
use utoipa::{IntoResponses, ToSchema};

/// How long a client should wait before it asks again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// What a client gets instead of the answer it asked for. The documentation of each variant begins with its status.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// 400: the request is malformed, or a reading has faults.
    #[error(transparent)]
    BadRequest(#[from] BadReadings),
    /// 401: no key, or a wrong one.
    #[error("this needs an API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    Unauthorized,
    /// 404: nothing lives there.
    #[error("there is no {path}; see /docs for what there is")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// 404: nothing is known of that turbine.
    #[error(
        "there is no reading of turbine {turbine:?}; see /turbines for those that are known, `-` for readings that name none"
    )]
    UnknownTurbine {
        /// The turbine.
        turbine: String,
    },
    /// 404: no alarm can be called so.
    #[error("{0}; see /alarms")]
    NoAlarmId(#[from] AlarmIdError),
    /// 405: it lives there, but does not answer to that method.
    #[error("{path} does not answer {method}; it answers {allow}")]
    MethodNotAllowed {
        /// What was asked for.
        path: String,
        /// How it was asked for.
        method: String,
        /// How it may be asked for.
        allow: String,
    },
    /// 408: the body did not arrive in time.
    #[error("the body did not arrive within {seconds} s")]
    BodyTimeout {
        /// How long it might have taken.
        seconds: f64,
    },
    /// 413: the body is too large.
    #[error("the body is larger than {limit} bytes; send less at once, or newline-delimited JSON to /predict/batch")]
    TooLarge {
        /// How large it may be.
        limit: u64,
    },
    /// 413: a line of newline-delimited JSON is too long.
    #[error("the line is longer than {limit} bytes, which is the most")]
    LineTooLong {
        /// How long it may be.
        limit: u64,
    },
    /// 415: the body is of a kind that is not read here.
    #[error("content type {content_type:?} is not read here; send {expected}")]
    UnsupportedMediaType {
        /// What it was said to be.
        content_type: String,
        /// What it may be.
        expected: &'static str,
    },
    /// 422: what is to be done with an alarm cannot be done so.
    #[error("{field}: {problem}")]
    BadAction {
        /// The key in the request.
        field: String,
        /// What is wrong with it, what was sent, and what would do.
        problem: String,
    },
    /// 404: no such alarm is in memory. 501: in front of a cluster, which does not store alarm actions. 503: the action
    /// cannot be written.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// 501: in front of a cluster, whose workers score. 422: the model file cannot be used, and does not go into
    /// service. 400: it has no such name. 409: there is nothing to put into service. 503: no log can be begun for its
    /// features, or a file cannot be written.
    #[error(transparent)]
    Reload(#[from] ReloadError),
    /// 503: there is no model, or the prediction cannot be logged, so it is not given. In front of a cluster also 400: the
    /// reading has faults. 504: it is not scored yet.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// 503: the history of a turbine cannot be read now.
    #[error(transparent)]
    History(#[from] Arc<HistoryError>),
    /// 503: too many requests in flight.
    #[error("too many requests in flight (limit {limit}); retry later")]
    Busy {
        /// How many there may be.
        limit: u64,
    },
    /// 503: too many event streams.
    #[error("too many event streams are open (limit {limit}); close one or retry later")]
    ManyReaders {
        /// How many there may be.
        limit: usize,
    },
    /// 503: too many bytes of requests and answers in memory.
    #[error(transparent)]
    MemoryExhausted(#[from] MemoryExhausted),
    /// 500: a defect of the service; the cause is logged and not told.
    #[error("internal error")]
    Internal {
        /// What happened.
        cause: String,
    },
}

impl ApiError {
    /// A fault that no field is to blame for.
    pub fn bad_request(message: impl Into<String>) -> Self {
        BadReadings::of_text(message).into()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::BadRequest(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiError::NotFound { .. }
            | ApiError::UnknownTurbine { .. }
            | ApiError::NoAlarmId(_)
            | ApiError::Handle(HandleError::UnknownAlarm(_)) => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::BodyTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            ApiError::TooLarge { .. } | ApiError::LineTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::Reload(ReloadError::Refused(_)) | ApiError::BadAction { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::Reload(ReloadError::Name(_)) => StatusCode::BAD_REQUEST,
            ApiError::Reload(ReloadError::Nothing(_)) => StatusCode::CONFLICT,
            ApiError::Reload(ReloadError::Elsewhere) | ApiError::Handle(HandleError::NotKept) => {
                StatusCode::NOT_IMPLEMENTED
            }
            ApiError::Submit(SubmitError::Park(error)) => match error.first() {
                ParkError::Rejected(_) => StatusCode::BAD_REQUEST,
                ParkError::Pending { .. } => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
            ApiError::Reload(ReloadError::Log(_) | ReloadError::NotSaved(_))
            | ApiError::Submit(_)
            | ApiError::Handle(_)
            | ApiError::History(_)
            | ApiError::Busy { .. }
            | ApiError::ManyReaders { .. }
            | ApiError::MemoryExhausted(_) => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body of the answer.
    pub fn envelope(&self) -> Envelope<'_> {
        let mut envelope = Envelope { error: self.to_string(), faults: &[], more_faults: 0, reason: None };
        match self {
            ApiError::BadRequest(BadReadings { faults, more_faults, .. }) => {
                (envelope.faults, envelope.more_faults) = (faults, *more_faults);
            }
            ApiError::Submit(SubmitError::Park(error)) => {
                if let ParkError::Rejected(BadReadings { faults, more_faults, .. }) = error.first() {
                    (envelope.faults, envelope.more_faults) = (faults, *more_faults);
                }
            }
            ApiError::Submit(SubmitError::NoModel { reason })
            | ApiError::Handle(HandleError::NoModel(SubmitError::NoModel { reason })) => envelope.reason = Some(reason),
            _ => {}
        }
        envelope
    }
}

/// The one shape of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct Envelope<'a> {
    /// What is wrong and what to do about it.
    pub error: String,
    /// What is wrong, field by field.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(schema_with = crate::schema::faults, required = false)]
    pub faults: &'a [IndexedFault],
    /// How many more faults there are than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub more_faults: usize,
    /// Why the service cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub reason: Option<&'a str>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How any request can be refused, for the description of the interface.
#[derive(IntoResponses)]
pub enum AnyRefusal {
    /// No API key, or a wrong one; only if the service wants one.
    #[response(status = 401)]
    Unauthorized(Envelope<'static>),
    /// A defect of the service; its log says more.
    #[response(status = 500)]
    Internal(Envelope<'static>),
    /// It cannot now: no model, no room in the log, or too many requests in flight. Retry after `Retry-After` seconds.
    #[response(status = 503)]
    Unavailable(Envelope<'static>),
}

/// How readings can be refused besides, for the description of the interface.
#[derive(IntoResponses)]
pub enum ReadingRefusal {
    /// The body is not what it should be; `faults` names every field that is wrong.
    #[response(status = 400)]
    BadRequest(Envelope<'static>),
    /// The body did not arrive in time.
    #[response(status = 408)]
    BodyTimeout(Envelope<'static>),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(Envelope<'static>),
    /// The body is of a kind that is not read here.
    #[response(status = 415)]
    UnsupportedMediaType(Envelope<'static>),
    /// In front of a cluster: the readings were taken and will be scored, but are not yet.
    #[response(status = 504)]
    Pending(Envelope<'static>),
}

impl From<ReadingError> for ApiError {
    fn from(error: ReadingError) -> Self {
        BadReadings::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.envelope())).into_response();
        let headers = response.headers_mut();
        match &self {
            ApiError::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            ApiError::MethodNotAllowed { allow, .. } => {
                if let Ok(allow) = HeaderValue::from_str(allow) {
                    headers.insert(header::ALLOW, allow);
                }
            }
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        // For the line that the gate logs; it knows the request.
        response.extensions_mut().insert(self);
        response
    }
}
