//! Which turbines have fallen silent: no reading says so, so it is looked for.

use super::Shared;
use crate::events::Event;
use crate::fleet::Fleet;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use turbine_core::monitor::Monitor;
use turbine_core::reading::TurbineId;

/// How often it is looked for.
const PERIOD: Duration = Duration::from_secs(1);

/// The turbines that were silent when they were looked for last.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    silent: HashSet<Option<TurbineId>>,
}

impl Silences {
    /// Compares with what was found `before`, if anything was: those that are silent at the first look are no news.
    pub(crate) fn look(
        before: Option<Self>,
        fleet: &Fleet,
        monitor: &Monitor,
        now: Timestamp,
    ) -> (Option<Self>, Vec<Event>) {
        let silent = fleet.silent(monitor, now).cloned().collect();
        let Some(mut silences) = before else { return (Some(Silences { silent }), Vec::new()) };
        let events = silences.update(silent, |id| fleet.turbine(id).is_some());
        (Some(silences), events)
    }

    /// Compares with the turbines that are silent now. A turbine that was forgotten was not heard:
    /// `is_known` says which are left.
    fn update(
        &mut self,
        silent: HashSet<Option<TurbineId>>,
        is_known: impl Fn(&Option<TurbineId>) -> bool,
    ) -> Vec<Event> {
        let fell_silent = silent.difference(&self.silent).map(|id| Event::TurbineSilent { turbine_id: id.clone() });
        let heard = self.silent.difference(&silent).filter(|id| is_known(id));
        let heard = heard.map(|id| Event::TurbineHeard { turbine_id: id.clone() });
        let events = fell_silent.chain(heard).collect();
        self.silent = silent;
        events
    }
}

/// Looks for silent turbines, beginning now, until the pipeline is dropped. Those that are silent already are no news.
pub(super) fn watch(shared: &Arc<Shared>) {
    let (silences, _) = shared.look_for_silence(None);
    tokio::spawn(keep_watching(Arc::downgrade(shared), silences));
}

async fn keep_watching(shared: Weak<Shared>, mut silences: Option<Silences>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        let (silent, events) = shared.look_for_silence(silences.take());
        silences = silent;
        events.into_iter().for_each(|event| shared.notice(event));
    }
}

impl Shared {
    /// Compares with what was found before, if anything was: without a model it is not known which turbines are silent.
    fn look_for_silence(&self, before: Option<Silences>) -> (Option<Silences>, Vec<Event>) {
        let Some(model) = self.slot.model() else { return (before, Vec::new()) };
        Silences::look(before, &self.fleet.read(), model.monitor(), Timestamp::now())
    }

    pub(super) fn notice(&self, event: Event) {
        self.counters.notice(&event);
        event.log();
        self.events.tell(event);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_so_is_its_end() {
        let ids = |names: &str| -> HashSet<Option<TurbineId>> {
            names.split_whitespace().map(|name| (name != "-").then(|| name.parse().unwrap())).collect()
        };
        let mut silences = Silences::default();
        // Silent now, known now, told.
        let told = [("A -", "A B -", 2), ("A -", "A B -", 0), ("A", "A B -", 1), ("B", "B -", 1), ("", "B -", 1)].map(
            |(silent, known, expected)| {
                let known = ids(known);
                let events = silences.update(ids(silent), |id| known.contains(id));
                assert_eq!(events.len(), expected, "{silent:?}: {events:?}");
                events
            },
        );
        assert!(matches!(&told[2][0], Event::TurbineHeard { turbine_id: None }), "{:?}", told[2]);
        // A was forgotten: that is no sign of life.
        assert!(matches!(&told[3][0], Event::TurbineSilent { turbine_id: Some(id) } if id.as_str() == "B"));
        assert!(matches!(&told[4][0], Event::TurbineHeard { turbine_id: Some(id) } if id.as_str() == "B"));
    }
}
