//! Silence that somebody confirms: where readings may wait to be scored, a clock cannot tell whether a turbine sends any.

use super::Fleet;
use jiff::Timestamp;
use std::collections::HashSet;
use turbine_core::monitor::Monitor;
use turbine_core::reading::TurbineId;

impl Fleet {
    /// The same fleet, in which only those turbines are silent whose silence was confirmed: for now those of `before`.
    #[must_use]
    pub(crate) fn with_confirmed_silence(self, before: &Fleet) -> Self {
        Fleet { confirmed: Some(before.confirmed.clone().unwrap_or_default()), ..self }
    }

    /// The turbines of which no reading is known for more than ten typical intervals.
    pub(super) fn overdue(&self, monitor: &Monitor, now: Timestamp) -> impl Iterator<Item = &Option<TurbineId>> {
        self.turbines.iter().filter(move |(_, turbine)| monitor.is_silent(turbine.state(), now)).map(|(id, _)| id)
    }

    /// Whether the clock decides whether the turbine is silent.
    pub(super) fn may_be_silent(&self, id: &Option<TurbineId>) -> bool {
        self.confirmed.as_ref().is_none_or(|confirmed| confirmed.contains(id))
    }

    /// The turbines that are overdue at this time and whose silence is still to be confirmed. Of those that are not overdue
    /// any more, the silence has ended.
    pub(crate) fn unconfirmed(&mut self, monitor: &Monitor, now: Timestamp) -> Vec<TurbineId> {
        let overdue: HashSet<Option<TurbineId>> = self.overdue(monitor, now).cloned().collect();
        let Some(confirmed) = &mut self.confirmed else { return Vec::new() };
        confirmed.retain(|id| overdue.contains(id));
        overdue.into_iter().filter(|id| !confirmed.contains(id)).flatten().collect()
    }

    /// No readings of these turbines wait.
    pub(crate) fn confirm(&mut self, silent: impl IntoIterator<Item = TurbineId>) {
        if let Some(confirmed) = &mut self.confirmed {
            confirmed.extend(silent.into_iter().map(Some));
        }
    }
}
