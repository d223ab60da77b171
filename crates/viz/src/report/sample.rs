//! The readings drawn as bubbles: all of a short log, a random sample of a long one.

use super::survey::Survey;
use crate::chart::Bubble;
use jiff::Timestamp;
use turbine_core::prediction::PredictionRecord;

/// Maximum numbers of bubbles; more would hide each other.
const MAX_NORMALS: u64 = 20_000;
const MAX_ANOMALIES: u64 = 8_000;

/// The bubbles of one predicted class.
#[derive(Debug, Clone)]
pub struct Class {
    /// Readings of the class in the log.
    pub rows: u64,
    max: u64,
    seen: u64,
    /// The bubbles to draw.
    pub bubbles: Vec<Bubble>,
}

impl Class {
    fn new(rows: u64, max: u64) -> Self {
        Self { rows, max, seen: 0, bubbles: Vec::new() }
    }

    fn add(&mut self, bubble: Bubble) {
        self.seen += 1;
        if is_kept(self.seen, self.max, self.rows) {
            self.bubbles.push(bubble);
        }
    }
}

/// Both predicted classes.
#[derive(Debug, Clone)]
pub struct Sample {
    pub normals: Class,
    pub anomalies: Class,
    /// The features drawn, by their places.
    shown: Vec<usize>,
}

impl Sample {
    pub fn new(survey: &Survey, shown: &[usize]) -> Self {
        Self {
            normals: Class::new(survey.normals.rows, MAX_NORMALS),
            anomalies: Class::new(survey.anomalies.rows, MAX_ANOMALIES),
            shown: shown.to_vec(),
        }
    }

    pub fn add(&mut self, record: &PredictionRecord) {
        let bubble = bubble(&self.shown, record.timestamp, &record.values);
        let class = if record.prediction.is_anomaly { &mut self.anomalies } else { &mut self.normals };
        class.add(bubble);
    }
}

/// The first three features shown as x, y and size; a single feature against time.
fn bubble(shown: &[usize], at: Timestamp, values: &[f64]) -> Bubble {
    match *shown {
        [y] => Bubble { x: at.as_millisecond() as f64 / 1000.0, y: values[y], size: 0.0 },
        [x, y] => Bubble { x: values[x], y: values[y], size: 0.0 },
        [x, y, size, ..] => Bubble { x: values[x], y: values[y], size: values[size] },
        [] => Bubble { x: 0.0, y: 0.0, size: 0.0 },
    }
}

/// Whether row `number` is among the about `max` of `rows` that are drawn. Deterministic, and independent of the order of
/// the turbines: every tenth row would be from one of ten turbines that send in turn.
fn is_kept(number: u64, max: u64, rows: u64) -> bool {
    if rows <= max {
        return true;
    }
    // The finaliser of SplitMix64 as a hash.
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z as f64 / u64::MAX as f64) < max as f64 / rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_a_short_log_are_drawn() {
        assert!((1..=500).all(|number| is_kept(number, 500, 500)));
    }

    #[test]
    fn a_long_log_is_sampled_uniformly() {
        let kept: Vec<u64> = (1..=100_000).filter(|&number| is_kept(number, 20_000, 100_000)).collect();
        // Binomial(100,000, 0.2): 20,000 ± 126; five deviations are 632.
        assert!((19_368..=20_632).contains(&kept.len()), "{}", kept.len());
        // About 2,000 of each residue modulo 10, that is of each of ten turbines in turn.
        for turbine in 0..10 {
            let rows = kept.iter().filter(|&&number| number % 10 == turbine).count();
            assert!((1_800..=2_200).contains(&rows), "turbine {turbine}: {rows}");
        }
    }

    #[test]
    fn a_single_feature_is_drawn_against_time() {
        let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_millis(1_500);
        assert_eq!(bubble(&[0], at, &[7.0]), Bubble { x: 1.5, y: 7.0, size: 0.0 });
        assert_eq!(bubble(&[3, 1, 0, 2], at, &[1.0, 2.0, 3.0, 4.0]), Bubble { x: 4.0, y: 2.0, size: 1.0 });
    }
}
