//! Distributions of the features.

use turbine_core::dataset::Dataset;
use viz::chart::{Histogram, Panel, Picture, grid_columns, style};

/// A histogram per feature, normal readings and anomalies overlaid.
pub fn picture(dataset: &Dataset) -> Picture<'static> {
    let mut picture = Picture::new("Readings the model was trained and tested on");
    let panels = dataset.features().iter().enumerate().map(|(i, feature)| {
        let histogram = Histogram::new(&feature.name, feature.label());
        let (mut normal, mut anomalous) = (Vec::new(), Vec::new());
        match dataset.labels() {
            Some(labels) => {
                for (value, is_anomaly) in dataset.column(i).zip(labels) {
                    if *is_anomaly { anomalous.push(value) } else { normal.push(value) }
                }
                let histogram = histogram.group("normal", style::BLUE, &normal);
                Box::new(histogram.group("anomaly", style::VERMILLION, &anomalous).plot()) as Box<dyn Panel>
            }
            None => {
                normal.extend(dataset.column(i));
                Box::new(histogram.group("readings", style::BLUE, &normal).plot())
            }
        }
    });
    let panels: Vec<_> = panels.collect();
    picture.grid(grid_columns(panels.len()), 270.0, panels);
    picture
}
