//! Past alarms in memory, what people did with alarms, and which alarms are listed.

use super::alarm::Alarm;
use super::handling::{Handling, Handlings};
use crate::fleet::LoggedAlarm;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use turbine_core::alarm_log::{AlarmAction, AlarmId};
use turbine_core::model::Model;
use turbine_core::reading::TurbineId;

/// Past alarms that are kept in memory; older ones are in the file only.
const MAX_PAST: usize = 10_000;

/// Which alarms are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmFilter {
    /// Only those that are running, or only those that are not.
    pub active: Option<bool>,
    /// Only those of this turbine; `Some(None)` means readings that name no turbine.
    pub turbine: Option<Option<TurbineId>>,
    /// Only those that were raised at this time or later.
    pub since: Option<Timestamp>,
    /// The most that are listed.
    pub limit: usize,
}

impl AlarmFilter {
    fn admits(&self, running: bool, turbine: &Option<TurbineId>, raised: Timestamp) -> bool {
        self.active.is_none_or(|active| active == running)
            && self.turbine.as_ref().is_none_or(|wanted| wanted == turbine)
            && self.since.is_none_or(|since| raised >= since)
    }
}

/// What is known of alarms besides which are running.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The alarms that were cleared last, in the order in which they were cleared; without what people did with them.
    past: VecDeque<Arc<Alarm>>,
    /// Of those, and of the running ones.
    handlings: Handlings,
}

impl History {
    /// Remembers an alarm if it was cleared.
    pub(crate) fn add(&mut self, alarm: &Arc<Alarm>) {
        if alarm.cleared.is_none() {
            return;
        }
        if self.past.len() == MAX_PAST
            && let Some(forgotten) = self.past.pop_front()
        {
            self.handlings.forget(&forgotten.alarm_id());
        }
        let alarm = if *alarm.handling == Handling::default() {
            Arc::clone(alarm)
        } else {
            Arc::new(Alarm { handling: Arc::default(), ..Alarm::clone(alarm) })
        };
        self.past.push_back(alarm);
    }

    /// Takes in what somebody did with an alarm.
    pub(super) fn handle(&mut self, alarm: &AlarmId, action: AlarmAction) {
        self.handlings.apply(alarm, action);
    }

    /// What people did with an alarm.
    pub(crate) fn handling(&self, alarm: &AlarmId) -> Arc<Handling> {
        self.handlings.get(alarm)
    }

    /// The alarms that somebody acknowledged.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = &AlarmId> {
        self.handlings.iter().filter(|(_, handling)| handling.acknowledged.is_some()).map(|(alarm, _)| alarm)
    }

    /// Forgets what was done with alarms that are neither past nor among those that are running.
    pub(super) fn forget_all_but(&mut self, running: &HashSet<AlarmId>) {
        let past: HashSet<AlarmId> = self.past.iter().map(|alarm| alarm.alarm_id()).collect();
        self.handlings.retain(|alarm| running.contains(alarm) || past.contains(alarm));
    }

    /// Whether there is no past alarm and nobody did anything.
    pub(super) fn is_empty(&self) -> bool {
        self.past.is_empty() && self.handlings.iter().next().is_none()
    }

    pub(super) fn clear(&mut self) {
        *self = History::default();
    }

    /// How many alarms of each turbine were raised at this time or later and are past.
    pub(crate) fn count_since(&self, since: Timestamp) -> HashMap<Option<TurbineId>, u64> {
        let mut counts = HashMap::new();
        for alarm in self.past.iter().filter(|alarm| alarm.raised >= since) {
            *counts.entry(alarm.turbine_id.clone()).or_default() += 1;
        }
        counts
    }

    /// Past alarms in the order in which they were cleared: those after the last one that is known, or all.
    pub(crate) fn after(&self, is_known: impl Fn(&Alarm) -> bool) -> Vec<Arc<Alarm>> {
        let new = self.past.iter().rev().take_while(|alarm| !is_known(alarm)).count();
        let new = self.past.iter().skip(self.past.len() - new);
        new.map(|alarm| with_handling(alarm, self.handlings.get(&alarm.alarm_id()))).collect()
    }

    /// The running alarms and those of the past that the filter admits, newest first, and what people did with each.
    pub(crate) fn select(
        &self,
        running: impl Iterator<Item = LoggedAlarm>,
        filter: &AlarmFilter,
    ) -> Vec<(Known, Arc<Handling>)> {
        let running = running.filter(|it| filter.admits(true, &it.turbine_id, it.alarm.raised));
        let past = self.past.iter().filter(|it| filter.admits(false, &it.turbine_id, it.raised));
        let mut selected: Vec<Known> = running.map(Known::Running).chain(past.cloned().map(Known::Past)).collect();
        selected.sort_by(|a, b| b.order().cmp(&a.order()));
        selected.truncate(filter.limit);
        let with_handling = |alarm: Known| {
            let handling = self.handlings.get(&alarm.alarm_id());
            (alarm, handling)
        };
        selected.into_iter().map(with_handling).collect()
    }

    /// The past alarm of that id.
    pub(crate) fn past(&self, id: &AlarmId) -> Option<Known> {
        let is_wanted = |it: &&Arc<Alarm>| it.raised == id.raised && it.turbine_id == id.turbine_id;
        self.past.iter().rev().find(is_wanted).cloned().map(Known::Past)
    }
}

/// An alarm that is running or past. A running one is still to be explained, which takes a microsecond or more a sensor.
pub(crate) enum Known {
    Running(LoggedAlarm),
    Past(Arc<Alarm>),
}

impl Known {
    fn order(&self) -> (Timestamp, Option<&TurbineId>) {
        match self {
            Known::Running(alarm) => (alarm.alarm.raised, alarm.turbine_id.as_ref()),
            Known::Past(alarm) => (alarm.raised, alarm.turbine_id.as_ref()),
        }
    }

    fn alarm_id(&self) -> AlarmId {
        match self {
            Known::Running(alarm) => alarm.alarm_id(),
            Known::Past(alarm) => alarm.alarm_id(),
        }
    }

    pub(crate) fn explained(self, model: &Model, handling: Arc<Handling>) -> Arc<Alarm> {
        match self {
            Known::Running(alarm) => Arc::new(Alarm::explained(alarm, model, handling)),
            Known::Past(alarm) => with_handling(&alarm, handling),
        }
    }
}

/// A past alarm, and what people did with it.
fn with_handling(alarm: &Arc<Alarm>, handling: Arc<Handling>) -> Arc<Alarm> {
    if *handling == Handling::default() {
        Arc::clone(alarm)
    } else {
        Arc::new(Alarm { handling, ..Alarm::clone(alarm) })
    }
}
