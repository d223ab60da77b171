//! What is said of an alarm, and what a look at the pipeline finds.

use jiff::Timestamp;
use pipeline::alarms::{Alarm, AlarmFilter};
use pipeline::events::Event;
use pipeline::{Pipeline, Why};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;

/// The most sensors that are named of an alarm: chats refuse messages of more than some 28 KB.
const MAX_SENSORS: usize = 5;

/// An alarm as it is told: as `GET /alarms` lists it, with the first five of its sensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Identifies the alarm.
    pub id: String,
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<String>,
    /// The time of the reading that raised it; UTC.
    pub raised: Timestamp,
    /// The time of the reading that cleared it; UTC. `None` while it is running.
    pub cleared: Option<Timestamp>,
    /// The highest smoothed surprisal so far, in decades.
    pub peak: f64,
    /// The time of the reading at that peak; UTC.
    pub peaked: Timestamp,
    /// The model that raised it.
    pub model_version: String,
    /// The sensor that came first when the alarm was told first; it stays when another one comes first at a later peak.
    pub feature: Option<String>,
    /// The sensors behind the peak by their share, largest first.
    pub why: Vec<Why>,
}

impl From<&Alarm> for Note {
    fn from(alarm: &Alarm) -> Self {
        Note {
            id: alarm.id.clone(),
            turbine_id: alarm.turbine_id.as_ref().map(ToString::to_string),
            raised: alarm.raised,
            cleared: alarm.cleared,
            peak: alarm.peak,
            peaked: alarm.peaked,
            model_version: alarm.model_version.to_string(),
            feature: alarm.why.first().map(|why| why.feature.clone()),
            why: alarm.why.iter().take(MAX_SENSORS).cloned().collect(),
        }
    }
}

/// An alarm as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What is said of it.
    pub note: Note,
    /// Whether people have asked for silence about it.
    pub muted: bool,
}

/// The alarms at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Those that are running.
    pub running: Vec<Seen>,
    /// Those that were cleared after the last one that is known, in that order. May name one that is still among those
    /// that are running: then it is past.
    pub cleared: Vec<Seen>,
}

/// Where alarms are looked up.
pub trait AlarmSource: Send + Sync + 'static {
    /// The alarms now; `None` while it cannot be known which there are. May take some milliseconds.
    fn look(&self, is_known: &dyn Fn(&str) -> bool) -> Option<Look>;

    /// What happens from now on: a reason to look, and nothing else, so that an event may be missed.
    fn news(&self) -> Receiver<Event>;
}

impl AlarmSource for Pipeline {
    fn look(&self, is_known: &dyn Fn(&str) -> bool) -> Option<Look> {
        // Without a model the log was not taken in, and past alarms would look new later.
        self.model().ok()?;
        let now = Timestamp::now();
        let seen = |alarm: &Alarm| Seen { note: Note::from(alarm), muted: alarm.is_muted(now) };
        let filter = AlarmFilter { active: Some(true), turbine: None, since: None, limit: usize::MAX };
        // In this order, so that an alarm that is being cleared is found twice and not never.
        let running = self.alarms(&filter);
        let cleared = self.cleared_alarms(|alarm| is_known(&alarm.id));
        Some(Look {
            running: running.iter().rev().map(|alarm| seen(alarm)).collect(),
            cleared: cleared.iter().map(|alarm| seen(alarm)).collect(),
        })
    }

    fn news(&self) -> Receiver<Event> {
        self.follow()
    }
}
