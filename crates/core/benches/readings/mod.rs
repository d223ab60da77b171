//! Synthetic readings for the benchmarks.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `n_readings × n_features`, roughly standard normal; one reading in twenty is an outlier in every feature.
pub fn readings(n_readings: usize, n_features: usize) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut unit = move || f64::from(rng.next_u32()) / f64::from(u32::MAX);
    let mut readings = Vec::with_capacity(n_readings * n_features);
    for _ in 0..n_readings {
        let is_anomaly = unit() < 0.05;
        for _ in 0..n_features {
            let normal = (0..12).map(|_| unit()).sum::<f64>() - 6.0;
            let shift = if unit() < 0.5 { 5.0 } else { -5.0 };
            readings.push(if is_anomaly { normal + shift } else { normal });
        }
    }
    readings
}
