//! The body of a message to a webhook.

use crate::link::Link;
use crate::message::{Kind, Message};
use crate::note::Note;
use crate::text;
use serde::Serialize;

/// What is said of the service that sends messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The machine's name.
    pub host: String,
    /// Where the service's page is reached.
    pub link: Option<Link>,
}

/// Chats show `text` and pass over the rest.
#[derive(Debug, Serialize)]
struct Body<'a> {
    text: String,
    kind: Kind,
    count: u64,
    alarms: &'a [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    service: &'static str,
    host: &'a str,
    id: &'a str,
}

/// The body, as JSON.
pub(crate) fn body(message: &Message, sender: &Sender) -> Vec<u8> {
    let link = sender.link.as_ref().map(|link| match &message.notes[..] {
        [note] if message.count() == 1 => link.turbine(note),
        _ => link.alarms(),
    });
    let text = text::of_message(message);
    let text = match &link {
        Some(link) => format!("{text}\n{link}"),
        None => format!("{text} (turbine service on {})", sender.host),
    };
    let Message { id, kind, notes, .. } = message;
    let count = message.count();
    let body = Body { text, kind: *kind, count, alarms: notes, link, service: "turbine-api", host: &sender.host, id };
    serde_json::to_vec(&body).expect("numbers and texts have a JSON form")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::{message, note};
    use serde_json::{Value, json};

    fn parsed(message: &Message, link: Option<&str>) -> Value {
        let link = link.map(|link| link.parse().unwrap());
        serde_json::from_slice(&body(message, &Sender { host: "site-7".to_owned(), link })).unwrap()
    }

    #[test]
    fn a_body_has_a_text_and_the_same_as_data() {
        let mut one = message(Kind::Raised, 3);
        one.extend([note("WT-1", 0)], 10);
        let alarm = json!({
            "id": "WT-1@2026-01-31T12:00:00Z",
            "turbine_id": "WT-1",
            "raised": "2026-01-31T12:00:00Z",
            "cleared": null,
            "peak": 7.5,
            "peaked": "2026-01-31T12:00:00Z",
            "model_version": "m0123456789ab",
            "feature": "temperature",
            "why": [{"feature": "temperature", "value": 44.93, "expected": 25.0, "share": 0.9}],
        });
        let text = "Alarm: WT-1 left its normal running at 2026-01-31 12:00:00 UTC: temperature 44.9 (expected 25.0)";
        let expected = json!({
            "text": format!("{text} (turbine service on site-7)"),
            "kind": "raised",
            "count": 1,
            "alarms": [alarm],
            "service": "turbine-api",
            "host": "site-7",
            "id": "p-3",
        });
        assert_eq!(parsed(&one, None), expected);
        let linked = parsed(&one, Some("https://turbines.example.com/north"));
        assert_eq!(linked["link"], "https://turbines.example.com/north/#/turbines/WT-1");
        assert_eq!(linked["text"], format!("{text}\nhttps://turbines.example.com/north/#/turbines/WT-1"));
    }

    #[test]
    fn many_alarms_are_ten_and_their_number() {
        let mut many = message(Kind::Cleared, 0);
        many.extend((0..1_000).map(|i| note(&format!("T{i}"), i)), 10);
        let body = parsed(&many, Some("http://localhost:5000"));
        assert_eq!((&body["kind"], &body["count"]), (&json!("cleared"), &json!(1_000)));
        assert_eq!(body["alarms"].as_array().unwrap().len(), 10);
        assert_eq!(body["link"], "http://localhost:5000/#/alarms");
        assert!(body["text"].as_str().unwrap().starts_with("1,000 alarms cleared: T0 (temperature), T1"), "{body}");
    }
}
