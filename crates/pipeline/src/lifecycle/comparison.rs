//! What two models said of the same readings.

/// Counts of the readings that a shadow scored as well.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Comparison {
    /// Readings that both scored.
    pub readings: u64,
    /// Those of which both said the same: an anomaly, or none.
    pub agreed: u64,
    /// Anomalies by the model in service.
    pub service_anomalies: u64,
    /// Anomalies by the shadow.
    pub shadow_anomalies: u64,
    /// Alarms that the model in service raised.
    pub service_alarms: u64,
    /// Alarms that the shadow would have raised.
    pub shadow_alarms: u64,
    pub(super) difference: f64,
}

/// What one of the two said of a reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    pub(super) score: f64,
    pub(super) is_anomaly: bool,
    pub(super) raised: bool,
}

impl Comparison {
    /// Counts a reading.
    pub(super) fn add(&mut self, service: Said, shadow: Said) {
        self.readings += 1;
        self.agreed += u64::from(service.is_anomaly == shadow.is_anomaly);
        self.service_anomalies += u64::from(service.is_anomaly);
        self.shadow_anomalies += u64::from(shadow.is_anomaly);
        self.service_alarms += u64::from(service.raised);
        self.shadow_alarms += u64::from(shadow.raised);
        self.difference += shadow.score - service.score;
    }

    /// Share of the readings of which both said the same; `None` before the first.
    pub fn agreement(&self) -> Option<f64> {
        (self.readings > 0).then(|| self.agreed as f64 / self.readings as f64)
    }

    /// Mean of the shadow's score less that of the model in service; `None` before the first reading. It says little of
    /// detectors whose scores mean different things.
    pub fn mean_score_difference(&self) -> Option<f64> {
        (self.readings > 0).then(|| self.difference / self.readings as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_counted_by_itself() {
        let said = |score, is_anomaly, raised| Said { score, is_anomaly, raised };
        let mut comparison = Comparison::default();
        assert_eq!((comparison.agreement(), comparison.mean_score_difference()), (None, None));
        comparison.add(said(0.25, false, false), said(0.5, false, false));
        comparison.add(said(0.25, false, false), said(0.75, true, true));
        comparison.add(said(0.75, true, true), said(0.5, true, false));
        comparison.add(said(0.75, true, false), said(0.75, true, true));
        // Differences: 0.25 + 0.5 − 0.25 + 0 = 0.5 of four readings.
        assert_eq!((comparison.agreement(), comparison.mean_score_difference()), (Some(0.75), Some(0.125)));
        assert_eq!((comparison.service_anomalies, comparison.shadow_anomalies), (2, 3));
        assert_eq!((comparison.service_alarms, comparison.shadow_alarms), (1, 2));
    }
}
