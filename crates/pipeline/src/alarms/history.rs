//! Past alarms in memory, and which alarms are listed.

use super::alarm::Alarm;
use crate::fleet::LoggedAlarm;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
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

/// The alarms that were cleared last, in the order in which they were cleared.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Arc<Alarm>>);

impl History {
    /// Remembers an alarm if it was cleared.
    pub(super) fn add(&mut self, alarm: &Arc<Alarm>) {
        if alarm.cleared.is_none() {
            return;
        }
        if self.0.len() == MAX_PAST {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(alarm));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How many alarms of each turbine were raised at this time or later and are past.
    pub(crate) fn count_since(&self, since: Timestamp) -> HashMap<Option<TurbineId>, u64> {
        let mut counts = HashMap::new();
        for alarm in self.0.iter().filter(|alarm| alarm.raised >= since) {
            *counts.entry(alarm.turbine_id.clone()).or_default() += 1;
        }
        counts
    }

    /// Past alarms in the order in which they were cleared: those after the last one that is known, or all.
    pub(crate) fn after(&self, is_known: impl Fn(&Alarm) -> bool) -> Vec<Arc<Alarm>> {
        let new = self.0.iter().rev().take_while(|alarm| !is_known(alarm)).count();
        self.0.iter().skip(self.0.len() - new).cloned().collect()
    }

    /// The running alarms and those of the past that the filter admits, newest first.
    pub(crate) fn select(&self, running: impl Iterator<Item = LoggedAlarm>, filter: &AlarmFilter) -> Vec<Listed> {
        let running = running.filter(|it| filter.admits(true, &it.turbine_id, it.alarm.raised)).map(Listed::Running);
        let past = self.0.iter().filter(|it| filter.admits(false, &it.turbine_id, it.raised));
        let mut listed: Vec<Listed> = running.chain(past.map(|it| Listed::Past(Arc::clone(it)))).collect();
        listed.sort_by(|a, b| b.order().cmp(&a.order()));
        listed.truncate(filter.limit);
        listed
    }
}

/// An alarm that is to be listed. A running one is still to be explained, which takes a microsecond or more a sensor.
pub(crate) enum Listed {
    Running(LoggedAlarm),
    Past(Arc<Alarm>),
}

impl Listed {
    fn order(&self) -> (Timestamp, Option<&TurbineId>) {
        match self {
            Listed::Running(alarm) => (alarm.alarm.raised, alarm.turbine_id.as_ref()),
            Listed::Past(alarm) => (alarm.raised, alarm.turbine_id.as_ref()),
        }
    }

    pub(crate) fn explained(self, model: &Model) -> Arc<Alarm> {
        match self {
            Listed::Running(alarm) => Arc::new(Alarm::explained(alarm, model)),
            Listed::Past(alarm) => alarm,
        }
    }
}
