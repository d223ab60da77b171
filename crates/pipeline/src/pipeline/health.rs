//! The state of the service, and the gauges that are looked up rather than counted.

use super::Pipeline;
use jiff::Timestamp;
use turbine_core::alarm_log::AlarmId;

/// The state of a pipeline at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether there is a model.
    pub model_loaded: bool,
    /// Whether the model's golden readings score as they must and the log takes rows.
    pub ready: bool,
    /// What is wrong and how to mend it.
    pub problems: Vec<String>,
}

impl Pipeline {
    /// The state of the service, scoring the golden readings once.
    pub fn health(&self) -> Health {
        let model = self.0.slot.model();
        let proof = model.as_ref().map(|model| model.prove());
        let refusal = self.0.commits.get().and_then(|commits| commits.status().refusal);
        let outdated = self.outdated();
        let log_is_open = self.0.commits.get().is_some() || self.0.park.is_some();
        let ready = matches!(proof, Some(Ok(()))) && log_is_open && refusal.is_none() && outdated.is_none();
        let failed_proof = proof.and_then(Result::err).map(|error| format!("the model fails its own proof: {error}"));
        let slot_problem = self.0.slot.problem().map(|problem| problem.to_string());
        let log_problem = refusal.map(|refusal| refusal.to_string());
        let rotation = self.0.log_telemetry.problem().map(|problem| problem.to_string());
        let alarms = self.0.alarms_problem.get().map(|problem| problem.to_string());
        let standing = self.0.standing();
        let [taken_back, shadow] =
            [&standing.taken_back, &standing.shadow_problem].map(|problem| problem.as_ref().map(ToString::to_string));
        drop(standing);
        let outdated = outdated.map(|problem| problem.to_string());
        let problems = [slot_problem, failed_proof, log_problem, outdated, rotation, alarms, taken_back, shadow];
        let problems = problems.into_iter().flatten().collect();
        Health { model_loaded: model.is_some(), ready, problems }
    }

    /// Brings the gauges up to date that are looked up rather than counted.
    pub fn refresh_gauges(&self) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let counters = &self.0.counters;
        match self.0.commits.get() {
            Some(commits) => {
                let status = commits.status();
                counters.set_log_accepting(status.refusal.is_none());
                counters.log_queue_rows.set(gauge(status.rows) + self.0.log_telemetry.buffered_rows.get());
            }
            None if self.0.park.is_some() => counters.set_log_accepting(self.outdated().is_none()),
            None => return,
        }
        let Some(model) = self.0.slot.model() else { return };
        if let Ok(report) = self.drift() {
            counters.set_drift(&report);
        }
        let history = self.0.history.read();
        let fleet = self.0.fleet.read();
        let is_running =
            |id: &&AlarmId| fleet.turbine(&id.turbine_id).is_some_and(|it| it.alarm_since() == Some(id.raised));
        counters.alarms_acknowledged.set(gauge(history.acknowledged().filter(is_running).count() as u64));
        counters.set_census(fleet.census(model.monitor(), Timestamp::now()));
    }
}
