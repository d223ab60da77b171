//! A promoted model on trial: the model before goes on as its shadow, and the rule decides by the figures of both.

use super::reload::ReloadError;
use super::{Pipeline, Shared};
use crate::events::Event;
use crate::lifecycle::{Beginning, RollbackRule, ShadowRole, ShadowStatus, Trial};
use jiff::Timestamp;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use turbine_core::model::Model;

/// How often the figures are looked at: a worse model is in service for so much longer.
const LOOK: Duration = Duration::from_millis(200);

/// When a promoted model is taken back by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollbackPolicy {
    /// The rule.
    pub rule: RollbackRule,
    /// For how long after a promotion it holds.
    pub within: Duration,
}

impl Shared {
    /// Has the rule watch the model that was just promoted. `previous` scores the same readings, with what is known of each
    /// turbine.
    pub(super) async fn begin_trial(self: &Arc<Self>, previous: Arc<Model>) -> Result<(), ReloadError> {
        let Some((policy, commits)) = self.config.rollback.zip(self.commits.get()) else { return Ok(()) };
        let Some(promoted) = self.slot.model() else { return Ok(()) };
        if !promoted.features().names().eq(previous.features().names()) {
            tracing::warn!("--rollback-if does not watch {}: it reads other features", promoted.version());
            return Ok(());
        }
        let (shared, against) = (Arc::clone(self), Arc::clone(promoted.version()));
        let begin = move |_: &mut _| {
            // Nothing is committed meanwhile, so the shadow goes on where the model before left off.
            let mut states: Vec<_> = {
                let fleet = shared.fleet.read();
                fleet.latest(u64::MAX).map(|(id, turbine)| (id.clone(), turbine.state().clone())).collect()
            };
            states.reverse();
            let (file, max_turbines) = (shared.folder.previous(), shared.config.fleet.max_turbines);
            let role = ShadowRole::Previous;
            Ok(shared.set_shadow(Beginning { model: previous, file, role, against, states, max_turbines }))
        };
        commits.exclusively(begin).await.map_err(|error| ReloadError::Log(error.to_string().into()))??;
        let until = Timestamp::now().checked_add(policy.within).unwrap_or(Timestamp::MAX);
        let trial = Trial { version: Arc::clone(promoted.version()), until };
        self.standing().trial = Some(trial.clone());
        tracing::info!(model_version = %trial.version, rule = %policy.rule, %until, "the promoted model is on trial");
        tokio::spawn(watch(Arc::downgrade(self), policy, trial));
        Ok(())
    }

    /// The shadow's status while that trial goes on.
    fn on_trial(&self, trial: &Trial) -> Option<ShadowStatus> {
        let is_current = self.standing().trial.as_ref() == Some(trial);
        self.shadow.get().filter(|_| is_current).map(|shadow| shadow.status())
    }
}

/// Watches a promoted model until the trial ends, by the rule, by its time or by another model.
async fn watch(shared: Weak<Shared>, policy: RollbackPolicy, trial: Trial) {
    let end = Instant::now().checked_add(policy.within);
    loop {
        let next = Instant::now() + LOOK;
        sleep_until(end.map_or(next, |end| end.min(next))).await;
        let is_over = end.is_some_and(|end| Instant::now() >= end);
        let Some(pipeline) = shared.upgrade().map(Pipeline) else { return };
        let Some(status) = pipeline.0.on_trial(&trial) else { return };
        if let Some(figures) = policy.rule.broken_by(&status.comparison) {
            pipeline.take_back(policy.rule, &trial, figures, &status).await;
            return;
        }
        if is_over {
            pipeline.0.pass(&trial).await;
            return;
        }
    }
}

impl Shared {
    /// Ends a trial that was passed.
    async fn pass(&self, trial: &Trial) {
        let _one_at_a_time = self.reloading.lock().await;
        if self.on_trial(trial).is_some() {
            self.standing().trial = None;
            self.shadow.put(None, &self.lifecycle);
            tracing::info!(model_version = %trial.version, "the promoted model has passed its trial");
        }
    }
}

impl Pipeline {
    /// Rolls back for the rule, which was broken by those figures.
    async fn take_back(&self, rule: RollbackRule, trial: &Trial, (new, old): (u64, u64), status: &ShadowStatus) {
        let _one_at_a_time = self.0.reloading.lock().await;
        if self.0.on_trial(trial).is_none() {
            return;
        }
        let (counted, readings, previous) = (rule.counted(), status.comparison.readings, &status.model_version);
        let version = Arc::clone(&trial.version);
        let why = format!("rule {rule}: {new} {counted} against {old} of {previous} on the same {readings} readings");
        match self.0.restore_previous().await {
            Ok(_) => {
                self.0.lifecycle.automatic_rollbacks.inc();
                let rolled_back = self.0.folder.rolled_back();
                let problem = format!(
                    "the model {version} was taken back by the {why}; it is kept as {}. Promote another model, or confirm \
                     with POST /model/reload",
                    rolled_back.display()
                );
                self.0.standing().taken_back = Some(problem.into());
                let event = Event::ModelTakenBack { version, reason: why.into() };
                event.log();
                self.0.events.tell(event);
            }
            Err(error) => {
                self.0.shadow.put(None, &self.0.lifecycle);
                self.0.standing().trial = None;
                let problem = format!("the model {version} should be taken back by the {why}, but: {error}");
                tracing::error!("{problem}");
                self.0.standing().taken_back = Some(problem.into());
            }
        }
    }
}
