//! Quantiles.

/// The `q` quantile (0 to 1) of ascending values, interpolated linearly between the two nearest.
///
/// # Panics
/// If there are no values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}
