//! Detectors of the textbook, to measure ours against: each is fitted to normal readings and gives a reading a score,
//! higher = more anomalous. They know no time; what they say can be smoothed like a surprisal.

mod mahalanobis;
mod principal;

pub use mahalanobis::Mahalanobis;
pub use principal::PrincipalComponents;
