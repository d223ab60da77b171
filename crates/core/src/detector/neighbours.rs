//! How far a smoothed reading lies from training readings, in a space where the training readings are round.

use crate::matrix::{inverse_cholesky, shrunk_covariance};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Training readings that others are compared with; all where there are fewer.
pub const N_REFERENCE: usize = 256;

/// How many of the nearest count.
const NEAREST: usize = 3;

/// Reference readings that are compared at a time: what fits the registers.
const LANES: usize = 16;

/// A standardised value is not let beyond this, so that squares and their sums stay finite.
const MOST_DEVIATIONS: f64 = 1e60;

/// Bounds of written numbers: the whitening of a covariance with eigenvalues ≥ 0.02 has none above 1/√0.02 = 7.07, and
/// a reading of n lies at most √n deviations from their mean.
const MOST_WHITENING: f64 = 7.1;
const MOST_COORDINATE: f64 = 1e9;

/// Mean distance to the three nearest of 256 training readings, smoothed and whitened, per root of the number of
/// features: about 1 at most for normal readings, without bound for others. Higher = more anomalous.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    data: NeighboursData,
    /// The features that had spread.
    used: Vec<usize>,
    /// The reference readings in tiles of [`LANES`], each feature-major; the last filled up with infinity.
    tiles: Vec<[f64; LANES]>,
}

/// Neighbours as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighboursData {
    /// Mean of the smoothed training readings, one a feature.
    pub mean: Vec<f64>,
    /// Their population standard deviation; 0 for a feature without spread, which is left out.
    pub std: Vec<f64>,
    /// The rows of a lower triangular matrix over the features that are used, each to its diagonal.
    pub whitening: Vec<f64>,
    /// The reference readings, whitened: row-major, n_reference × used features.
    pub reference: Vec<f64>,
}

/// Why written neighbours cannot be used: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct NeighboursError {
    /// The field of [`NeighboursData`].
    pub field: &'static str,
    /// The problem.
    pub problem: String,
}

impl Neighbours {
    /// Fits to `smoothed` training readings (row-major, n_readings × n_features, finite, at least two). Features without
    /// spread are left out; `None` if none is left.
    pub fn fit(smoothed: &[f64], n_features: usize, seed: u64) -> Option<Self> {
        let (mean, std) = spread(smoothed, n_features);
        let used = used(&std);
        if used.is_empty() {
            return None;
        }
        let standardise = |reading: &[f64]| -> Vec<f64> {
            used.iter().map(|&feature| (reading[feature] - mean[feature]) / std[feature]).collect()
        };
        let standardised: Vec<f64> = smoothed.chunks_exact(n_features).flat_map(standardise).collect();
        let factor = inverse_cholesky(&shrunk_covariance(&standardised, used.len()), used.len())?;
        let whitening: Vec<f64> =
            factor.chunks_exact(used.len()).enumerate().flat_map(|(i, row)| &row[..=i]).copied().collect();
        let mut reference = Vec::with_capacity(N_REFERENCE * used.len());
        for place in choose(standardised.len() / used.len(), seed) {
            let mut whitened = vec![0.0; used.len()];
            whiten(&whitening, &standardised[place * used.len()..][..used.len()], &mut whitened);
            reference.extend(whitened);
        }
        NeighboursData { mean, std, whitening, reference }.try_into().ok()
    }

    /// The distance of a smoothed reading, per root of the number of features; finite and at least 0.
    ///
    /// # Panics
    /// If the reading does not have as many values as those it was fitted to.
    pub fn distance(&self, smoothed: &[f64]) -> f64 {
        let NeighboursData { mean, std, whitening, .. } = &self.data;
        assert_eq!(smoothed.len(), mean.len(), "a reading has n_features values");
        let mut standardised = [0.0; crate::feature::MAX_FEATURES];
        let mut whitened = [0.0; crate::feature::MAX_FEATURES];
        let (standardised, whitened) = (&mut standardised[..self.used.len()], &mut whitened[..self.used.len()]);
        for (standardised, &feature) in standardised.iter_mut().zip(&self.used) {
            let deviations = (smoothed[feature] - mean[feature]) / std[feature];
            *standardised = deviations.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS);
        }
        whiten(whitening, standardised, whitened);
        let nearest = nearest(&self.tiles, whitened);
        let counted = NEAREST.min(self.n_reference());
        let sum: f64 = nearest[..counted].iter().map(|squared| squared.sqrt()).sum();
        sum / counted as f64 / (self.used.len() as f64).sqrt()
    }

    /// Values in a reading.
    pub fn n_features(&self) -> usize {
        self.data.mean.len()
    }

    /// How many training readings others are compared with.
    pub fn n_reference(&self) -> usize {
        self.data.reference.len() / self.used.len()
    }

    /// The neighbours as they are written.
    pub fn data(&self) -> &NeighboursData {
        &self.data
    }
}

impl TryFrom<NeighboursData> for Neighbours {
    type Error = NeighboursError;

    fn try_from(data: NeighboursData) -> Result<Self, NeighboursError> {
        check(&data)?;
        let used = used(&data.std);
        let rows = data.reference.chunks_exact(used.len());
        let mut tiles = vec![[f64::INFINITY; LANES]; rows.len().div_ceil(LANES) * used.len()];
        for (i, row) in rows.enumerate() {
            for (j, &coordinate) in row.iter().enumerate() {
                tiles[i / LANES * used.len() + j][i % LANES] = coordinate;
            }
        }
        Ok(Neighbours { data, used, tiles })
    }
}

fn check(data: &NeighboursData) -> Result<(), NeighboursError> {
    let NeighboursData { mean, std, whitening, reference } = data;
    let refuse = |field, problem: String| Err(NeighboursError { field, problem });
    if !(mean.iter().all(|mean| mean.is_finite()) && (1..=crate::feature::MAX_FEATURES).contains(&mean.len())) {
        return refuse("mean", format!("must be 1 to {} finite numbers", crate::feature::MAX_FEATURES));
    }
    if !(std.len() == mean.len() && std.iter().all(|&std| std >= 0.0 && std.is_finite())) {
        return refuse("std", format!("must be {} numbers of at least 0", mean.len()));
    }
    let n = used(std).len();
    if n == 0 {
        return refuse("std", "is 0 everywhere, so no feature is left to compare".to_owned());
    }
    let within = |numbers: &[f64], most: f64| numbers.iter().all(|number| (-most..=most).contains(number));
    if !(whitening.len() == n * (n + 1) / 2 && within(whitening, MOST_WHITENING)) {
        let entries = n * (n + 1) / 2;
        return refuse("whitening", format!("must be {entries} numbers from -{MOST_WHITENING} to {MOST_WHITENING}"));
    }
    if !(0..n).all(|row| whitening[row * (row + 3) / 2] > 0.0) {
        return refuse("whitening", "must be above 0 on its diagonal".to_owned());
    }
    let n_reference = reference.len() / n;
    let whole = reference.len().is_multiple_of(n) && (1..=N_REFERENCE).contains(&n_reference);
    if !(whole && within(reference, MOST_COORDINATE)) {
        let problem = format!("must be 1 to {N_REFERENCE} readings of {n} numbers of at most {MOST_COORDINATE:e}");
        return refuse("reference", problem);
    }
    Ok(())
}

/// Mean and population standard deviation of each feature; 0 for one whose spread is no more than rounding.
fn spread(readings: &[f64], n_features: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (readings.len() / n_features) as f64;
    let column = |feature: usize| readings.iter().skip(feature).step_by(n_features);
    let mean: Vec<f64> = (0..n_features).map(|feature| column(feature).sum::<f64>() / n).collect();
    let deviation = |feature: usize| {
        let mean = mean[feature];
        let std = (column(feature).map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt();
        if std > 1e-9 * mean.abs().max(1.0) && std.is_finite() { std } else { 0.0 }
    };
    let std = (0..n_features).map(deviation).collect();
    (mean, std)
}

fn used(std: &[f64]) -> Vec<usize> {
    (0..std.len()).filter(|&feature| std[feature] > 0.0).collect()
}

/// [`N_REFERENCE`] of `n` places, each set of them equally likely; all where there are fewer.
fn choose(n: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut places: Vec<usize> = (0..n).collect();
    let chosen = N_REFERENCE.min(n);
    for i in 0..chosen {
        // u64 and not usize, whose draws differ between machines.
        places.swap(i, rng.random_range(i as u64..n as u64) as usize);
    }
    places.truncate(chosen);
    places
}

/// The product of the packed lower triangle with a vector.
fn whiten(triangle: &[f64], standardised: &[f64], whitened: &mut [f64]) {
    let mut start = 0;
    for (i, whitened) in whitened.iter_mut().enumerate() {
        let row = &triangle[start..start + i + 1];
        *whitened = row.iter().zip(standardised).map(|(a, b)| a * b).sum();
        start += i + 1;
    }
}

/// The smallest squared distances, ascending, by the widest vectors this machine has; all ways give the same bits.
fn nearest(tiles: &[[f64; LANES]], whitened: &[f64]) -> [f64; NEAREST] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for, as was just found.
        return unsafe { nearest_with_avx2(tiles, whitened) };
    }
    nearest_anywhere(tiles, whitened)
}

/// The same code, compiled for vectors of 256 bits: a quarter less time a reading at ten features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn nearest_with_avx2(tiles: &[[f64; LANES]], whitened: &[f64]) -> [f64; NEAREST] {
    nearest_anywhere(tiles, whitened)
}

#[inline(always)]
fn nearest_anywhere(tiles: &[[f64; LANES]], whitened: &[f64]) -> [f64; NEAREST] {
    let mut nearest = [f64::INFINITY; NEAREST];
    for tile in tiles.chunks_exact(whitened.len()) {
        let mut squared = [0.0; LANES];
        for (coordinates, &own) in tile.iter().zip(whitened) {
            for (squared, coordinate) in squared.iter_mut().zip(coordinates) {
                let difference = coordinate - own;
                *squared += difference * difference;
            }
        }
        if squared.iter().fold(false, |any, &squared| any | (squared < nearest[NEAREST - 1])) {
            squared.into_iter().for_each(|squared| insert(&mut nearest, squared));
        }
    }
    nearest
}

fn insert(nearest: &mut [f64; NEAREST], squared: f64) {
    if squared < nearest[NEAREST - 1] {
        nearest[NEAREST - 1] = squared;
        let mut i = NEAREST - 1;
        while i > 0 && nearest[i] < nearest[i - 1] {
            nearest.swap(i, i - 1);
            i -= 1;
        }
    }
}
