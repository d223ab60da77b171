//! Distribution of the anomaly score.

use super::density::density;
use super::note_of_recording;
use turbine_core::training::Trained;
use viz::chart::{Axis, Line, Picture, Plot, Rule, count, style};

/// The density of the anomaly score in each split.
pub fn picture(trained: &Trained) -> Picture<'static> {
    let scores = &trained.scores;
    let all = scores.train.iter().chain(&scores.val).chain(&scores.test);
    let (low, high) = all.fold((1.0f64, 0.0f64), |(low, high), &score| (score.min(low), score.max(high)));
    let margin = (high - low).max(1e-3) * 0.06;
    let range = (low - margin, high + margin);
    let threshold = trained.threshold;
    let horizontal = Axis::number("anomaly score (higher = more anomalous)");
    let mut plot =
        Plot::new("", horizontal, Axis::number("density (share of readings per unit of score)").covering(0.0, 0.0));
    plot.push(Rule::vertical(format!("threshold {threshold:.4}"), threshold));
    let parts = [("Train", &scores.train), ("Val", &scores.val), ("Test", &scores.test)];
    for ((name, scores), color) in parts.into_iter().zip(style::SERIES) {
        let label = format!("{name} (n = {})", count(scores.len() as u64));
        plot.push(Line::new(label, color, density(scores, range)).filled());
    }
    let mut picture = Picture::new("Anomaly scores");
    note_of_recording(&mut picture, trained);
    picture.note("Readings to the right of the threshold are flagged.");
    picture.row(360.0, vec![(1.0, Box::new(plot))]);
    picture
}
