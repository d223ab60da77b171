//! The table of metrics: as CSV, for the terminal, and for a picture.

use comfy_table::{CellAlignment, presets};
use turbine_core::evaluation::Evaluation;
use turbine_core::training::Trained;
use viz::chart::Table;

const HEADER: [&str; 6] = ["Split", "Accuracy", "Precision", "Recall", "F1", "ROC_AUC"];

const METRICS: usize = HEADER.len() - 1;

/// One row per split. An undefined metric is an empty cell; without labels all are.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsTable {
    rows: Vec<(&'static str, [Option<f64>; METRICS])>,
}

impl MetricsTable {
    /// The metrics of a trained model.
    pub fn new(trained: &Trained) -> Self {
        let metrics = |e: &Evaluation| [e.accuracy, e.precision, e.recall, e.f1, e.roc_auc];
        let rows = match &trained.evaluation {
            Some(all) => [("Train", metrics(&all.train)), ("Val", metrics(&all.val)), ("Test", metrics(&all.test))],
            None => ["Train", "Val", "Test"].map(|split| (split, [None; METRICS])),
        };
        Self { rows: rows.to_vec() }
    }

    fn cells(&self, decimals: usize) -> impl Iterator<Item = Vec<String>> + '_ {
        // The last metric, ROC AUC, differs only after the fourth decimal.
        let cell = move |(i, metric): (usize, &Option<f64>)| match metric {
            Some(metric) if i + 1 == METRICS => format!("{metric:.0$}", decimals.max(5)),
            Some(metric) => format!("{metric:.decimals$}"),
            None => String::new(),
        };
        self.rows.iter().map(move |(split, metrics)| {
            std::iter::once((*split).to_owned()).chain(metrics.iter().enumerate().map(cell)).collect()
        })
    }

    /// The table as a CSV, with six decimals.
    ///
    /// # Errors
    /// Those of the CSV writer; none are expected in memory.
    pub fn csv(&self) -> anyhow::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(HEADER)?;
        for row in self.cells(6) {
            csv.write_record(row)?;
        }
        Ok(csv.into_inner()?)
    }

    /// The table for a terminal.
    pub fn terminal(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(HEADER);
        for row in self.cells(4) {
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    /// The table for a picture.
    pub fn chart(&self) -> Table {
        Table::new("", HEADER.map(String::from).to_vec(), self.cells(4).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table() -> MetricsTable {
        let rows =
            vec![("Train", [Some(1.0), Some(0.98765432), None, Some(0.5), Some(0.25)]), ("Val", [None; METRICS])];
        MetricsTable { rows }
    }

    #[test]
    fn undefined_metrics_are_empty_cells() {
        let csv = String::from_utf8(table().csv().unwrap()).unwrap();
        assert_eq!(
            csv,
            "Split,Accuracy,Precision,Recall,F1,ROC_AUC\n\
             Train,1.000000,0.987654,,0.500000,0.250000\n\
             Val,,,,,\n"
        );
    }

    #[test]
    fn the_terminal_shows_every_metric() {
        let text = table().terminal();
        for part in ["ROC_AUC", "Train", "Val", "0.9877", "0.25000"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
