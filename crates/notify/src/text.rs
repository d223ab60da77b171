//! The sentence for people.

use crate::message::{Kind, Message};
use crate::note::Note;
use jiff::{SignedDuration, Timestamp};

/// The most alarms that a text names.
const MAX_NAMED: usize = 10;

/// Sensors with at least this share of an alarm are named, and the first one in any case.
const NAMED_SHARE: f64 = 0.05;

/// What a message says, in one or two lines.
pub(crate) fn of_message(message: &Message) -> String {
    match (&message.notes[..], message.count()) {
        ([note], 1) => of_one(message.kind, note),
        (_, count) => {
            let named: Vec<String> = message.notes.iter().take(MAX_NAMED).map(brief).collect();
            let others = message.others.iter().take(MAX_NAMED.saturating_sub(named.len()));
            let named: Vec<String> = named.into_iter().chain(others.map(|id| turbine_of(id))).collect();
            let more = match count - named.len() as u64 {
                0 => String::new(),
                more => format!(" and {} more", grouped(more)),
            };
            let what = match message.kind {
                Kind::Raised => "alarms raised",
                Kind::Cleared => "alarms cleared",
                Kind::Reminder => "alarms still running",
            };
            format!("{} {what}: {}{more}", grouped(count), named.join(", "))
        }
    }
}

/// What is said of one alarm.
pub(crate) fn of_one(kind: Kind, note: &Note) -> String {
    let name = name(note);
    match (kind, note.cleared) {
        (Kind::Raised, _) => format!("Alarm: {name} left its normal running at {}{}", time(note.raised), sensors(note)),
        (Kind::Reminder, _) => format!("Still in alarm: {name} since {}{}", time(note.raised), sensors(note)),
        (Kind::Cleared, Some(cleared)) => {
            let (from, to, lasted) = (time(note.raised), time(cleared), length(cleared.duration_since(note.raised)));
            format!("Cleared: {name} was in alarm from {from} to {to} ({lasted}){}", sensors(note))
        }
        (Kind::Cleared, None) => format!("Cleared: {name} was in alarm from {}{}", time(note.raised), sensors(note)),
    }
}

/// The turbine's name; readings may name none.
pub(crate) fn name(note: &Note) -> &str {
    note.turbine_id.as_deref().unwrap_or("the turbine without a name")
}

/// The turbine of an alarm's id.
fn turbine_of(id: &str) -> String {
    id.split('@').next().unwrap_or(id).to_owned()
}

fn brief(note: &Note) -> String {
    match &note.feature {
        Some(feature) => format!("{} ({})", name(note), plain(feature)),
        None => name(note).to_owned(),
    }
}

/// `: temperature 44.9 (expected 25.0), humidity 30.1 (expected 60.2)`
fn sensors(note: &Note) -> String {
    let named = note.why.iter().enumerate().filter(|(place, why)| *place == 0 || why.share >= NAMED_SHARE);
    let said = named
        .map(|(_, why)| format!("{} {} (expected {})", plain(&why.feature), figure(why.value), figure(why.expected)));
    let said: Vec<String> = said.collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) }
}

/// Names of sensors come from files; chats give meaning to `<` and `>`.
fn plain(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Three significant digits, but no fewer than are before the point.
fn figure(value: f64) -> String {
    let before_point = value.abs().max(1.0).log10().floor();
    let decimals = (2.0 - before_point).clamp(0.0, 2.0) as usize;
    format!("{value:.decimals$}")
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `42 s`, `5 min`, `3 h 20 min`, `2 d 4 h`.
fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `1000` → `1,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::{message, note};
    use pipeline::Why;

    #[test]
    fn one_alarm_is_told_with_its_sensors_and_times() {
        let mut note = note("WT-1", 0);
        note.why.push(Why { feature: "<!here> oil".to_owned(), value: 1234.5, expected: -0.25, share: 0.06 });
        note.why.push(Why { feature: "unimportant".to_owned(), value: 1.0, expected: 1.0, share: 0.01 });
        let sensors = "temperature 44.9 (expected 25.0), ‹!here› oil 1234 (expected -0.25)";
        let at = "2026-01-31 12:00:00 UTC";
        assert_eq!(of_one(Kind::Raised, &note), format!("Alarm: WT-1 left its normal running at {at}: {sensors}"));
        assert_eq!(of_one(Kind::Reminder, &note), format!("Still in alarm: WT-1 since {at}: {sensors}"));
        note.why.truncate(1);
        note.cleared = Some(note.raised + SignedDuration::from_secs(12_000));
        assert_eq!(
            of_one(Kind::Cleared, &note),
            format!(
                "Cleared: WT-1 was in alarm from {at} to 2026-01-31 15:20:00 UTC (3 h 20 min): temperature 44.9 (expected 25.0)"
            )
        );
        note.turbine_id = None;
        assert!(of_one(Kind::Raised, &note).contains("the turbine without a name"));
    }

    #[test]
    fn many_alarms_are_told_with_ten_names_and_their_number() {
        let mut message = message(Kind::Raised, 0);
        message.extend((0..12).map(|i| note(&format!("T{i}"), i)), 9);
        message.unnamed = 1_000;
        let named: Vec<String> = (0..9).map(|i| format!("T{i} (temperature)")).collect();
        let text = of_message(&message);
        assert_eq!(text, format!("1,012 alarms raised: {}, T9 and 1,002 more", named.join(", ")));
        message.notes.truncate(1);
        (message.others, message.unnamed) = (Vec::new(), 0);
        assert!(of_message(&message).starts_with("Alarm: T0 left"));
    }

    #[test]
    fn lengths_and_numbers_are_short() {
        let lengths = [(42, "42 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h 0 min"), (187_200, "2 d 4 h")];
        for (seconds, text) in lengths {
            assert_eq!(length(SignedDuration::from_secs(seconds)), text);
        }
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (value, text) in [(0.512, "0.51"), (44.93, "44.9"), (130.2, "130"), (-7.126, "-7.13"), (0.0, "0.00")] {
            assert_eq!(figure(value), text);
        }
    }
}
