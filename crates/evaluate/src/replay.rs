//! A recording as the service would have judged it.

use crate::recording::Recording;
use turbine_core::model::{Judgement, Model};

/// What a detector made of one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What readings are ranked by; higher = more anomalous.
    pub score: f64,
    /// Whether the turbine's alarm was on after the reading.
    pub in_alarm: bool,
}

/// What the model made of one reading; see [`Judgement`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Higher = more anomalous.
    pub anomaly_score: f64,
    /// In decades; `None` without calibration.
    pub surprisal: Option<f64>,
    /// In decades; `None` without calibration.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm was on after the reading.
    pub in_alarm: bool,
    /// Whether smoothing started anew with the reading.
    pub restarted: bool,
}

impl Judged {
    /// The verdict, ranked by the smoothed surprisal or, without calibration, by the score of the reading alone.
    pub fn verdict(&self) -> Verdict {
        Verdict { score: self.smoothed_surprisal.unwrap_or(self.anomaly_score), in_alarm: self.in_alarm }
    }
}

impl From<Judgement> for Judged {
    fn from(judgement: Judgement) -> Self {
        Judged {
            anomaly_score: judgement.anomaly_score,
            surprisal: judgement.surprisal,
            smoothed_surprisal: judgement.smoothed_surprisal,
            in_alarm: judgement.in_alarm,
            restarted: judgement.step.restarted,
        }
    }
}

/// Replays every turbine from its first reading; one list a turbine, in its order.
pub fn replay(model: &Model, recording: &Recording) -> Vec<Vec<Judged>> {
    let judged = |turbine: &crate::recording::Turbine| {
        model.judge(&turbine.readings, &turbine.times).into_iter().map(Judged::from).collect()
    };
    recording.turbines.iter().map(judged).collect()
}
