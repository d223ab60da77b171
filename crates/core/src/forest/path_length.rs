//! Path lengths.

use serde::{Deserialize, Serialize};

/// How the remaining path length is estimated in a leaf with several readings.
///
/// Both conventions are the average path length of an unsuccessful search in a binary search tree of `n` entries,
/// `c(n) = 2·(ln(n − 1) + γ) − 2·(n − 1)/n`, and 0 for `n ≤ 1`. (Liu, Ting and Zhou: Isolation Forest, 2008,
/// equation 1.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathLength {
    /// γ = 0.5772156649, and the formula also for `n = 2`: the Rust crate of this name, and forests fitted here.
    #[default]
    ExtendedIsolationForest,
    /// γ in full double precision, and `c(2) = 1`: forests from scikit-learn.
    ScikitLearn,
}

impl PathLength {
    /// Average path length `c(n)`, which a leaf with `n` readings adds to its depth.
    #[must_use]
    pub fn average(self, n: u32) -> f64 {
        if n <= 1 {
            return 0.0;
        }
        let gamma = match self {
            Self::ScikitLearn if n == 2 => return 1.0,
            Self::ScikitLearn => 0.577_215_664_901_532_9,
            Self::ExtendedIsolationForest => 0.577_215_664_9,
        };
        let n = f64::from(n);
        2.0 * (libm::log(n - 1.0) + gamma) - 2.0 * (n - 1.0) / n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_is_the_published_formula() {
        // c(2) = 2·(ln 1 + γ) − 2·1/2 = 2γ − 1 = 0.1544313298
        assert!((PathLength::ExtendedIsolationForest.average(2) - 0.154_431_329_8).abs() < 1e-15);
        // c(256) = 2·(ln 255 + γ) − 2·255/256 = 2·(5.541263545 + 0.577215665) − 1.9921875 = 10.24477092
        assert!((PathLength::ExtendedIsolationForest.average(256) - 10.244_770_92).abs() < 1e-8);
        assert_eq!(PathLength::ExtendedIsolationForest.average(1), 0.0);
        assert_eq!(PathLength::ExtendedIsolationForest.average(0), 0.0);
    }

    #[test]
    fn scikit_learn_differs_at_two_and_in_gamma() {
        assert_eq!(PathLength::ScikitLearn.average(2), 1.0);
        assert_eq!(PathLength::ScikitLearn.average(1), 0.0);
        // Twice the difference of the two γ: 2 · 1.5329e-12 = 3.0658e-12
        let difference = PathLength::ScikitLearn.average(256) - PathLength::ExtendedIsolationForest.average(256);
        assert!((difference - 3.0658e-12).abs() < 1e-14, "{difference}");
    }
}
