//! Fitting a forest.

use std::num::NonZeroUsize;

use super::{Forest, ForestData, ForestError, ForestParams, PathLength, TreeData, grow::Grower, rng::TreeRng};

impl Forest {
    /// Fits a forest to finite `readings`, row-major `n_readings × n_features`.
    ///
    /// Each tree has its own random generator, seeded with the seed and its number, so the forest does not depend on
    /// `threads`.
    ///
    /// # Errors
    ///
    /// If a parameter is out of range, there are fewer than 2 readings, the buffer is not a whole number of readings, or a
    /// value is not finite.
    pub fn fit(
        readings: &[f64],
        n_features: usize,
        params: &ForestParams,
        threads: NonZeroUsize,
    ) -> Result<Self, ForestError> {
        params.check(n_features)?;
        let n_readings = check_readings(readings, n_features)?;
        let sample_size = params.sample_size.min(n_readings);
        let grower = || Grower::new(readings, n_features, sample_size, params.extension_level);
        let mut trees = vec![TreeData::default(); params.n_estimators];
        let trees_per_thread = params.n_estimators.div_ceil(threads.get());
        let grow_chunk = |chunk: usize, trees: &mut [TreeData]| {
            let mut grower = grower();
            for (i, tree) in trees.iter_mut().enumerate() {
                *tree = grower.grow(TreeRng::new(params.seed, chunk * trees_per_thread + i));
            }
        };
        let (first, rest) = trees.split_at_mut(trees_per_thread);
        std::thread::scope(|scope| {
            for (i, trees) in rest.chunks_mut(trees_per_thread).enumerate() {
                scope.spawn(move || grow_chunk(i + 1, trees));
            }
            grow_chunk(0, first);
        });
        Ok(Self::from_checked(ForestData {
            n_features,
            sample_size: sample_size as u32,
            extension_level: params.extension_level,
            path_length: PathLength::ExtendedIsolationForest,
            trees,
        }))
    }
}

fn check_readings(readings: &[f64], n_features: usize) -> Result<usize, ForestError> {
    if !readings.len().is_multiple_of(n_features) {
        return Err(ForestError::Shape { length: readings.len(), n_features });
    }
    let n_readings = readings.len() / n_features;
    if n_readings < 2 {
        return Err(ForestError::TooFewReadings { n_readings });
    }
    // The position is searched only if there is one: a loop without an exit is vectorised.
    if !readings.iter().fold(true, |all_finite, value| all_finite & value.is_finite())
        && let Some(i) = readings.iter().position(|value| !value.is_finite())
    {
        return Err(ForestError::NotFinite { reading: i / n_features, feature: i % n_features, value: readings[i] });
    }
    Ok(n_readings)
}
