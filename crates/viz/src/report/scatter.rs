//! The bubble chart of the readings.

use super::Drawing;
use super::over_time::covered;
use super::sample::Class;
use crate::chart::{Axis, Bubbles, ChartError, Picture, Plot, SizeScale, count, style};
use std::path::Path;

/// The second feature against the first, the third as size; a single feature against time.
pub fn bubbles(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { features, shown, sample, .. } = drawing;
    let (normals, anomalies) = (&sample.normals, &sample.anomalies);
    let label = |i: usize| features[shown[i]].label();
    let (x, y) = match shown.len() {
        1 => (Axis::time("time (UTC)"), Axis::number(label(0))),
        _ => (Axis::number(label(0)).margin(0.04), Axis::number(label(1))),
    };
    let drawn = normals.bubbles.len() + anomalies.bubbles.len();
    let sizes = match shown.len() {
        1 | 2 => SizeScale::equal(drawn),
        _ => SizeScale::new(label(2), normals.bubbles.iter().chain(&anomalies.bubbles).map(|b| b.size)),
    };
    let legend = |name: &str, class: &Class| format!("predicted {name} ({})", count(class.rows));
    let plot = Plot::new("", x, y.margin(0.05))
        .with(Bubbles::new(legend("normal", normals), style::BLUE, &normals.bubbles, &sizes))
        .with(
            Bubbles::new(legend("anomaly", anomalies), style::VERMILLION, &anomalies.bubbles, &sizes)
                .emphasised()
                .explaining_sizes(),
        );
    let name = |i: usize| features[shown[i]].name.as_str();
    let mut picture = Picture::new(match shown.len() {
        1 => format!("{} over time, by what the model predicted", name(0)),
        _ => format!("{} against {}, by what the model predicted", name(1), name(0)),
    });
    picture.note(covered(drawing));
    for (name, class) in [("normal", normals), ("anomalous", anomalies)] {
        if (class.bubbles.len() as u64) < class.rows {
            let (some, all) = (count(class.bubbles.len() as u64), count(class.rows));
            picture.note(format!("A random sample of {some} of the {all} {name} readings."));
        }
    }
    let drawn_features = shown.len().min(3);
    if features.len() > drawn_features {
        picture.note(format!("{drawn_features} of {} features; --features a,b,c draws others.", features.len()));
    }
    picture.row(540.0, vec![(1.0, Box::new(plot))]);
    picture.save(path)
}
