//! An isolation forest, classic or extended: readings that few random splits separate from the others are anomalous.
//!
//! The input is rows of numbers. Each tree splits a random sample of the readings until each is alone or at depth
//! ⌈log2(sample_size)⌉. The score of a reading is `2^(−E[path_length] / c(sample_size))`, in (0, 1], where `E` is the
//! average over the trees and `c(n)` the average path length for `n` readings: higher = more anomalous.
//!
//! Liu, Ting, Zhou: *Isolation Forest*, 2008. Hariri, Carrasco Kind, Brunner: *Extended Isolation Forest*, 2019.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use turbine_core::forest::{Forest, ForestParams};
//!
//! // Nine readings of two features: eight close together, one far away.
//! let readings = [0.0, 0.0, 0.1, 0.0, 0.2, 0.0, 0.0, 0.1, 0.1, 0.1, 0.2, 0.1, 0.0, 0.2, 0.1, 0.2, 9.0, 9.0];
//! let forest = Forest::fit(&readings, 2, &ForestParams::default(), NonZeroUsize::MIN)?;
//! assert!(forest.score(&[9.0, 9.0]) > 0.7);
//! assert!(forest.score(&[0.1, 0.1]) < 0.5);
//! # Ok::<(), turbine_core::forest::ForestError>(())
//! ```

use std::sync::OnceLock;

mod check;
mod data;
mod engine;
mod error;
mod fit;
mod grow;
mod leaves;
mod params;
mod path_length;
mod rng;

pub use data::{ForestData, TreeData};
pub use error::ForestError;
pub use params::ForestParams;
pub use path_length::PathLength;

pub(crate) use data::Child;
use engine::Engine;

/// A fitted forest: checked and immutable; threads can share it.
#[derive(Clone)]
pub struct Forest {
    data: ForestData,
    /// Prepared when the first reading is scored.
    engine: OnceLock<Engine>,
    /// `c(sample_size)`
    normaliser: f64,
}

impl Forest {
    /// Anomaly score of one reading, in (0, 1]: higher = more anomalous.
    ///
    /// # Panics
    ///
    /// If the reading does not have [`n_features`](Self::n_features) values.
    #[must_use]
    pub fn score(&self, reading: &[f64]) -> f64 {
        self.score_from(self.path_length(reading))
    }

    /// Scores `readings`, row-major `n_readings × n_features`, into `scores`; bit for bit the same as
    /// [`score`](Self::score). Allocates nothing after the first reading was scored.
    ///
    /// # Panics
    ///
    /// If `readings` is not [`n_features`](Self::n_features) times as long as `scores`.
    pub fn score_batch(&self, readings: &[f64], scores: &mut [f64]) {
        assert_eq!(readings.len(), scores.len() * self.n_features(), "readings are n_readings × n_features");
        self.engine().path_sums(&self.data, readings, scores);
        let n_estimators = self.n_estimators() as f64;
        for score in scores {
            *score = self.score_from(*score / n_estimators);
        }
    }

    /// Path length of a reading, averaged over the trees: the depth of its leaf plus `c(n)` for the leaf's `n` readings.
    ///
    /// # Panics
    ///
    /// If the reading does not have [`n_features`](Self::n_features) values.
    #[must_use]
    pub fn path_length(&self, reading: &[f64]) -> f64 {
        assert_eq!(reading.len(), self.n_features(), "a reading has n_features values");
        self.engine().path_sum(&self.data, reading) / self.n_estimators() as f64
    }

    fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| Engine::new(&self.data))
    }

    fn score_from(&self, path_length: f64) -> f64 {
        libm::exp2(-path_length / self.normaliser)
    }

    /// Number of values in a reading.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.data.n_features
    }

    /// Number of trees.
    #[must_use]
    pub fn n_estimators(&self) -> usize {
        self.data.trees.len()
    }

    /// Number of readings per tree.
    #[must_use]
    pub fn sample_size(&self) -> usize {
        self.data.sample_size as usize
    }

    /// Number of features per split, less one.
    #[must_use]
    pub fn extension_level(&self) -> usize {
        self.data.extension_level
    }

    /// The forest in its file format.
    #[must_use]
    pub fn to_data(&self) -> ForestData {
        self.data.clone()
    }

    pub(crate) fn data(&self) -> &ForestData {
        &self.data
    }

    /// A forest from data that passed [`check::check`] or come from [`fit`].
    fn from_checked(data: ForestData) -> Self {
        Self { normaliser: data.path_length.average(data.sample_size), engine: OnceLock::new(), data }
    }
}

impl TryFrom<ForestData> for Forest {
    type Error = ForestError;

    fn try_from(data: ForestData) -> Result<Self, ForestError> {
        check::check(&data)?;
        Ok(Self::from_checked(data))
    }
}

impl PartialEq for Forest {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl std::fmt::Debug for Forest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forest")
            .field("n_features", &self.n_features())
            .field("n_estimators", &self.n_estimators())
            .field("sample_size", &self.sample_size())
            .field("extension_level", &self.extension_level())
            .finish_non_exhaustive()
    }
}
