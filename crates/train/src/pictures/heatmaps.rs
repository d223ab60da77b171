//! Correlation and confusion matrices.

use super::correlation::correlation;
use super::{left_out_without_labels, note_of_recording};
use turbine_core::evaluation::{Confusion, Evaluation};
use turbine_core::training::Trained;
use viz::chart::{Heatmap, Panel, Picture};

/// Maximum number of features with which all three grids fit into one row.
const MAX_IN_ONE_ROW: usize = 4;

/// Correlation of the features, and with labels the confusion matrices of Val and Test.
pub fn picture(trained: &Trained) -> Picture<'static> {
    let train = &trained.splits.train;
    let names: Vec<String> = train.features().names().map(str::to_owned).collect();
    let n = names.len();
    let correlation = Box::new(Heatmap::correlation("Correlation, Train", &names, &correlation(train)));
    let mut picture = Picture::new(match trained.evaluation {
        Some(_) => "Correlation of the features, and predictions against labels",
        None => "Correlation of the features",
    });
    note_of_recording(&mut picture, trained);
    // Large enough for the numbers in all cells.
    let height = (170.0 + 34.0 * n as f64).min(820.0);
    match trained.evaluation {
        Some(all) => {
            picture.note("Percentages in the confusion matrices are of the actual class.");
            let (val, test) = (confusion("Val", &all.val), confusion("Test", &all.test));
            if n <= MAX_IN_ONE_ROW {
                picture.row(300.0, vec![(1.6, correlation), (1.0, val), (1.0, test)]);
            } else {
                picture.row(height, vec![(1.0, correlation)]);
                picture.row(270.0, vec![(1.0, val), (1.0, test)]);
            }
        }
        None => {
            left_out_without_labels(&mut picture, "confusion matrices");
            picture.row(height, vec![(1.0, correlation)]);
        }
    }
    picture
}

fn confusion(split: &str, evaluation: &Evaluation) -> Box<dyn Panel> {
    let Confusion { true_positives, false_positives, true_negatives, false_negatives } = evaluation.confusion;
    let counts = [true_negatives, false_positives, false_negatives, true_positives];
    let classes = ["normal".to_owned(), "anomaly".to_owned()];
    Box::new(Heatmap::confusion(format!("Confusion matrix, {split}"), &classes, &counts))
}
