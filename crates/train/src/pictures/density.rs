//! Kernel density estimate on a grid, in linear time.

/// Number of points of a curve.
const POINTS: usize = 400;

/// The density of `values` at evenly spaced points over `low..=high`: a Gaussian kernel estimate with Silverman's
/// bandwidth over binned values. The area under it is 1.
pub fn density(values: &[f64], (low, high): (f64, f64)) -> Vec<(f64, f64)> {
    let cell = (high - low) / (POINTS - 1) as f64;
    let point = |i: usize| low + i as f64 * cell;
    let mut counts = vec![0.0; POINTS];
    for value in values {
        let i = ((value - low) / cell).round().clamp(0.0, (POINTS - 1) as f64) as usize;
        counts[i] += 1.0;
    }
    // A kernel narrower than a cell would miss the grid.
    let bandwidth = bandwidth(values).max(cell);
    let scale = 1.0 / (values.len() as f64 * bandwidth * (2.0 * std::f64::consts::PI).sqrt());
    let reach = (4.0 * bandwidth / cell).ceil() as usize;
    let at = |i: usize| {
        let near = i.saturating_sub(reach)..(i + reach + 1).min(POINTS);
        let sum: f64 = near.map(|j| counts[j] * (-0.5 * ((point(i) - point(j)) / bandwidth).powi(2)).exp()).sum();
        (point(i), sum * scale)
    };
    (0..POINTS).map(at).collect()
}

/// 0.9 · min(standard deviation, interquartile range / 1.34) · n^(−1/5) (Silverman 1986, eq. 3.31).
fn bandwidth(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let std = (sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let quartile = |share: f64| sorted[((n - 1.0) * share).round() as usize];
    let range = (quartile(0.75) - quartile(0.25)) / 1.34;
    let spread = if range > 0.0 { std.min(range) } else { std };
    0.9 * spread * n.powf(-0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_one_and_the_peak_is_at_the_values() {
        let values: Vec<f64> = (0..500).map(|i| 0.4 + 0.02 * (f64::from(i) * 0.7).sin()).chain([0.8; 25]).collect();
        let curve = density(&values, (0.2, 1.0));
        let area: f64 = curve.windows(2).map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0).sum();
        assert!((area - 1.0).abs() < 1e-3, "{area}");
        let peak = curve.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|p| p.0);
        assert!(peak.is_some_and(|peak| (0.37..=0.43).contains(&peak)), "{peak:?}");
    }

    #[test]
    fn bandwidth_by_hand() {
        // 0 1 2 3 4: deviation √2, quartiles at indices 1 and 3: range 2 / 1.34 = 1.4925 > √2.
        let expected = 0.9 * 2f64.sqrt() * 5f64.powf(-0.2);
        assert!((bandwidth(&[4.0, 2.0, 0.0, 1.0, 3.0]) - expected).abs() < 1e-12);
    }
}
