//! Exponentially weighted means whose weights add up to 1 from the first reading on.

/// The weights that the newest reading gets, by how many there were.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Smoothing {
    /// Of the first reading, the second …; the last one holds for all that follow.
    gains: Vec<f64>,
}

impl Smoothing {
    /// A mean over about `span` readings: α = 2 / (span + 1).
    pub(super) fn new(span: u32) -> Self {
        let keep = 1.0 - 2.0 / (f64::from(span) + 1.0);
        let (mut gains, mut weight) = (Vec::new(), 0.0);
        loop {
            // The weight of all readings so far, the newest having 1.
            let next = keep * weight + 1.0;
            if next == weight {
                return Smoothing { gains };
            }
            weight = next;
            gains.push(1.0 / weight);
        }
    }

    /// The mean of `n` readings (1 or more), given that of those before and the newest.
    pub(super) fn blend(&self, mean: f64, newest: f64, n: u32) -> f64 {
        let gain = self.gains[(n as usize).min(self.gains.len()) - 1];
        // Not mean + gain · (newest − mean), where the difference of two large numbers overflows. Kept between the two, which
        // rounding may leave.
        (mean * (1.0 - gain) + newest * gain).clamp(mean.min(newest), mean.max(newest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(span: u32, values: &[f64]) -> Vec<f64> {
        let smoothing = Smoothing::new(span);
        let mut mean = 0.0;
        (1..)
            .zip(values)
            .map(|(n, &value)| {
                mean = smoothing.blend(mean, value, n);
                mean
            })
            .collect()
    }

    #[test]
    fn span_3_by_hand() {
        // α = 1/2: 4; (4/2 + 1) / (1/2 + 1) = 2; (4/4 + 1/2 + 8) / (1/4 + 1/2 + 1) = 9.5/1.75.
        let means = means(3, &[4.0, 1.0, 8.0]);
        let expected = [4.0, 2.0, 9.5 / 1.75];
        assert!(means.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{means:?}");
    }

    #[test]
    fn span_1_is_the_newest_reading() {
        assert_eq!(means(1, &[4.0, 1.0, 8.0]), [4.0, 1.0, 8.0]);
    }

    #[test]
    fn large_numbers_stay_finite() {
        assert!(means(5, &[f64::MAX, f64::MIN, f64::MIN, f64::MAX, f64::MAX]).iter().all(|mean| mean.is_finite()));
    }

    #[test]
    fn the_longest_span_settles() {
        let smoothing = Smoothing::new(super::super::MOST_SPAN);
        assert!(smoothing.gains.len() < 100_000, "{}", smoothing.gains.len());
        assert!(smoothing.gains.is_sorted_by(|a, b| a >= b));
    }
}
