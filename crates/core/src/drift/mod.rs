//! Drift: whether the newest readings are distributed as in training, feature by feature.
//!
//! The values of a feature in training are summarised in bins ([`Distribution`]); a sliding window counts the newest readings
//! in the same bins ([`Watch`]). Two figures compare the shares `p` of training and `q` of the window ([`Comparison`]):
//!
//! - population stability index, in about twenty bins of equal share: PSI = Σ (q − p) · ln(q / p). Credit scoring calls
//!   less than 0.1 no change and more than 0.25 a major one, chance included (N. Siddiqi, Credit Risk Scorecards, 2006);
//! - Kolmogorov–Smirnov distance, in more than a hundred bins: the largest difference of the cumulative shares.
//!
//! Both are above 0 for any two samples. Without drift, PSI / (1/n + 1/m) of a window of n and a training of m values has a χ²
//! distribution with one degree of freedom less than there are bins (B. Yurdakul and J. Naranjo, Statistical properties of
//! the population stability index, Journal of Risk Model Validation 14 (4), 2020), and so the mean (bins − 1) · (1/n + 1/m);
//! the distance exceeds √(−ln(α/2) / 2) · √(1/n + 1/m) with probability α (N. Smirnov, 1948), less often if values repeat.
//!
//! A feature begins to drift when its PSI exceeds its mean without drift by at least 0.2 and its distance is more than chance
//! explains at α = 0.001; it stops when that excess is less than half as large. In a recording the readings of a week differ
//! from those of a year without any drift: there the excess must also be at least that of every window of the training.

mod comparison;
mod distribution;
mod reference;
mod watch;
mod window;

#[cfg(test)]
mod tests;

pub use comparison::{Comparison, Share};
pub use distribution::Distribution;
pub use reference::Reference;
pub use watch::{Change, Observed, Watch, WatchState};

/// Readings in a window, if nothing else is asked for.
pub const DEFAULT_WINDOW: usize = 1_000;
