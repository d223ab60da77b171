//! Drift of the newest readings.

use super::{Pipeline, SubmitError};
use crate::drift::DriftReport;

impl Pipeline {
    /// How the newest readings compare with the training of the model in service. Takes some microseconds a feature.
    ///
    /// # Errors
    /// [`SubmitError::NoModel`].
    pub fn drift(&self) -> Result<DriftReport, SubmitError> {
        let model = self.model()?;
        let fleet = self.0.fleet.read();
        Ok(DriftReport::new(&model, fleet.drift().watch_of(&model), self.0.config.fleet.drift_window))
    }
}
