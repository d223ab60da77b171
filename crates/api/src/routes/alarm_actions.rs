//! `POST /alarms/{id}/actions`.

use crate::body::{self, Kind};
use crate::error::{AnyRefusal, ApiError, Envelope, ReadingRefusal};
use crate::schema::AlarmSchema;
use crate::state::App;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pipeline::alarms::Alarm;
use serde::Deserialize;
use std::sync::Arc;
use turbine_core::alarm_log::{ActionKind, Line, LineError};
use turbine_core::time::read_alone;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The longest time for which an alarm can be snoozed.
const LONGEST_SNOOZE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How much of a value is repeated in a refusal, in characters.
const SHOWN: usize = 80;

/// Which alarm is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Named {
    /// The alarm, as in the list of alarms; percent-encoded.
    #[param(example = "WT-01@2026-01-31T12:00:00Z")]
    id: String,
}

/// What is to be done with an alarm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlarmAction)]
pub struct Request {
    action: Action,
    /// Name of the person who acts: 1 to 64 characters in one line.
    #[schema(min_length = 1, max_length = 64, example = "Ann")]
    by: String,
    /// For a snooze, its end: RFC 3339, in the future and at most 30 days ahead.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// What there is to say, up to 1,000 characters in one line; needed if the action is to comment.
    #[schema(min_length = 1, max_length = 1000)]
    comment: Option<String>,
}

/// What can be done with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Say that somebody takes care of it: its notifications stop.
    Acknowledge,
    /// Take that back.
    Unacknowledge,
    /// Stop its notifications until a time.
    Snooze,
    /// Only comment.
    Comment,
    /// Say that the turbine was running normally.
    FalseAlarm,
    /// Take that back.
    NotFalseAlarm,
}

/// How an action can be refused besides, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum ActionRefusal {
    /// There is no such alarm.
    #[response(status = 404)]
    NotFound(Envelope<'static>),
    /// A field is missing, or its value cannot be used.
    #[response(status = 422)]
    BadAction(Envelope<'static>),
    /// In front of a cluster: nothing keeps what people do with its alarms.
    #[response(status = 501)]
    NotKept(Envelope<'static>),
}

/// Does something with an alarm, running or past, on behalf of a person.
///
/// It is on the disk in `alarms.csv` before it is answered. The last action of a kind wins; the file has all of them.
#[utoipa::path(
    post,
    path = "/alarms/{id}/actions",
    params(Named),
    request_body = Request,
    responses(
        (status = 200, description = "The alarm as it is now.", content((AlarmSchema = "application/json"))),
        ReadingRefusal,
        ActionRefusal,
        AnyRefusal,
    ),
    tag = "turbines"
)]
pub async fn act(
    State(app): State<Arc<App>>,
    Path(Named { id }): Path<Named>,
    _: Kind,
    body: Body,
) -> Result<Json<Arc<Alarm>>, ApiError> {
    let body = body::read(body, &app.limits, &app.memory).await?;
    let request = parse(&body.bytes)?;
    let kind = request.kind(Timestamp::now())?;
    let by = line("by", &request.by)?;
    let comment = request.comment.as_deref().map(|text| line("comment", text)).transpose()?;
    let alarm = app.pipeline.handle_alarm(id.parse()?, kind, by, comment).await?;
    Ok(Json(alarm))
}

fn parse(body: &[u8]) -> Result<Request, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { "the body".to_owned() } else { field };
        (field, error.into_inner())
    });
    let whole = parsed.and_then(|request| json.end().map(|()| request).map_err(|error| (String::new(), error)));
    whole.map_err(|(field, error)| {
        if error.is_data() {
            ApiError::BadAction { field, problem: error.to_string() }
        } else {
            ApiError::bad_request(format!("the body is not JSON: {error}"))
        }
    })
}

impl Request {
    fn kind(&self, now: Timestamp) -> Result<ActionKind, ApiError> {
        if self.action != Action::Snooze && self.until.is_some() {
            return Err(refused("until", "only a snooze has an end; leave it out", self.until.as_deref()));
        }
        if self.action == Action::Comment && self.comment.is_none() {
            return Err(refused("comment", "give the words of the comment", None));
        }
        Ok(match self.action {
            Action::Acknowledge => ActionKind::Acknowledged,
            Action::Unacknowledge => ActionKind::Unacknowledged,
            Action::Snooze => ActionKind::Snoozed { until: end_of_snooze(self.until.as_deref(), now)? },
            Action::Comment => ActionKind::Commented,
            Action::FalseAlarm => ActionKind::MarkedFalse,
            Action::NotFalseAlarm => ActionKind::UnmarkedFalse,
        })
    }
}

fn end_of_snooze(text: Option<&str>, now: Timestamp) -> Result<Timestamp, ApiError> {
    let until = text.and_then(|text| read_alone(text, &TimeZone::UTC));
    until.filter(|until| *until > now && until.duration_since(now) <= LONGEST_SNOOZE).ok_or_else(|| {
        let problem =
            format!("give a time in the future and at most 30 days ahead, in the form of {now:.0}, which is now");
        refused("until", &problem, text)
    })
}

fn line<const MAX: usize>(field: &str, text: &str) -> Result<Line<MAX>, ApiError> {
    text.parse().map_err(|error: LineError| refused(field, &error.to_string(), Some(text)))
}

/// A refusal that names the field, the remedy and the value.
fn refused(field: &str, problem: &str, value: Option<&str>) -> ApiError {
    let got = value.map_or("nothing".to_owned(), |value| {
        let shown: String = value.chars().take(SHOWN).collect();
        let more = if shown.len() < value.len() { " …" } else { "" };
        format!("{shown:?}{more}")
    });
    ApiError::BadAction { field: field.to_owned(), problem: format!("{problem}; got {got}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is to be done, or the status and the words of the refusal.
    fn outcome(body: &str) -> Result<ActionKind, (u16, String)> {
        let now: Timestamp = "2026-01-31T12:00:00.5Z".parse().unwrap();
        let request = parse(body.as_bytes()).and_then(|request| request.kind(now));
        request.map_err(|error| (error.status().as_u16(), error.to_string()))
    }

    #[test]
    fn each_action_is_understood() {
        let until = "2026-03-02T12:00:00Z".parse().unwrap();
        for (action, kind) in [
            (r#""acknowledge""#, ActionKind::Acknowledged),
            (r#""unacknowledge""#, ActionKind::Unacknowledged),
            (r#""snooze", "until": "2026-03-02T13:00:00+01:00""#, ActionKind::Snoozed { until }),
            (r#""comment", "comment": "x""#, ActionKind::Commented),
            (r#""false_alarm", "comment": "x", "until": null"#, ActionKind::MarkedFalse),
            (r#""not_false_alarm""#, ActionKind::UnmarkedFalse),
        ] {
            assert_eq!(outcome(&format!(r#"{{"by": "Ann", "action": {action}}}"#)), Ok(kind));
        }
    }

    #[test]
    fn a_refusal_names_the_field_the_value_and_the_remedy() {
        for (body, status, words) in [
            ("{", 400, "not JSON"),
            ("", 400, "not JSON"),
            (r#"{"by": "Ann", "action": "comment", "comment": "x"} {}"#, 400, "not JSON"),
            ("[]", 422, "expected"),
            (r#"{"action": "comment"}"#, 422, "missing field `by`"),
            (r#"{"by": 5, "action": "comment"}"#, 422, "by: invalid type: integer `5`, expected a string"),
            (
                r#"{"by": "Ann", "action": "shout"}"#,
                422,
                "action: unknown variant `shout`, expected one of `acknowledge`",
            ),
            (r#"{"by": "Ann", "action": "comment", "colour": 1}"#, 422, "unknown field `colour`, expected one of"),
            (r#"{"by": "Ann", "action": "comment"}"#, 422, "comment: give the words of the comment; got nothing"),
            (r#"{"by": "Ann", "action": "snooze"}"#, 422, "until: give a time in the future"),
            (
                r#"{"by": "Ann", "action": "snooze", "until": "soon"}"#,
                422,
                "at most 30 days ahead, in the form of 2026-01-31T12:00:00Z, which is now; got \"soon\"",
            ),
            (r#"{"by": "Ann", "action": "snooze", "until": "2026-01-31T12:00:00.5Z"}"#, 422, "until: give a time"),
            (r#"{"by": "Ann", "action": "snooze", "until": "2026-03-02T12:00:01Z"}"#, 422, "until: give a time"),
            (r#"{"by": "Ann", "action": "comment", "until": "2026-02-01T00:00:00Z"}"#, 422, "only a snooze has an end"),
        ] {
            let (found, text) = outcome(body).unwrap_err();
            assert!(found == status && text.contains(words), "{body}: {found} {text}");
        }
        let long = line::<64>("by", &"ä".repeat(90)).unwrap_err().to_string();
        assert_eq!(long, format!("by: it has 90 characters; give 64 at most; got {:?} …", "ä".repeat(80)));
    }
}
