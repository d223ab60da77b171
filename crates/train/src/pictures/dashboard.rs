//! The learning dashboard: ROC, F1 against the threshold, learning curves.

use super::{left_out_without_labels, note_of_recording};
use crate::learning::{LearningCurves, LearningPoint};
use turbine_core::dataset::Dataset;
use turbine_core::evaluation::{f1_curve, roc_curve};
use turbine_core::training::Trained;
use viz::chart::{Axis, Line, Panel, Picture, Plot, Remark, Rule, style};

/// Height of a panel.
const HEIGHT: f64 = 290.0;
/// Number of thresholds at which the curves are drawn.
const THRESHOLDS: usize = 200;
/// Points of a curve closer than this in both directions are drawn as one.
const MIN_STEP: f64 = 1e-3;

/// ROC, F1 against the threshold, and two learning curves; without labels of both classes no
/// ROC, and the share flagged instead of F1.
pub fn picture(trained: &Trained, curves: &LearningCurves) -> Picture<'static> {
    // F1 is undefined or 0 where no reading is labelled as a fault.
    let has_f1 = trained.evaluation.is_some_and(|all| all.val.roc_auc.is_some());
    let mut picture = Picture::new("How the model learned");
    note_of_recording(&mut picture, trained);
    picture.note("Each point of the lower curves is a newly fitted model at its own threshold.");
    let mut upper: Vec<(f64, Box<dyn Panel>)> = vec![(1.0, Box::new(over_thresholds(trained, has_f1)))];
    match trained.evaluation.map(|all| all.test.roc_auc) {
        Some(Some(auc)) => upper.insert(0, (1.0, Box::new(roc(trained, auc)))),
        Some(None) => picture.note("Left out: ROC, which needs labels of both classes in Test."),
        None => left_out_without_labels(&mut picture, "ROC, F1"),
    }
    if !has_f1 && trained.evaluation.is_some() {
        picture.note("Left out: F1, which needs labels of both classes in Val.");
    }
    let trees = Axis::number("trees").covering(0.0, 1.0);
    picture.row(HEIGHT, upper);
    let lower: Vec<(f64, Box<dyn Panel>)> = vec![
        (1.0, Box::new(learning("the training readings", fraction_axis(), &curves.fractions, has_f1))),
        (1.0, Box::new(learning("the number of trees", trees, &curves.trees, has_f1))),
    ];
    picture.row(HEIGHT, lower);
    picture
}

fn fraction_axis() -> Axis {
    Axis::number("fraction of the training readings").covering(0.0, 1.0)
}

fn roc(trained: &Trained, auc: f64) -> Plot<'static> {
    let test = &trained.splits.test;
    let rate = |title: &str| Axis::number(title).covering(0.0, 1.0);
    let plot = Plot::new("ROC, Test", rate("false positive rate"), rate("true positive rate")).with(Rule::between(
        "chance",
        (0.0, 0.0),
        (1.0, 1.0),
    ));
    let curve = roc_curve(&trained.scores.test, test.labels().unwrap_or_default());
    let points = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate));
    plot.with(Line::new("model", style::BLUE, thinned(points))).with(Remark::new(format!("AUC = {auc:.5}")))
}

/// The points of a curve without those closer than [`MIN_STEP`] to the one before.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        let moved = |from: &(f64, f64)| (point.0 - from.0).abs() >= MIN_STEP || (point.1 - from.1).abs() >= MIN_STEP;
        last = Some(point);
        if kept.last().is_none_or(moved) {
            kept.push(point);
        }
    }
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    kept
}

fn over_thresholds(trained: &Trained, has_f1: bool) -> Plot<'static> {
    let (title, vertical) = match has_f1 {
        true => ("F1 against the threshold", Axis::number("F1").covering(0.0, 1.0)),
        false => ("Share flagged against the threshold", Axis::number("readings flagged (%)").covering(0.0, 100.0)),
    };
    let mut plot = Plot::new(title, Axis::number("threshold on the anomaly score"), vertical);
    plot.push(Rule::vertical(format!("threshold {:.4}", trained.threshold), trained.threshold));
    let (splits, scores) = (&trained.splits, &trained.scores);
    let all = scores.train.iter().chain(&scores.val).chain(&scores.test);
    let (low, high) = all.fold((1.0, 0.0), |(low, high), &score| (score.min(low), score.max(high)));
    let thresholds: Vec<f64> =
        (0..THRESHOLDS).map(|i| low + (high - low) * i as f64 / (THRESHOLDS - 1) as f64).collect();
    let curve = |scores: &[f64], part: &Dataset| -> Vec<(f64, f64)> {
        match part.labels().filter(|_| has_f1) {
            Some(labels) => f1_curve(scores, labels, &thresholds).iter().map(|p| (p.threshold, p.f1)).collect(),
            None => thresholds.iter().map(|&t| (t, 100.0 * share_above(scores, t))).collect(),
        }
    };
    let parts = [
        ("Train", &scores.train, &splits.train),
        ("Val", &scores.val, &splits.val),
        ("Test", &scores.test, &splits.test),
    ];
    for ((name, scores, part), color) in parts.into_iter().zip(style::SERIES) {
        plot.push(Line::new(name, color, curve(scores, part)));
    }
    plot
}

fn share_above(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64
}

fn learning(against: &str, axis: Axis, points: &[LearningPoint], has_f1: bool) -> Plot<'static> {
    let (title, vertical, value): (_, _, fn(&LearningPoint) -> f64) = match has_f1 {
        true => ("Val F1", Axis::number("F1").covering(1.0, 1.0).spanning(0.1), |point| point.f1),
        false => {
            let vertical = Axis::number("Val readings flagged (%)").covering(0.0, 1.0);
            ("Val share flagged", vertical, |point| 100.0 * point.flagged)
        }
    };
    let points = points.iter().map(|point| (point.at, value(point))).collect();
    Plot::new(format!("{title} against {against}"), axis, vertical)
        .with(Line::new("", style::ORANGE, points).with_markers())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_ends_and_every_visible_step() {
        let staircase = (0..=10_000).map(|i| (f64::from(i) / 1e4, if i < 5_000 { 0.0 } else { 1.0 }));
        let kept = thinned(staircase);
        assert_eq!((kept.first(), kept.last()), (Some(&(0.0, 0.0)), Some(&(1.0, 1.0))));
        assert!(kept.contains(&(0.5, 1.0)));
        assert!(kept.len() <= 1_002, "{}", kept.len());
    }
}
