//! The turbines in time: who stands out, how their smoothed surprisal went, and the picture of it.

mod picture;
mod survey;
mod threshold;
mod trace;

pub use picture::over_time;
pub use survey::TurbineSurvey;
pub use threshold::Threshold;
pub use trace::Traces;

/// The most turbines that are drawn.
const MOST_PANELS: usize = 8;
