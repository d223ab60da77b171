//! What people did with an alarm, as it stands now.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use turbine_core::alarm_log::{ActionKind, AlarmAction, AlarmId, CommentText, PersonName};

/// Comments of one alarm that are kept in memory; older ones are in the file only.
const MAX_COMMENTS_OF_ALARM: usize = 50;

/// Comments of all alarms that are kept in memory: up to 40 MB.
const MAX_COMMENTS: usize = 10_000;

/// What people did with an alarm. The last action of a kind wins.
///
/// As JSON it is flat (`acknowledged_by`, `acknowledged_at`, …), without what was not done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Handling {
    /// Who acknowledged it: takes care of it.
    pub acknowledged: Option<By>,
    /// Until when its notifications are off; that time may have passed.
    pub snoozed: Option<Snooze>,
    /// Who marked it as a false alarm: the turbine was running normally.
    pub false_alarm: Option<By>,
    /// The newest comments, oldest first.
    pub comments: VecDeque<Comment>,
}

/// A person, and the time of the action.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct By {
    /// Who.
    pub by: PersonName,
    /// When, by the service's clock; UTC.
    pub at: Timestamp,
}

/// Who snoozed an alarm, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct Snooze {
    /// The person, and the time of the snooze.
    pub by: By,
    /// The end of it; UTC.
    pub until: Timestamp,
}

/// What somebody says of an alarm.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Comment {
    /// The author.
    #[serde(flatten)]
    pub by: By,
    /// The words.
    pub text: CommentText,
}

impl Handling {
    /// Whether notifications of the alarm are off at `now`: it is acknowledged, marked as false, or snoozed until later.
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.acknowledged.is_some()
            || self.false_alarm.is_some()
            || self.snoozed.as_ref().is_some_and(|snooze| snooze.until > now)
    }

    fn apply(&mut self, action: AlarmAction) {
        let AlarmAction { kind, by, at, comment } = action;
        let by = By { by, at };
        if let Some(text) = comment {
            if self.comments.len() == MAX_COMMENTS_OF_ALARM {
                self.comments.pop_front();
            }
            self.comments.push_back(Comment { by: by.clone(), text });
        }
        match kind {
            ActionKind::Acknowledged => self.acknowledged = Some(by),
            ActionKind::Unacknowledged => self.acknowledged = None,
            ActionKind::Snoozed { until } => self.snoozed = Some(Snooze { by, until }),
            ActionKind::Commented => {}
            ActionKind::MarkedFalse => self.false_alarm = Some(by),
            ActionKind::UnmarkedFalse => self.false_alarm = None,
        }
    }
}

impl Serialize for Handling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut entry = |by: &str, at: &str, did: Option<&By>| {
            let Some(did) = did else { return Ok(()) };
            map.serialize_entry(by, &did.by)?;
            map.serialize_entry(at, &did.at)
        };
        entry("acknowledged_by", "acknowledged_at", self.acknowledged.as_ref())?;
        entry("snoozed_by", "snoozed_at", self.snoozed.as_ref().map(|snooze| &snooze.by))?;
        entry("false_alarm_by", "false_alarm_at", self.false_alarm.as_ref())?;
        if let Some(snooze) = &self.snoozed {
            map.serialize_entry("snoozed_until", &snooze.until)?;
        }
        if !self.comments.is_empty() {
            map.serialize_entry("comments", &self.comments)?;
        }
        map.end()
    }
}

/// What people did with the alarms that are in memory.
#[derive(Debug, Default)]
pub(super) struct Handlings {
    by_alarm: HashMap<AlarmId, Arc<Handling>>,
    /// The alarm and the time of each of the newest comments.
    newest: VecDeque<(AlarmId, Timestamp)>,
}

impl Handlings {
    pub(super) fn get(&self, alarm: &AlarmId) -> Arc<Handling> {
        self.by_alarm.get(alarm).cloned().unwrap_or_default()
    }

    /// The alarms with which something was done.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&AlarmId, &Handling)> {
        self.by_alarm.iter().map(|(alarm, handling)| (alarm, &**handling))
    }

    pub(super) fn apply(&mut self, alarm: &AlarmId, action: AlarmAction) {
        if action.comment.is_some() {
            self.newest.push_back((alarm.clone(), action.at));
        }
        Arc::make_mut(self.by_alarm.entry(alarm.clone()).or_default()).apply(action);
        if self.newest.len() > MAX_COMMENTS {
            self.forget_oldest_comment();
        }
    }

    fn forget_oldest_comment(&mut self) {
        let Some((alarm, at)) = self.newest.pop_front() else { return };
        let Some(handling) = self.by_alarm.get_mut(&alarm) else { return };
        // It may have made room for newer ones of its alarm before.
        if handling.comments.front().is_some_and(|comment| comment.by.at <= at) {
            Arc::make_mut(handling).comments.pop_front();
        }
    }

    pub(super) fn forget(&mut self, alarm: &AlarmId) {
        self.by_alarm.remove(alarm);
    }

    pub(super) fn retain(&mut self, is_known: impl Fn(&AlarmId) -> bool) {
        self.by_alarm.retain(|alarm, _| is_known(alarm));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn action(kind: ActionKind, by: &str, second: i64, comment: Option<&str>) -> AlarmAction {
        let at = Timestamp::from_second(second).unwrap();
        AlarmAction { kind, by: by.parse().unwrap(), at, comment: comment.map(|text| text.parse().unwrap()) }
    }

    fn alarm(second: i64) -> AlarmId {
        AlarmId { turbine_id: None, raised: Timestamp::from_second(second).unwrap() }
    }

    #[test]
    fn the_last_action_of_a_kind_wins_and_is_flat() {
        let until = Timestamp::from_second(100).unwrap();
        let mut handling = Handling::default();
        assert_eq!(serde_json::to_value(&handling).unwrap(), json!({}));
        handling.apply(action(ActionKind::Acknowledged, "Ann", 1, Some("on it")));
        handling.apply(action(ActionKind::Acknowledged, "Bob", 2, None));
        handling.apply(action(ActionKind::Snoozed { until }, "Ann", 3, None));
        handling.apply(action(ActionKind::MarkedFalse, "Cid", 4, None));
        let expected = json!({
            "acknowledged_by": "Bob", "acknowledged_at": "1970-01-01T00:00:02Z",
            "snoozed_by": "Ann", "snoozed_at": "1970-01-01T00:00:03Z", "snoozed_until": "1970-01-01T00:01:40Z",
            "false_alarm_by": "Cid", "false_alarm_at": "1970-01-01T00:00:04Z",
            "comments": [{"by": "Ann", "at": "1970-01-01T00:00:01Z", "text": "on it"}],
        });
        assert_eq!(serde_json::to_value(&handling).unwrap(), expected);
        let quiet = |handling: &Handling| [99, 100].map(|now| handling.is_muted(Timestamp::from_second(now).unwrap()));
        handling.apply(action(ActionKind::UnmarkedFalse, "Ann", 5, None));
        assert_eq!(quiet(&handling), [true, true], "acknowledged");
        handling.apply(action(ActionKind::Unacknowledged, "Ann", 6, None));
        assert_eq!(quiet(&handling), [true, false], "snoozed");
        handling.apply(action(ActionKind::MarkedFalse, "Ann", 7, None));
        assert_eq!(quiet(&handling), [true, true], "false");
    }

    #[test]
    fn comments_are_bounded_for_each_alarm_and_for_all() {
        let mut handlings = Handlings::default();
        let mut comment = |alarm: &AlarmId, second: i64| {
            handlings.apply(alarm, action(ActionKind::Commented, "Ann", second, Some(&second.to_string())));
        };
        let alarms = MAX_COMMENTS as i64 / 10;
        for second in 0..60 {
            comment(&alarm(0), second);
        }
        for number in 1..=alarms {
            (0..10).for_each(|second| comment(&alarm(number), 1_000 + second));
        }
        let texts = |number: i64| {
            let handling = handlings.get(&alarm(number));
            handling.comments.iter().map(|comment| comment.text.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(texts(0), [""; 0], "the oldest of all");
        assert_eq!(texts(1).len(), 10);
        let kept: usize = handlings.iter().map(|(_, handling)| handling.comments.len()).sum();
        assert_eq!(kept, MAX_COMMENTS);

        let mut handlings = Handlings::default();
        for second in 0..60 {
            handlings.apply(&alarm(0), action(ActionKind::Commented, "Ann", second, Some(&second.to_string())));
        }
        let handling = handlings.get(&alarm(0));
        let ends = [&handling.comments[0], &handling.comments[49]].map(|comment| comment.text.to_string());
        assert_eq!((handling.comments.len(), ends), (50, ["10".to_owned(), "59".to_owned()]));
    }
}
