//! Correlation and confusion matrices.

use super::correlation::correlation;
use super::{NEEDS_LABELS, note_of_recording};
use turbine_core::evaluation::Confusion;
use turbine_core::training::Trained;
use viz::chart::{Heatmap, Notice, Panel, Picture};

/// Maximum number of features with which all three grids fit into one row.
const MAX_IN_ONE_ROW: usize = 4;

/// Correlation of the features, and the confusion matrices of Val and Test.
pub fn picture(trained: &Trained) -> Picture<'static> {
    let train = &trained.splits.train;
    let names: Vec<String> = train.features().names().map(str::to_owned).collect();
    let n = names.len();
    let correlation = Box::new(Heatmap::correlation("Correlation, Train", &names, &correlation(train)));
    let confusion = |split: &str| -> Box<dyn Panel> {
        let title = format!("Confusion matrix, {split}");
        match &trained.evaluation {
            Some(all) => {
                let Confusion { true_positives, false_positives, true_negatives, false_negatives } =
                    if split == "Val" { all.val.confusion } else { all.test.confusion };
                let counts = [true_negatives, false_positives, false_negatives, true_positives];
                Box::new(Heatmap::confusion(title, &["normal".to_owned(), "anomaly".to_owned()], &counts))
            }
            None => Box::new(Notice::new(title, NEEDS_LABELS)),
        }
    };
    let mut picture = Picture::new("Features and verdicts");
    note_of_recording(&mut picture, trained);
    if trained.evaluation.is_some() {
        picture.note("Percentages in the confusion matrices are of the actual class.");
    }
    if n <= MAX_IN_ONE_ROW {
        picture.row(300.0, vec![(1.6, correlation), (1.0, confusion("Val")), (1.0, confusion("Test"))]);
    } else {
        let height = (170.0 + 34.0 * n as f64).min(820.0);
        picture.row(height, vec![(1.0, correlation)]);
        picture.row(270.0, vec![(1.0, confusion("Val")), (1.0, confusion("Test"))]);
    }
    picture
}
