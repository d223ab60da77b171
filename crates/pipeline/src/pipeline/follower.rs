//! The fleet as somebody sees it who keeps looking: whole once, and then what changed.

use super::Pipeline;
use crate::alarms::{Alarm, AlarmFilter};
use crate::events::Event;
use crate::fleet::{Fleet, LoggedAlarm, TurbineStatus};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use turbine_core::model::Model;
use turbine_core::reading::TurbineId;

/// For how long an alarm counts as one of today.
const TODAY: SignedDuration = SignedDuration::from_hours(24);

/// The most running alarms of an overview.
const MAX_ALARMS: usize = 10_000;

/// A turbine's state, and its alarms of the last day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurbineToday {
    /// Its state.
    #[serde(flatten)]
    pub status: TurbineStatus,
    /// Alarms raised in the 24 hours before; of past ones, as far as they are in memory.
    pub alarms_today: u64,
}

/// The whole fleet at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The moment.
    pub now: Timestamp,
    /// All turbines, by name.
    pub turbines: Vec<TurbineToday>,
    /// The alarms that are running, newest first.
    pub alarms: Vec<Arc<Alarm>>,
    /// Reason why the state may be out of date; `None` if it is current.
    pub outdated: Option<Arc<str>>,
}

/// What changed since it was asked last.
#[derive(Debug, Default)]
pub struct Changes {
    /// The turbines whose state is another.
    pub turbines: Vec<TurbineToday>,
    /// Alarms that were raised, rose to a higher peak, were cleared, or with which somebody did something: each once, as it is
    /// now.
    pub alarms: Vec<Arc<Alarm>>,
    /// The other events, in order.
    pub events: Vec<Event>,
    /// More changed than is listed: another model is in service, or there were too many events at once. Only an
    /// [`Overview`] tells all.
    pub incomplete: bool,
    /// Reason why the state may be out of date; `None` if it is current.
    pub outdated: Option<Arc<str>>,
}

/// Says what changed since it was asked last. Each costs some hundred bytes a turbine.
pub struct Follower {
    pipeline: Pipeline,
    news: Receiver<Event>,
    /// The fleet's rows when it was looked at last.
    rows: u64,
    /// The state of each turbine as it was told last.
    known: HashMap<Option<TurbineId>, TurbineStatus>,
    /// When each running alarm that was told peaked.
    peaks: HashMap<String, Timestamp>,
}

impl Pipeline {
    /// The whole fleet now. Takes about a microsecond a turbine, and some for each running alarm.
    pub fn overview(&self) -> Overview {
        let now = Timestamp::now();
        let running = AlarmFilter { active: Some(true), turbine: None, since: None, limit: MAX_ALARMS };
        let alarms = self.alarms(&running);
        let turbines = match self.0.slot.model() {
            Some(model) => self.0.fleet.read().list(None, usize::MAX, &model, now),
            None => Vec::new(),
        };
        let past = self.0.history.read().count_since(now - TODAY);
        let id = |status: &TurbineStatus| status.turbine_id.as_ref().and_then(|id| id.parse::<TurbineId>().ok());
        let today = |status: TurbineStatus| TurbineToday::new(past.get(&id(&status)), status, now);
        Overview { now, turbines: turbines.into_iter().map(today).collect(), alarms, outdated: self.outdated() }
    }

    /// What changes from now on.
    pub fn follower(&self) -> Follower {
        let mut follower = Follower {
            pipeline: self.clone(),
            news: self.0.events.follow(),
            rows: 0,
            known: HashMap::new(),
            peaks: HashMap::new(),
        };
        let _ = follower.look(&[], u64::MAX);
        follower
    }
}

impl TurbineToday {
    fn new(past: Option<&u64>, status: TurbineStatus, now: Timestamp) -> Self {
        let running = status.alarm_since.is_some_and(|since| since >= now - TODAY);
        TurbineToday { alarms_today: past.copied().unwrap_or_default() + u64::from(running), status }
    }
}

/// What a look at the fleet found.
struct Found {
    statuses: Vec<(Option<TurbineId>, TurbineStatus)>,
    risen: Vec<LoggedAlarm>,
    model: Arc<Model>,
}

impl Follower {
    /// What changed since the follower was made or asked last. Takes about a microsecond a turbine that sent a reading.
    pub fn changes(&mut self) -> Changes {
        let mut changes = Changes { outdated: self.pipeline.outdated(), ..Changes::default() };
        let mut alarms = HashMap::new();
        let mut named = Vec::new();
        loop {
            match self.news.try_recv() {
                Ok(Event::AlarmRaised(alarm)) => {
                    // The fleet knows of an alarm before it is told, and perhaps of a higher peak.
                    if let Entry::Vacant(peak) = self.peaks.entry(alarm.id.clone()) {
                        peak.insert(alarm.peaked);
                        alarms.insert(alarm.id.clone(), alarm);
                    }
                }
                Ok(Event::AlarmCleared(alarm)) => {
                    self.peaks.remove(&alarm.id);
                    alarms.insert(alarm.id.clone(), alarm);
                }
                Ok(Event::AlarmHandled(alarm)) => {
                    alarms.insert(alarm.id.clone(), alarm);
                }
                Ok(event) => {
                    if let Event::TurbineSilent { turbine_id } | Event::TurbineHeard { turbine_id } = &event {
                        named.push(turbine_id.clone());
                    }
                    changes.incomplete |= matches!(event, Event::Model { .. } | Event::Restored);
                    changes.events.push(event);
                }
                Err(TryRecvError::Lagged(_)) => changes.incomplete = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if changes.incomplete {
            // Alarms may have been cleared without a word.
            self.peaks.clear();
        }
        let Some(Found { statuses, risen, model }) = self.look(&named, 0) else { return changes };
        let handled: Vec<_> = {
            let history = self.pipeline.0.history.read();
            risen.into_iter().map(|alarm| (history.handling(&alarm.alarm_id()), alarm)).collect()
        };
        let risen = handled.into_iter().map(|(handling, alarm)| Arc::new(Alarm::explained(alarm, &model, handling)));
        alarms.extend(risen.map(|alarm| (alarm.id.clone(), alarm)));
        changes.alarms = alarms.into_values().collect();
        changes.alarms.sort_unstable_by(|a, b| (a.raised, &a.id).cmp(&(b.raised, &b.id)));
        if !statuses.is_empty() {
            let now = Timestamp::now();
            let past = self.pipeline.0.history.read().count_since(now - TODAY);
            let today = statuses.into_iter().map(|(id, status)| TurbineToday::new(past.get(&id), status, now));
            changes.turbines = today.collect();
        }
        changes
    }

    /// Looks at the turbines of the rows since the last look, of at least `rows` rows, and at those that are named: finds
    /// those that changed. `None` without a model.
    fn look(&mut self, named: &[Option<TurbineId>], rows: u64) -> Option<Found> {
        let pipeline = self.pipeline.clone();
        let model = pipeline.0.slot.model()?;
        let now = Timestamp::now();
        let fleet = pipeline.0.fleet.read();
        // A fleet with fewer rows than before is a new one.
        let rows = rows.max(fleet.rows().checked_sub(self.rows).unwrap_or(u64::MAX));
        self.rows = fleet.rows();
        let (mut statuses, mut risen) = (Vec::new(), Vec::new());
        let named = named.iter().filter_map(|id| Some((id, fleet.turbine(id)?)));
        for (id, turbine) in fleet.latest(rows).chain(named) {
            let status = fleet.status(id, turbine, &model, now);
            if self.known.get(id) == Some(&status) {
                continue;
            }
            if let Some(alarm) = turbine.alarm(id) {
                let peaked = alarm.alarm.peaked;
                if self.peaks.insert(alarm.id(), peaked) != Some(peaked) {
                    risen.push(alarm);
                }
            }
            self.known.insert(id.clone(), status.clone());
            statuses.push((id.clone(), status));
        }
        self.forget(&fleet);
        drop(fleet);
        Some(Found { statuses, risen, model })
    }

    /// Forgets turbines that the fleet has forgotten, once they are many.
    fn forget(&mut self, fleet: &Fleet) {
        if self.known.len() > 2 * fleet.len() {
            self.known.retain(|id, _| fleet.turbine(id).is_some());
        }
    }
}
