//! Confirmed silence: where readings may wait to be scored, a turbine without new records is not necessarily silent.

use super::Fleet;
use jiff::Timestamp;
use std::collections::HashSet;
use turbine_core::monitor::Monitor;
use turbine_core::reading::TurbineId;

impl Fleet {
    /// The same fleet, in which a turbine is silent only once confirmed. Takes over the confirmed turbines of `before`.
    #[must_use]
    pub(crate) fn with_confirmed_silence(self, before: &Fleet) -> Self {
        Fleet { confirmed: Some(before.confirmed.clone().unwrap_or_default()), ..self }
    }

    /// Turbines without a reading for more than ten typical intervals.
    pub(super) fn overdue(&self, monitor: &Monitor, now: Timestamp) -> impl Iterator<Item = &Option<TurbineId>> {
        self.turbines.iter().filter(move |(_, turbine)| monitor.is_silent(turbine.state(), now)).map(|(id, _)| id)
    }

    /// True if an overdue turbine counts as silent: always without confirmation, else if it was confirmed.
    pub(super) fn may_be_silent(&self, id: &Option<TurbineId>) -> bool {
        self.confirmed.as_ref().is_none_or(|confirmed| confirmed.contains(id))
    }

    /// Overdue turbines whose silence is not confirmed yet. Drops the confirmation of turbines that are no longer
    /// overdue.
    pub(crate) fn unconfirmed(&mut self, monitor: &Monitor, now: Timestamp) -> Vec<TurbineId> {
        let overdue: HashSet<Option<TurbineId>> = self.overdue(monitor, now).cloned().collect();
        let Some(confirmed) = &mut self.confirmed else { return Vec::new() };
        confirmed.retain(|id| overdue.contains(id));
        overdue.into_iter().filter(|id| !confirmed.contains(id)).flatten().collect()
    }

    /// Confirms these turbines as silent: none of their readings waits to be scored.
    pub(crate) fn confirm(&mut self, silent: impl IntoIterator<Item = TurbineId>) {
        if let Some(confirmed) = &mut self.confirmed {
            confirmed.extend(silent.into_iter().map(Some));
        }
    }
}
