//! The five pictures.

mod correlation;
mod dashboard;
mod density;
mod heatmaps;
mod histograms;
mod scores;

use crate::learning::LearningCurves;
use crate::metrics::MetricsTable;
use std::path::{Path, PathBuf};
use turbine_core::dataset::Dataset;
use turbine_core::training::Trained;
use viz::chart::{ChartError, Notice, Picture};

/// Added to the notes of a recording's pictures.
const OF_THE_FIRST_PART: &str =
    "Figures of a model fitted to Train, the first 70 % in time; the saved model is fitted to all normal readings.";

/// Draws all pictures into `folder` and returns their paths.
pub fn draw(
    dataset: &Dataset,
    trained: &Trained,
    curves: &LearningCurves,
    table: &MetricsTable,
    folder: &Path,
) -> Result<Vec<PathBuf>, ChartError> {
    let pictures = [
        ("metrics_table.png", metrics(trained, table)),
        ("histograms.png", histograms::picture(dataset)),
        ("heatmaps_grid.png", heatmaps::picture(trained)),
        ("learning_dashboard_2x2.png", dashboard::picture(trained, curves)),
        ("score_distributions.png", scores::picture(trained)),
    ];
    pictures
        .into_iter()
        .map(|(name, picture)| {
            let path = folder.join(name);
            picture.save(&path)?;
            Ok(path)
        })
        .collect()
}

fn note_of_recording(picture: &mut Picture<'static>, trained: &Trained) {
    if trained.is_recording() {
        picture.note(OF_THE_FIRST_PART);
    }
}

fn left_out_without_labels(picture: &mut Picture<'static>, what: &str) {
    picture.note(format!("Left out without labels: {what}. --label names their column."));
}

fn metrics(trained: &Trained, table: &MetricsTable) -> Picture<'static> {
    let title = if trained.is_recording() { "Metrics of a model fitted to Train" } else { "Metrics of the model" };
    let mut picture = Picture::new(title);
    note_of_recording(&mut picture, trained);
    if trained.evaluation.is_none() {
        left_out_without_labels(&mut picture, "all metrics");
        let notice = Notice::new("", "There are no labels to compare the predictions with.");
        picture.row(60.0, vec![(1.0, Box::new(notice))]);
        return picture;
    }
    picture.note(format!("At the threshold {:.4}; ROC_AUC at all thresholds.", trained.threshold));
    let table = table.chart();
    picture.row(table.height(), vec![(1.0, Box::new(table))]);
    picture
}
