//! Alarms as Alertmanager's API v2 takes them.

use crate::message::Kind;
use crate::note::Note;
use crate::text;
use crate::webhook::Sender;
use jiff::Timestamp;
use serde::Serialize;

/// The most alerts of a request: with their texts well below the megabyte that proxies often allow.
pub(crate) const MAX_ALERTS: usize = 500;

/// As the alert rule for Prometheus is called, so that both are explained in one place.
const ALERT_NAME: &str = "TurbineInAlarm";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: Labels<'a>,
    annotations: Annotations<'a>,
    starts_at: Timestamp,
    /// Without it the alert is firing, for as long as Alertmanager's `resolve_timeout` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// What identifies an alert: so these stay as they are while it runs.
#[derive(Debug, Serialize)]
struct Labels<'a> {
    alertname: &'static str,
    turbine_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<&'a str>,
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct Annotations<'a> {
    summary: String,
    description: String,
    alarm_id: &'a str,
}

/// The body of a request, as JSON: each alarm firing or, if it was cleared, resolved.
pub(crate) fn body<'a>(notes: impl IntoIterator<Item = &'a Note>, sender: &Sender, now: Timestamp) -> Vec<u8> {
    let alerts: Vec<Alert> = notes.into_iter().map(|note| alert(note, sender, now)).collect();
    serde_json::to_vec(&alerts).expect("numbers and texts have a JSON form")
}

fn alert<'a>(note: &'a Note, sender: &Sender, now: Timestamp) -> Alert<'a> {
    let name = text::name(note);
    let (summary, kind) = match note.cleared {
        None => (format!("{name} in alarm"), Kind::Raised),
        Some(_) => (format!("{name} no longer in alarm"), Kind::Cleared),
    };
    // An alert that begins after its end is refused, and a turbine's clock may be ahead.
    let starts_at = note.raised.min(now);
    Alert {
        labels: Labels {
            alertname: ALERT_NAME,
            turbine_id: note.turbine_id.as_deref().unwrap_or("-"),
            feature: note.feature.as_deref(),
            severity: "page",
        },
        annotations: Annotations { summary, description: text::of_one(kind, note), alarm_id: &note.id },
        starts_at,
        ends_at: note.cleared.map(|cleared| cleared.min(now).max(starts_at)),
        generator_url: sender.link.as_ref().map(|link| link.turbine(note)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::{after, cleared, note};
    use serde_json::{Value, json};

    fn parsed(note: &Note, now: Timestamp) -> Value {
        let sender = Sender { host: "site-7".to_owned(), link: Some("http://h".parse().unwrap()) };
        serde_json::from_slice::<Value>(&body([note], &sender, now)).unwrap()[0].clone()
    }

    #[test]
    fn a_running_alarm_fires_and_a_cleared_one_is_resolved_with_the_same_labels() {
        let firing = parsed(&note("WT-1", 0), after(60));
        let labels =
            json!({"alertname": "TurbineInAlarm", "turbine_id": "WT-1", "feature": "temperature", "severity": "page"});
        let expected = json!({
            "labels": labels,
            "annotations": {
                "summary": "WT-1 in alarm",
                "description": "Alarm: WT-1 left its normal running at 2026-01-31 12:00:00 UTC: temperature 44.9 (expected 25.0)",
                "alarm_id": "WT-1@2026-01-31T12:00:00Z",
            },
            "startsAt": "2026-01-31T12:00:00Z",
            "generatorURL": "http://h/#/turbines/WT-1",
        });
        assert_eq!(firing, expected);
        let resolved = parsed(&cleared("WT-1", 0, 30), after(60));
        assert_eq!((&resolved["labels"], &resolved["endsAt"]), (&labels, &json!("2026-01-31T12:00:30Z")));
    }

    #[test]
    fn times_ahead_of_the_clock_still_make_an_alert() {
        let now = after(10);
        assert_eq!(parsed(&note("WT-1", 60), now)["startsAt"], json!(now));
        let resolved = parsed(&cleared("WT-1", 60, 90), now);
        assert_eq!((&resolved["startsAt"], &resolved["endsAt"]), (&json!(now), &json!(now)));
    }
}
